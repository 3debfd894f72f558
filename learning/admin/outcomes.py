from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin, dollars
from accounts.admin.confirmation import Change, ConfirmedActions
from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from learning.services import calibration, evaluation_sets
from learning.services.calibration_planning import CannotCalibrate


@admin.register(EvaluationSet)
class EvaluationSetAdmin(ConfirmedActions, ReadOnlyAdmin):
    list_display = (
        "name",
        "team",
        "source",
        "prompt_count",
        "outcome_count",
        "is_enabled",
        "created_at",
        "created_by",
    )
    list_filter = ("source", "is_enabled", "team")
    list_select_related = ("team",)
    search_fields = ("name",)
    exclude = ("content_hash",)
    actions = ("switch_on", "switch_off")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("learning.change_evaluationset")

    @action(description="Train on selected sets", permissions=["switch"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[EvaluationSet]) -> HttpResponse | None:
        return self._switch(request, queryset, "switch_on", is_enabled=True)

    @action(description="Do not train on selected sets", permissions=["switch"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[EvaluationSet]) -> HttpResponse | None:
        return self._switch(request, queryset, "switch_off", is_enabled=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[EvaluationSet], name: str, *, is_enabled: bool
    ) -> HttpResponse | None:
        def switch(evaluation_set: EvaluationSet, actor: str, reason: str) -> None:
            evaluation_sets.set_enabled(evaluation_set, is_enabled=is_enabled)

        learned = "are trained on" if is_enabled else "are left out"
        change = Change(
            name=name,
            button="Train on them" if is_enabled else "Leave them out",
            effects=lambda chosen: [f"From the next training on these sets {learned}; policies that route stay."],
            do=switch,
            done=f"Sets that were selected {learned} from the next training on.",
            refusals=(evaluation_sets.SetInUse,),
        )
        return self.confirmed(request, queryset, change)


@admin.register(EvaluationOutcome)
class EvaluationOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("evaluation_set", "model", "task", "quality", "cost", "output_tokens")
    list_filter = ("evaluation_set",)
    list_select_related = ("evaluation_set",)
    exclude = ("encrypted_prompt", "prompt_hash", "cost_nano_usd")
    readonly_fields = ("cost",)
    ordering = ("-pk",)
    sortable_by = ()

    @admin.display(description="cost")
    def cost(self, outcome: EvaluationOutcome) -> str:
        return dollars(outcome.cost_nano_usd)


@admin.register(Calibration)
class CalibrationAdmin(ConfirmedActions, ReadOnlyAdmin):
    list_display = (
        "created_at",
        "team",
        "labelled_state",
        "progress",
        "grader",
        "spent",
        "budget",
        "expected",
        "created_by",
    )
    list_filter = ("state", "grader", "team")
    list_select_related = ("team", "evaluation_set")
    exclude = ("budget_nano_usd", "estimated_nano_usd", "spent_nano_usd", "request_ids")
    readonly_fields = ("progress", "spent", "budget", "expected")
    actions = ("cancel",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("learning.change_calibration")

    @action(description="Cancel selected calibrations", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Calibration]) -> HttpResponse | None:
        def end(row: Calibration, actor: str, reason: str) -> None:
            calibration.cancel(row, now=timezone.now())

        change = Change(
            name="cancel",
            button="Cancel calibration",
            effects=lambda chosen: ["A command at work stops within seconds; what was graded and spent stays."],
            do=end,
            done="The selected calibrations are cancelled; a command at work stops within seconds.",
            refusals=(CannotCalibrate,),
        )
        return self.confirmed(request, queryset, change)

    @display(
        description="state",
        label={
            Calibration.State.PLANNED: "info",
            Calibration.State.RUNNING: "info",
            Calibration.State.PAUSED: "warning",
            Calibration.State.STOPPED: "warning",
            Calibration.State.COMPLETED: "success",
            Calibration.State.CANCELLED: "danger",
        },
    )
    def labelled_state(self, row: Calibration) -> str:
        return row.state

    @admin.display(description="progress")
    def progress(self, row: Calibration) -> str:
        total = len(row.request_ids) * len(row.model_names)
        failed = f", {len(row.failures)} failures" if row.failures else ""
        return f"{row.evaluation_set.outcome_count} of {total} answers graded{failed}"

    @admin.display(description="spent")
    def spent(self, row: Calibration) -> str:
        return dollars(row.spent_nano_usd)

    @admin.display(description="budget")
    def budget(self, row: Calibration) -> str:
        return "not confirmed" if row.state == Calibration.State.PLANNED else dollars(row.budget_nano_usd)

    @admin.display(description="expected cost")
    def expected(self, row: Calibration) -> str:
        return dollars(row.estimated_nano_usd)
