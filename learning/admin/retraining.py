from dataclasses import asdict

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin, dollars
from accounts.admin.confirmation import MOST_REASON_CHARACTERS
from accounts.models import Team
from accounts.services import audit
from learning.admin import tables
from learning.models import ModelPerformance, RetrainingRun
from learning.services import retraining
from learning.services.run_lock import RetrainingInProgress
from routing.domain.policy import InvalidPolicy
from routing.services import database_clock

State = RetrainingRun.State


@admin.register(RetrainingRun)
class RetrainingRunAdmin(ReadOnlyAdmin):
    """Every run with what it changed; the button shows what one would change now, and applies it."""

    actions_list = ("retrain",)
    list_display = (
        "started_at",
        "scope",
        "trigger",
        "actor",
        "labelled_state",
        "number_of_changes",
        "policy_before",
        "policy_after",
        "quality_checked_at",
    )
    list_filter = ("state", "trigger", "team")
    list_select_related = ("team", "policy_before", "policy_after")
    date_hierarchy = "started_at"
    fields = (
        "run_id",
        "scope",
        "trigger",
        "actor",
        "state",
        "started_at",
        "finished_at",
        "error",
        "shown_changes",
        "shown_skipped",
        "policy_before",
        "policy_after",
        "quality_before",
        "quality_after",
        "quality_checked_at",
        "parameters",
    )
    readonly_fields = ("scope", "shown_changes", "shown_skipped")

    def has_retrain_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("learning.add_retrainingrun"))

    @action(description="Retrain: dry run", url_path="retrain", permissions=["retrain"])
    def retrain(self, request: HttpRequest) -> HttpResponse:
        """Show what a run would change; on POST, run."""
        slug = (request.POST if request.method == "POST" else request.GET).get("team", "")
        team = Team.objects.filter(slug=slug, learns_alone=True).first()
        if slug and team is None:
            self.message_user(request, f"Team {slug} has no policy of its own.", messages.ERROR)
            return HttpResponseRedirect(reverse("admin:learning_retrainingrun_changelist"))
        if request.method == "POST":
            return self._apply(request, team)
        report = self._run(request, team, dry_run=True)
        context = {
            **self.admin_site.each_context(request),
            "title": "Retrain",
            "report": report,
            "changes": tables.changes(map(asdict, report.changes)),
            "skipped": tables.skipped(map(asdict, report.skipped)),
            "team": slug,
            "teams": list(Team.objects.filter(learns_alone=True).values_list("slug", flat=True)),
            "back": reverse("admin:learning_retrainingrun_changelist"),
            "most_characters": MOST_REASON_CHARACTERS,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/learning/retrain.html", context)

    def _apply(self, request: HttpRequest, team: Team | None) -> HttpResponse:
        reason = request.POST.get("reason", "").strip()[:MOST_REASON_CHARACTERS]
        if not reason:
            self.message_user(request, "Say why the run is to be applied.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        try:
            report = self._run(request, team, dry_run=False)
        except (RetrainingInProgress, InvalidPolicy) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:learning_retrainingrun_changelist"))
        run = RetrainingRun.objects.get(run_id=report.run_id)
        # Not in one transaction with the run: what a run that fails has to tell is kept too.
        audit.record(user_id=request.user.pk, row=run, what=f"Retrain: {reason}", is_new=True)
        self.message_user(request, f"The run changed {report.total_changes} patterns or confidences.")
        return HttpResponseRedirect(reverse("admin:learning_retrainingrun_change", args=(report.run_id,)))

    def _run(self, request: HttpRequest, team: Team | None, *, dry_run: bool) -> retraining.RetrainingReport:
        return retraining.retrain(
            team=team,
            trigger=RetrainingRun.Trigger.ADMIN,
            actor=request.user.get_username(),
            dry_run=dry_run,
            now=database_clock.now(),
        )

    @admin.display(description="of", ordering="team")
    def scope(self, run: RetrainingRun) -> str:
        return "all that share" if run.team is None else run.team.slug

    @admin.display(description="changes")
    def number_of_changes(self, run: RetrainingRun) -> int:
        return len(run.changes)

    @admin.display(description="changes")
    def shown_changes(self, run: RetrainingRun) -> SafeString:
        return tables.changes(run.changes)

    @admin.display(description="not chosen")
    def shown_skipped(self, run: RetrainingRun) -> SafeString:
        return tables.skipped(run.skipped)

    @display(
        description="state",
        ordering="state",
        label={State.RUNNING: "info", State.SUCCEEDED: "success", State.FAILED: "danger"},
    )
    def labelled_state(self, run: RetrainingRun) -> str:
        return run.state


@admin.register(ModelPerformance)
class ModelPerformanceAdmin(ReadOnlyAdmin):
    list_display = (
        "updated_at",
        "pattern",
        "provider",
        "model",
        "team",
        "avg_quality_score",
        "correctness_rate",
        "sample_count",
        "confidence_level",
        "confidence_score",
        "avg_cost",
        "total_cost",
    )
    list_filter = ("pattern", "confidence_level", "provider", "team")
    list_select_related = ("team",)
    search_fields = ("model", "provider")
    date_hierarchy = "updated_at"
    exclude = ("avg_cost_nano_usd", "total_cost_nano_usd")
    readonly_fields = ("avg_cost", "total_cost")

    @admin.display(description="cost of a request", ordering="avg_cost_nano_usd")
    def avg_cost(self, row: ModelPerformance) -> str:
        return dollars(row.avg_cost_nano_usd)

    @admin.display(description="cost of all", ordering="total_cost_nano_usd")
    def total_cost(self, row: ModelPerformance) -> str:
        return dollars(row.total_cost_nano_usd)
