"""Results are copied from the ledger and from ratings, each once."""

from datetime import timedelta

import pytest

from experiments.models import ExperimentResult
from experiments.services import collection
from routing.models import Exposure, LedgerEntry
from routing.services.exposure_collector import unit_hash
from tests import factories
from tests.experiments.settled_traffic import NOW, START, TWO_DAYS_LATER, ask, begin, half_the_cost, rate

pytestmark = pytest.mark.django_db
State = LedgerEntry.State


def test_closed_requests_become_results_with_what_they_cost_and_took() -> None:
    experiment = begin()
    entry = ask(
        experiment, "test", 1, 1_500, reference_cost_nano_usd=2_000, latency_ms=320, first_token_ms=90, is_fallback=True
    )[0]

    assert collection.collect(experiment, now=NOW) == 1

    result = ExperimentResult.objects.get()
    assert (result.request_id, result.arm, result.phase) == (entry.request_id, "test", 1)
    assert (result.cost_nano_usd, result.reference_cost_nano_usd) == (1_500, 2_000)
    assert (result.latency_ms, result.first_token_ms) == (320, 90)
    assert (result.is_success, result.is_fallback, result.quality_score) == (True, True, None)
    assert result.unit == unit_hash(entry.team_id, "test-0")


def test_collecting_again_changes_nothing() -> None:
    experiment = begin()
    half_the_cost(experiment, 3)
    entry = ask(experiment, "test", 1, 100_000, first_user=9)[0]
    rate(entry, 4)

    # Seven requests and one rating.
    assert collection.collect(experiment, now=NOW) == 8
    assert collection.collect(experiment, now=NOW) == 0
    assert collection.collect(experiment, now=NOW, everything=True) == 0
    assert ExperimentResult.objects.count() == 7


def test_open_requests_wait_and_those_of_others_stay_out() -> None:
    experiment, other = begin(), begin()
    ask(experiment, "test", 1, None, state=State.PENDING, settled_at=None)
    ask(other, "test", 1, 100)
    factories.ledger_entry(factories.team())

    assert collection.collect(experiment, now=NOW) == 0
    assert collection.collect(other, now=NOW) == 1


def test_what_a_budget_refused_is_no_outcome_of_its_arm() -> None:
    experiment = begin()
    ask(experiment, "control", 1, 0, state=State.FAILED, http_status=402, error_code="budget_exceeded")
    ask(experiment, "test", 1, 100, http_status=None)

    assert collection.collect(experiment, now=NOW) == 1
    assert ExperimentResult.objects.get().arm == "test"


@pytest.mark.parametrize("state", [State.FAILED, State.PARTIAL, State.ORPHANED])
def test_requests_that_were_not_answered_in_full_count_as_failed(state: str) -> None:
    experiment = begin()
    ask(experiment, "control", 1, 700, state=state)

    collection.collect(experiment, now=NOW)

    assert list(ExperimentResult.objects.values_list("is_success", "cost_nano_usd")) == [(False, 700)]


def test_request_that_was_closed_for_dead_and_answered_after_all_is_corrected() -> None:
    experiment = begin()
    entry = ask(experiment, "control", 1, 900, state=State.ORPHANED)[0]
    collection.collect(experiment, now=NOW)
    later = START + timedelta(minutes=3)
    LedgerEntry.objects.filter(request_id=entry.request_id).update(
        state=State.SETTLED, settled_at=later, cost_nano_usd=400
    )

    assert collection.collect(experiment, now=NOW) == 1

    assert list(ExperimentResult.objects.values_list("is_success", "cost_nano_usd")) == [(True, 400)]


def test_newest_rating_counts_whenever_it_comes() -> None:
    experiment = begin()
    entry = ask(experiment, "control", 1, 900)[0]
    collection.collect(experiment, now=NOW)
    first = rate(entry, 2, is_correct=False, reward=0.25)
    collection.collect(experiment, now=NOW)
    before = ExperimentResult.objects.get()
    newest = rate(entry, 5, is_correct=True, reward=1.0, user_id="somebody else")

    collection.collect(experiment, now=NOW)

    after = ExperimentResult.objects.get()
    assert (before.feedback_id, before.quality_score, before.is_correct) == (first.id, 2, False)
    assert (after.feedback_id, after.quality_score, after.is_correct, after.reward) == (newest.id, 5, True, 1.0)


def test_ratings_survive_the_correction_of_their_request() -> None:
    experiment = begin()
    entry = ask(experiment, "control", 1, 900, state=State.ORPHANED)[0]
    rate(entry, 3)
    collection.collect(experiment, now=NOW)
    LedgerEntry.objects.filter(request_id=entry.request_id).update(
        state=State.SETTLED, settled_at=START + timedelta(minutes=3)
    )

    collection.collect(experiment, now=NOW)

    assert ExperimentResult.objects.get().quality_score == 3


def test_rating_that_is_not_linked_is_left_alone() -> None:
    experiment = begin()
    entry = ask(experiment, "control", 1, 900)[0]
    rate(entry, 3, linked=False)

    collection.collect(experiment, now=NOW)

    assert ExperimentResult.objects.get().quality_score is None


def test_what_comes_late_is_found_at_the_end() -> None:
    experiment = begin()
    collection.collect(experiment, now=TWO_DAYS_LATER)
    # Committed only now, though it is from the first minute.
    ask(experiment, "control", 1, 900)

    assert collection.collect(experiment, now=TWO_DAYS_LATER) == 0
    assert collection.collect(experiment, now=TWO_DAYS_LATER, everything=True) == 1


def test_what_is_left_for_the_next_time_is_found_then() -> None:
    experiment = begin()
    ask(experiment, "control", 5, 100)

    copied = [collection.collect(experiment, now=NOW, at_most=2) for _ in range(4)]

    assert copied == [2, 2, 1, 0]


def test_units_have_the_names_of_their_exposures() -> None:
    by_user, by_session, by_request = (begin(unit=unit) for unit in ("user", "session", "request"))
    entries = [ask(one, "test", 1, 100, session_id="s")[0] for one in (by_user, by_session, by_request)]
    Exposure.objects.create(
        experiment_id=by_user.id, phase=1, unit=unit_hash(entries[0].team_id, "test-0"), arm="test", exposed_at=START
    )

    for experiment in (by_user, by_session, by_request):
        collection.collect(experiment, now=NOW)

    units = dict(ExperimentResult.objects.values_list("experiment_id", "unit"))
    assert units[by_user.id] == Exposure.objects.get().unit
    assert units[by_session.id] == unit_hash(entries[1].team_id, "s")
    assert units[by_request.id] == entries[2].request_id.hex
