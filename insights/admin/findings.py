from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin, dollars
from accounts.domain.features import FeatureDisabled
from accounts.models import Team
from accounts.services import audit, features
from accounts.services.features import Feature
from insights.admin import team_page
from insights.domain.answers import Answer
from insights.models import Finding, Review
from insights.selectors.findings import FindingNotFound
from insights.services import actions, answers, reviews
from insights.services.actions import ActionNotFound, NotApplicable
from insights.services.answers import FindingClosed, NothingToApply
from insights.services.reviews import ReviewInProgress
from routing.services import database_clock

_STYLE = forms.Media(css={"all": ("experiments/experiments.css", "insights/insights.css")})
_APPLIED = "applied"
# What a person may be told instead of having it done.
REFUSALS = (
    ActionNotFound,
    FeatureDisabled,
    FindingClosed,
    FindingNotFound,
    NotApplicable,
    NothingToApply,
    ReviewInProgress,
)


class AnswerForm(forms.Form):
    """An answer as the page's buttons give it: one of the verdicts, or ``applied`` for accepted and applied."""

    verdict = forms.ChoiceField(choices=[(name, name) for name in (*Answer, _APPLIED)])
    reason = forms.CharField(max_length=1000, required=False)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=1000, required=False)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    """All findings as a list, and the page of one team, where they are answered."""

    list_display = (
        "title",
        "page_of_team",
        "labelled_severity",
        "labelled_status",
        "savings",
        "confidence",
        "finding_type",
        "created_at",
        "last_seen_on",
    )
    list_filter = ("status", "severity", "category", "team")
    list_select_related = ("team",)
    search_fields = ("title", "fingerprint")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("team/<slug:slug>/", view(self.team_view), name="insights_team"),
            path("team/<slug:slug>/review/", view(self.review_view), name="insights_review_now"),
            path("<int:finding_id>/answer/", view(self.answer_view), name="insights_answer"),
            path("action/<int:action_id>/revert/", view(self.revert_view), name="insights_revert"),
        ]
        return [*own, *super().get_urls()]

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("insights.change_finding"))

    def team_view(self, request: HttpRequest, slug: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        team = get_object_or_404(Team, slug=slug)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Cost reviews of {team.name}",
            "opts": self.model._meta,
            "media": _STYLE,
            "may_answer": self.has_answer_permission(request),
            **team_page.context(team, now=database_clock.now()),
        }
        return TemplateResponse(request, "admin/insights/team.html", context)

    @method_decorator(require_POST)
    def review_view(self, request: HttpRequest, slug: str) -> HttpResponse:
        team = get_object_or_404(Team, slug=slug)

        def review() -> str:
            features.require(Feature.COST_REVIEW, team)
            done = reviews.run(
                team,
                trigger=Review.Trigger.ADMIN,
                actor=request.user.get_username(),
                now=database_clock.now(),
            )
            return f"Reviewed {done.requests:,} requests: {done.new_findings} new, {done.resolved_findings} resolved."

        return self._done(request, team, review)

    @method_decorator(require_POST)
    def answer_view(self, request: HttpRequest, finding_id: int) -> HttpResponse:
        finding = get_object_or_404(Finding.objects.select_related("team"), id=finding_id)
        form = AnswerForm(request.POST)

        def answer() -> str:
            said, reason = form.cleaned_data["verdict"], form.cleaned_data["reason"]
            applies = said == _APPLIED
            what = "accepted and applied" if applies else said
            with audit.recorded(user_id=_user_id(request), row=finding, what=f"{what}: {reason}"):
                answers.answer(
                    finding.id,
                    finding.team,
                    verdict=Answer.ACCEPTED if applies else Answer(said),
                    reason=reason,
                    apply=applies,
                    actor=request.user.get_username(),
                    now=database_clock.now(),
                )
            return f"{what.capitalize()}: {finding.title}"

        if not form.is_valid():
            messages.error(request, "Choose accepted, rejected or ignored; a reason has at most 1,000 characters.")
            return _to_page(finding.team)
        return self._done(request, finding.team, answer)

    @method_decorator(require_POST)
    def revert_view(self, request: HttpRequest, action_id: int) -> HttpResponse:
        try:
            applied = actions.find(action_id, None)
        except ActionNotFound as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:insights_finding_changelist"))
        form = ReasonForm(request.POST)
        reason = form.cleaned_data["reason"] if form.is_valid() else ""

        def revert() -> str:
            with audit.recorded(user_id=_user_id(request), row=applied, what=f"taken back: {reason}"):
                actions.revert(applied, actor=request.user.get_username(), now=database_clock.now(), reason=reason)
            return f"Taken back: {applied.finding.title}"

        return self._done(request, applied.team, revert)

    def _done(self, request: HttpRequest, team: Team, work: Callable[[], str]) -> HttpResponse:
        """Do what may be refused, tell what came of it, and go back to the team's page."""
        if not self.has_answer_permission(request):
            raise PermissionDenied
        try:
            messages.success(request, work())
        except REFUSALS as error:
            messages.error(request, str(error))
        return _to_page(team)

    @admin.display(description="team", ordering="team")
    def page_of_team(self, finding: Finding) -> SafeString:
        address = reverse("admin:insights_team", args=(finding.team.slug,))
        return format_html('<a href="{}">{}</a>', address, finding.team.slug)

    @display(
        description="severity",
        ordering="severity",
        label={"critical": "danger", "high": "warning", "medium": "info", "low": "info"},
    )
    def labelled_severity(self, finding: Finding) -> str:
        return finding.severity

    @display(
        description="status",
        ordering="status",
        label={"open": "info", "accepted": "success", "rejected": "danger", "resolved": "success"},
    )
    def labelled_status(self, finding: Finding) -> str:
        return finding.status

    @admin.display(description="might save a month", ordering="estimated_monthly_savings_nano_usd")
    def savings(self, finding: Finding) -> str:
        amount = finding.estimated_monthly_savings_nano_usd
        return "" if amount is None else dollars(amount)


def _user_id(request: HttpRequest) -> int:
    assert request.user.pk is not None, "the admin lets nobody in who has not logged in"
    return int(request.user.pk)


def _to_page(team: Team) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:insights_team", args=(team.slug,)))
