from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from learning.admin import interval_picture
from learning.models import PolicyEvaluation
from learning.services import promotion
from routing.domain.policy import InvalidPolicy
from routing.services.policies import PolicyNotFound, PolicyNotUsable

Verdict = PolicyEvaluation.Verdict
NOTHING = "not known"
_ROWS = (("difference", "candidate less active"), ("target", "candidate"), ("active", "active policy"))
_ESTIMATORS = (("dr", "doubly robust"), ("snips", "self-normalized"), ("ips", "inverse propensity"))
_OVERLAP = (
    ("decisions", "rated decisions used"),
    ("clusters", "users"),
    ("effective_decisions", "decisions they weigh as"),
    ("effective_clusters", "users they weigh as"),
    ("contrast_decisions", "decisions on which the policies differ, as they weigh"),
    ("max_weight", "largest weight"),
    ("mean_weight", "mean weight"),
    ("clipped_share", "share of weights clipped"),
    ("overlap_share", "share the candidate could have made"),
    ("unsupported_share", "share of choices never seen"),
    ("unnamed_share", "share without a user"),
)


@admin.register(PolicyEvaluation)
class PolicyEvaluationAdmin(ConfirmedActions, ReadOnlyAdmin):
    """Candidates scored on past traffic; people may promote or reject one, each after a page that asks why."""

    actions = ("promote", "reject")
    list_display = (
        "evaluated_at",
        "candidate",
        "scope",
        "labelled_verdict",
        "compared_with",
        "decisions",
        "first_reason",
    )
    list_filter = ("verdict", "candidate__team")
    list_select_related = ("candidate__team", "compared_with")
    date_hierarchy = "evaluated_at"
    fields = (
        "candidate",
        "scope",
        "compared_with",
        "evaluated_at",
        "window_start",
        "window_end",
        "verdict",
        "decided_by",
        "shown_reasons",
        "quality",
        "cost",
        "shown_overlap",
    )
    readonly_fields = ("scope", "shown_reasons", "quality", "cost", "shown_overlap")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("routing.change_policyversion"))

    @action(description="Promote the candidate of the selected evaluation", permissions=["decide"])
    def promote(self, request: HttpRequest, queryset: QuerySet[PolicyEvaluation]) -> HttpResponse | None:
        return self._decide(request, queryset, "promote", "Route by policy {}", promotion.promote_by_hand)

    @action(description="Reject the candidate of the selected evaluation", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[PolicyEvaluation]) -> HttpResponse | None:
        return self._decide(request, queryset, "reject", "Give up policy {} for good", promotion.reject_by_hand)

    def _decide(
        self,
        request: HttpRequest,
        queryset: QuerySet[PolicyEvaluation],
        name: str,
        button: str,
        decide: Callable[..., Any],
    ) -> HttpResponse | None:
        def act(row: PolicyEvaluation, actor: str, reason: str) -> None:
            candidate = row.candidate
            decide(version=candidate.version, team=candidate.team, actor=actor, reason=reason, now=timezone.now())

        chosen = queryset.first()
        change = Change(
            name=name,
            button=button.format(chosen.candidate_id if chosen else ""),
            effects=lambda rows: [f"This is {self.scope(row)}; the gate's verdict was {row.verdict}." for row in rows],
            do=act,
            done="Done, and kept with your name and reason.",
            refusals=(InvalidPolicy, PolicyNotFound, PolicyNotUsable),
            is_single=True,
        )
        return self.confirmed(request, queryset.select_related("candidate__team"), change)

    @admin.display(description="of")
    def scope(self, evaluation: PolicyEvaluation) -> str:
        team = evaluation.candidate.team
        return "the shared policy" if team is None else f"team {team.slug}"

    @display(
        description="verdict",
        ordering="verdict",
        label={
            Verdict.PROMOTED: "success",
            Verdict.EXPERIMENT: "info",
            Verdict.HELD: "warning",
            Verdict.REJECTED: "danger",
        },
    )
    def labelled_verdict(self, evaluation: PolicyEvaluation) -> str:
        return evaluation.verdict

    @admin.display(description="because")
    def first_reason(self, evaluation: PolicyEvaluation) -> str:
        return next((reason["text"] for reason in evaluation.reasons if not reason["held"]), "all conditions held")

    @admin.display(description="conditions")
    def shown_reasons(self, evaluation: PolicyEvaluation) -> SafeString:
        marked = (("✓" if reason["held"] else "✗", reason["text"]) for reason in evaluation.reasons)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}</li>", marked))

    @admin.display(description="quality (reward, 0 to 1)")
    def quality(self, evaluation: PolicyEvaluation) -> SafeString | str:
        return _table(evaluation, "quality", lambda value: f"{value:.4f}")

    @admin.display(description="cost (USD a request)")
    def cost(self, evaluation: PolicyEvaluation) -> SafeString | str:
        return _table(evaluation, "cost", lambda value: f"{value:.9f}")

    @admin.display(description="what the log can say")
    def shown_overlap(self, evaluation: PolicyEvaluation) -> SafeString | str:
        found = evaluation.overlap
        rows = [(label, _number(found[name])) for name, label in _OVERLAP if name in found]
        rows += [(f"left out: {why}", str(count)) for why, count in found.get("left_out", {}).items()]
        if not rows:
            return NOTHING
        cells = format_html_join("", '<tr><td class="pr-4">{}</td><td>{}</td></tr>', rows)
        return format_html("<table>{}</table>", cells)


def _table(evaluation: PolicyEvaluation, kind: str, shown: Callable[[float], str]) -> SafeString | str:
    """Show the estimates of one kind with their intervals, as figures and as a picture with nothing at zero."""
    by_part = evaluation.estimates.get(kind)
    if not by_part:
        return NOTHING
    if not evaluation.overlap.get("is_reliable"):
        return "The log says too little; see the conditions."
    lines = [
        (f"{part_label}, {estimator_label}", by_part[part][estimator], part)
        for part, part_label in _ROWS
        for estimator, estimator_label in _ESTIMATORS
    ]
    rows = [
        (label, _interval(estimate, shown), interval_picture.draw(estimate, _siblings(by_part, part)))
        for label, estimate, part in lines
    ]
    cells = format_html_join("", '<tr><td class="pr-4">{}</td><td class="pr-4">{}</td><td>{}</td></tr>', rows)
    return format_html("<table>{}</table>", cells)


def _siblings(by_part: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    """Return the estimates that share a scale: differences among themselves, worths among themselves."""
    parts = [part] if part == "difference" else ["target", "active"]
    return [estimate for name in parts for estimate in by_part[name].values() if estimate is not None]


def _interval(estimate: Mapping[str, Any] | None, shown: Callable[[float], str]) -> str:
    if estimate is None:
        return NOTHING
    if estimate["low"] is None:
        return f"{shown(estimate['value'])}, without an interval"
    return f"{shown(estimate['value'])} ({shown(estimate['low'])} to {shown(estimate['high'])})"


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
