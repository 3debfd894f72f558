from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin.base import BoundedAdmin
from accounts.services import audit
from accounts.services.features import FeatureDisabled
from experiments.admin import decision, page, pictures, report, words
from experiments.admin.forms import NewExperimentForm
from experiments.admin.steps import REFUSALS, STEPS, Step
from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.services import analyses, creation
from experiments.services.analyses import ExperimentBusy
from experiments.services.strategies import InvalidStrategy
from routing.domain.traffic_split import NamespaceFull
from routing.services import database_clock

Status = Experiment.Status
_PAGE = "admin:experiments_experiment_change"
_STYLE: dict[str, Sequence[str]] = {"all": ("experiments/experiments.css",)}
_STEPS = {step.name: step for step in STEPS}


@admin.register(Experiment)
class ExperimentAdmin(BoundedAdmin):
    """Experiments as people read them; what they decide is asked for once more, with a reason."""

    list_display = ("name", "labelled_status", "compared", "bar", "effect", "found", "scope", "started_at")
    list_filter = ("status", "decision_status", "is_trial", "on_winner", "unit", "team")
    list_select_related = ("team",)
    search_fields = ("name", "description", "control_strategy", "test_strategy")
    date_hierarchy = "started_at"
    list_before_template = "admin/experiments/list_intro.html"
    actions = ()

    class Media:
        css = _STYLE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        rows: QuerySet[Experiment] = super().get_queryset(request)
        return rows.defer("analysis_state", "requirements", "description")

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        # Its results and notices say what was found and who decided; an experiment is ended, never deleted.
        return False

    def has_step_permission(self, request: HttpRequest, step: Step) -> bool:
        may_change = bool(self.has_change_permission(request))
        return may_change and (step.name != "promote" or _may_promote(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.step_view)
        own = [
            path(
                f"<int:experiment_id>/{step.name}/",
                view,
                {"name": step.name},
                name=f"experiments_experiment_{step.name}",
            )
            for step in STEPS
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        experiment = self._find(request, object_id)
        now = database_clock.now()
        try:
            experiment = analyses.refresh(experiment, now=now)
        except ExperimentBusy:
            # What the others find is stored, and shown the next time.
            messages.info(request, "The experiment is being analyzed; reload the page for the newest figures.")
        context = {
            **page.context(experiment, now=now),
            "steps": [
                (step, reverse(f"admin:experiments_experiment_{step.name}", args=(experiment.pk,)))
                for step in STEPS
                if step.is_open(experiment) and self.has_step_permission(request, step)
            ],
            "base_url": f"{request.scheme}://{request.get_host()}",
        }
        return self._render(request, "experiment", str(experiment), {**context, "original": experiment})

    def step_view(self, request: HttpRequest, experiment_id: int, name: str) -> HttpResponse:
        """Ask for a reason, and do it on POST."""
        step, experiment = _STEPS[name], self._find(request, str(experiment_id))
        if not self.has_step_permission(request, step):
            raise PermissionDenied
        back = reverse(_PAGE, args=(experiment.pk,))
        if not step.is_open(experiment):
            messages.error(request, f"The experiment is {experiment.status}: {step.button} is for another state.")
            return HttpResponseRedirect(back)
        form, now = step.form(request, experiment), database_clock.now()
        if request.method == "POST" and form.is_valid():
            try:
                with audit.recorded(user_id=request.user.pk, row=experiment, what=_record(step, form)):
                    told = step.act(experiment, request.user.get_username(), form, now)
                messages.success(request, told)
            except REFUSALS as error:
                messages.error(request, str(error))
            return HttpResponseRedirect(back)
        effects = list(step.effects(experiment, now))
        context = {
            "original": experiment,
            **page.arms(experiment),
            "step": step,
            "effects": effects,
            "form": form,
            "back": back,
        }
        return self._render(request, "confirm", step.question, context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the experiment would need first; start it when that has been seen."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewExperimentForm(request.POST or None, may_promote=_may_promote(request))
        drafted = None
        if request.method == "POST" and form.is_valid():
            was_seen = "_start" in request.POST and form.cleaned_data["previewed"] == form.fingerprint
            drafted = self._start(request, form, is_draft=not was_seen)
            if drafted is not None and drafted.pk:
                messages.success(request, "The experiment runs: requests can join within a second.")
                return HttpResponseRedirect(reverse(_PAGE, args=(drafted.pk,)))
        context = {
            "form": form,
            "drafted": drafted,
            **(page.plan(drafted) if drafted else {}),
            "back": reverse("admin:experiments_experiment_changelist"),
        }
        return self._render(request, "new", "New experiment", context)

    def _start(self, request: HttpRequest, form: NewExperimentForm, *, is_draft: bool) -> Experiment | None:
        """Start the experiment, or only plan it; what stands in the way is told in the form."""
        act = creation.draft if is_draft else creation.create
        actor, now = request.user.get_username(), database_clock.now()
        try:
            return act(form.design(), team=form.cleaned_data["team"], actor=actor, now=now)
        except InvalidStrategy as error:
            form.add_error(error.field, str(error))
        except NamespaceFull as error:
            form.add_error("namespace", str(error))
        except (InvalidPlan, FeatureDisabled) as error:
            form.add_error(None, str(error))
        return None

    def _find(self, request: HttpRequest, object_id: str) -> Experiment:
        experiment = self.get_object(request, object_id)
        if experiment is None:
            raise Http404("There is no such experiment.")
        if not self.has_view_permission(request, experiment):
            raise PermissionDenied
        return Experiment.objects.select_related("team").get(pk=experiment.pk)

    def _render(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.model._meta,
            "media": forms.Media(css=_STYLE),
        }
        return TemplateResponse(request, f"admin/experiments/{template}.html", {**shared, **context})

    @display(
        description="status",
        ordering="status",
        label={Status.RUNNING: "info", Status.COMPLETED: "success", Status.CANCELLED: "warning"},
    )
    def labelled_status(self, experiment: Experiment) -> str:
        return experiment.status

    @admin.display(description="test against control", ordering="test_strategy")
    def compared(self, experiment: Experiment) -> SafeString:
        test, control = (decision.strategy_of(experiment, experiment.arms[number]["name"]) for number in (1, 0))
        return format_html("<span><strong>{}</strong> against {}</span>", test, control)

    @admin.display(description="progress")
    def bar(self, experiment: Experiment) -> SafeString | str:
        share = (experiment.last_analysis or {}).get("progress")
        if share is None:
            return words.UNKNOWN
        picture = pictures.progress(share, label=f"Progress of {experiment.name}")
        return format_html('<span class="exp-cell">{} {}</span>', picture, f"{share:.0%}")

    @admin.display(description="cost of the test")
    def effect(self, experiment: Experiment) -> SafeString | str:
        change, interval = report.effect(experiment.last_analysis)
        if not change:
            return words.UNKNOWN
        picture = report.effect_picture(experiment.last_analysis)
        return format_html('<span class="exp-cell"><strong>{}</strong> {} {}</span>', change, interval, picture)

    @display(
        description="decision",
        ordering="decision_status",
    )
    def found(self, experiment: Experiment) -> str:
        return decision.headline(experiment).text

    @admin.display(description="traffic of", ordering="team")
    def scope(self, experiment: Experiment) -> str:
        return "all teams" if experiment.team is None else experiment.team.slug


def _record(step: Step, form: forms.Form) -> str:
    """Say what was done, and why or with which values, as the history keeps it."""
    given = [str(value) for value in form.cleaned_data.values() if value not in (None, "")]
    return f"{step.button}: {', '.join(given)}"


def _may_promote(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("routing.change_policyversion"))
