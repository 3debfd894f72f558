from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action, display

from accounts.admin.base import BoundedPaginator, ReadOnlyAdmin, dollars
from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from learning.services import calibration, evaluation_sets
from learning.services.calibration_planning import CannotCalibrate


@admin.register(EvaluationSet)
class EvaluationSetAdmin(ReadOnlyAdmin):
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
    def switch_on(self, request: HttpRequest, queryset: QuerySet[EvaluationSet]) -> None:
        for evaluation_set in queryset:
            try:
                evaluation_sets.set_enabled(evaluation_set, is_enabled=True)
            except evaluation_sets.SetInUse as error:
                self.message_user(request, str(error), level="error")
        self.message_user(request, "Complete sets that were selected are trained on from the next training on.")

    @action(description="Do not train on selected sets", permissions=["switch"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[EvaluationSet]) -> None:
        for evaluation_set in queryset:
            evaluation_sets.set_enabled(evaluation_set, is_enabled=False)
        self.message_user(request, "Selected sets are switched off from the next training on.")


@admin.register(EvaluationOutcome)
class EvaluationOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("evaluation_set", "model", "task", "quality", "cost", "output_tokens")
    list_filter = ("evaluation_set",)
    list_select_related = ("evaluation_set",)
    exclude = ("encrypted_prompt", "prompt_hash", "cost_nano_usd")
    readonly_fields = ("cost",)
    ordering = ("-pk",)
    sortable_by = ()
    show_full_result_count = False
    paginator = BoundedPaginator

    @admin.display(description="cost")
    def cost(self, outcome: EvaluationOutcome) -> str:
        return dollars(outcome.cost_nano_usd)


@admin.register(Calibration)
class CalibrationAdmin(ReadOnlyAdmin):
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
    def cancel(self, request: HttpRequest, queryset: QuerySet[Calibration]) -> None:
        for row in queryset:
            try:
                calibration.cancel(row, now=timezone.now())
            except CannotCalibrate as error:
                self.message_user(request, str(error), level="warning")
            else:
                self.message_user(
                    request, f"Calibration {row.pk} is cancelled; a command at work stops within seconds."
                )

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
