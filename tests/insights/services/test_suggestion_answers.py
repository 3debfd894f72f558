from typing import Any

import pytest

from accounts.models import Team
from insights.domain.answers import Answer
from insights.models import AppliedAction, Finding, SuggestionFeedback
from insights.selectors.findings import FindingNotFound
from insights.services import answers
from insights.services.actions import NotApplicable
from insights.services.answers import FindingClosed, NothingToApply, Recorded
from routing.models import TeamRule
from routing.services.idempotency import IdempotencyMismatch
from tests import factories
from tests.insights.reviewed_traffic import NOW, catalog, finding

pytestmark = pytest.mark.django_db
ROUTE = {"kind": "route_pattern", "parameters": {"pattern": "code", "model": "openai/gpt-small"}}


def say(row: Finding, verdict: Answer = Answer.ACCEPTED, team: Team | None = None, **options: Any) -> Recorded:
    return answers.answer(row.id, team or row.team, **{"verdict": verdict, "actor": "key abc", "now": NOW, **options})


def test_an_answer_is_kept_with_what_is_learned_from() -> None:
    row = finding(factories.team(), severity="high", confidence=0.8)

    recorded = say(row, Answer.REJECTED, reason="We need the large one.")

    kept = SuggestionFeedback.objects.get()
    assert (kept.verdict, kept.reason, kept.actor) == ("rejected", "We need the large one.", "key abc")
    assert (kept.finding_type, kept.category, kept.severity, kept.confidence) == (
        "overpowered_model",
        "cost",
        "high",
        0.8,
    )
    row.refresh_from_db()
    assert (row.status, row.answered_at, recorded.is_replay) == ("rejected", NOW, False)


def test_the_same_answer_again_is_the_one_that_was_stored() -> None:
    row = finding(factories.team())

    first, second = say(row, reason="Fine"), say(row, reason="Fine")

    assert (second.feedback.id, second.is_replay) == (first.feedback.id, True)
    assert SuggestionFeedback.objects.count() == 1


def test_a_team_may_change_its_mind() -> None:
    row = finding(factories.team())
    say(row, Answer.REJECTED)

    say(row, Answer.ACCEPTED)

    row.refresh_from_db()
    assert (row.status, SuggestionFeedback.objects.count()) == ("accepted", 2)


def test_an_idempotency_key_stores_one_answer_and_refuses_another() -> None:
    row = finding(factories.team())
    first = say(row, idempotency_key="k1")
    say(row, Answer.REJECTED, idempotency_key="k2")

    again = say(row, idempotency_key="k1")

    assert (again.feedback.id, again.is_replay) == (first.feedback.id, True)
    row.refresh_from_db()
    assert row.status == "rejected"
    with pytest.raises(IdempotencyMismatch):
        say(row, Answer.IGNORED, idempotency_key="k1")


def test_keys_of_two_teams_do_not_meet() -> None:
    one, other = finding(factories.team()), finding(factories.team())
    say(one, idempotency_key="k")

    assert not say(other, idempotency_key="k").is_replay


def test_another_teams_finding_is_not_there() -> None:
    row = finding(factories.team())

    with pytest.raises(FindingNotFound):
        say(row, team=factories.team())

    assert not SuggestionFeedback.objects.exists()


@pytest.mark.parametrize("status", ["resolved", "expired"])
def test_what_is_over_asks_for_no_answer(status: str) -> None:
    row = finding(factories.team(), status=status, closed_at=NOW)

    with pytest.raises(FindingClosed, match=status):
        say(row)


def test_accepting_may_take_the_action_at_once() -> None:
    catalog()
    row = finding(factories.team(), action=ROUTE)

    recorded = say(row, apply=True)
    again = say(row, apply=True)

    assert recorded.applied == again.applied == AppliedAction.objects.get()
    assert TeamRule.objects.get().model == "openai/gpt-small"


def test_what_was_accepted_may_be_applied_later() -> None:
    catalog()
    row = finding(factories.team(), action=ROUTE)
    say(row)

    recorded = say(row, apply=True)

    assert (recorded.is_replay, recorded.applied is not None) == (False, True)


def test_an_answer_whose_action_cannot_be_taken_is_not_kept() -> None:
    # No such model is in the catalog.
    row = finding(factories.team(), action=ROUTE)

    with pytest.raises(NotApplicable):
        say(row, apply=True)

    row.refresh_from_db()
    assert (row.status, SuggestionFeedback.objects.count()) == ("open", 0)


def test_a_suggestion_for_people_cannot_be_applied() -> None:
    with pytest.raises(NothingToApply):
        say(finding(factories.team()), apply=True)


def test_only_what_is_accepted_can_be_applied() -> None:
    with pytest.raises(ValueError, match="accepted"):
        say(finding(factories.team(), action=ROUTE), Answer.REJECTED, apply=True)
