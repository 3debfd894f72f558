from collections.abc import Iterable, Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from jobs.models import DeadLetter, JobRun, OutboxMessage, Pulse, Work
from jobs.services import dead_letters, registry
from jobs.services.dead_letters import AlreadyDecided, NothingToRetry

_COLORS = {
    Work.State.QUEUED: "info",
    Work.State.RUNNING: "info",
    Work.State.SUCCEEDED: "success",
    Work.State.FAILED: "warning",
    Work.State.DEAD: "danger",
}


class WorkAdmin(ReadOnlyAdmin):
    @display(description="state", ordering="state", label=_COLORS)
    def labelled_state(self, work: Work) -> tuple[str, str]:
        return work.state, work.get_state_display()

    @admin.display(description="took")
    def took(self, work: Work) -> str:
        if work.started_at is None or work.finished_at is None or work.finished_at < work.started_at:
            return "-"
        return f"{(work.finished_at - work.started_at).total_seconds():.1f} s"


class JobFilter(admin.SimpleListFilter):
    """The jobs of this version; asking the table which it knows would read all of it."""

    title = "job"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[JobRun]) -> list[tuple[str, str]]:
        return [(name, name.replace(".tasks.", ": ").replace("_", " ")) for name in registry.jobs()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> QuerySet[JobRun]:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(JobRun)
class JobRunAdmin(WorkAdmin):
    """What every job did in each of its periods."""

    list_display = ("name", "period_key", "labelled_state", "trigger", "attempts", "started_at", "took", "error")
    list_filter = (JobFilter, "state", "trigger")
    search_fields = ("name", "period_key", "error")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(WorkAdmin):
    """What is to happen because of changes, and what has happened already."""

    list_display = ("handler", "labelled_state", "attempts", "created_at", "due_at", "finished_at", "error")
    list_filter = ("state",)
    search_fields = ("handler", "error")


@admin.register(Pulse)
class PulseAdmin(ReadOnlyAdmin):
    """Tasks that come every few seconds or minutes: how each of them is."""

    list_display = ("name", "is_well", "last_success_at", "last_failure_at", "failures", "error")

    @admin.display(description="is well", boolean=True, ordering="is_failing")
    def is_well(self, pulse: Pulse) -> bool:
        return not pulse.is_failing


@admin.register(DeadLetter)
class DeadLetterAdmin(ConfirmedActions, ReadOnlyAdmin):
    """What was given up; somebody decides whether it is tried again."""

    actions = ("retry", "dismiss")
    list_display = ("name", "kind", "reason", "died_at", "outcome", "decided_by")
    list_filter = ("kind", "outcome")
    search_fields = ("name", "reason")
    list_select_related = ("run", "message")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("jobs.change_deadletter"))

    @action(description="Try the selected again", permissions=["decide"])
    def retry(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self.confirmed(request, queryset, _RETRY)

    @action(description="Dismiss the selected", permissions=["decide"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self.confirmed(request, queryset, _DISMISS)


def _retry_effects(letters: Sequence[DeadLetter]) -> Iterable[str]:
    yield "A worker starts each of them within seconds, with four new attempts."
    if any(letter.kind == DeadLetter.Kind.MESSAGE for letter in letters):
        yield "Unreadable messages cannot be tried again and stay as they are."


def _dismiss_effects(letters: Sequence[DeadLetter]) -> Iterable[str]:
    yield "Nothing is done about them any more; the health of jobs no longer counts them."


_RETRY = Change(
    name="retry",
    button="Try again",
    effects=_retry_effects,
    do=lambda letter, actor, _reason: dead_letters.retry(letter, actor=actor),
    done="They are tried again.",
    refusals=(AlreadyDecided, NothingToRetry),
)
_DISMISS = Change(
    name="dismiss",
    button="Dismiss",
    effects=_dismiss_effects,
    do=lambda letter, actor, _reason: dead_letters.dismiss(letter, actor=actor),
    done="They are dismissed.",
    refusals=(AlreadyDecided,),
)
