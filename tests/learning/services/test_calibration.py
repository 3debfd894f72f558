import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Team
from accounts.selectors import TeamInfo
from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from learning.selectors import outcome_report
from learning.selectors.outcomes import training_outcomes
from learning.services import calibration, calibration_ledger, calibration_planning, calibration_run, replay_prompts
from learning.services.calibration_costs import CostBook, NoPrice
from learning.services.calibration_planning import CannotCalibrate, Plan, Request
from learning.services.calibration_run import Ended, Progress, Tools
from learning.services.gateway_client import GatewayClient
from learning.services.graders import references, registry
from learning.services.graders.base import Context, InvalidGrader
from learning.services.graders.references import References
from learning.services.table_files import from_bytes
from routing.models import LedgerEntry, StoredPrompt
from routing.services import answer_copies, snapshot
from tests import factories
from tests.learning.services.fake_http import Answer, completion, fake_http, refusal

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CAPITALS = References(by_prompt=references.load(from_bytes(b"prompt,reference\nCapital 0?,zero\n", "r")).by_prompt)
FREE = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def fresh_snapshot() -> Iterator[None]:
    snapshot.reset()
    yield
    snapshot.reset()


def kept_prompt(team: Team, text: str, *, messages: Any = None, **fields: Any) -> LedgerEntry:
    """Write a request whose prompt its team keeps until the end of the year."""
    entry = factories.ledger_entry(team, prompt_fingerprint=uuid.uuid4().hex, **fields)
    info = TeamInfo(team.id, team.slug, "", None, 30)
    stored = answer_copies.stored_prompt(
        str(entry.request_id), info, messages or [{"role": "user", "content": text}], b"{}", NOW
    )
    assert stored is not None
    StoredPrompt.objects.bulk_create([stored])
    return entry


@pytest.fixture
def team() -> Team:
    """A team that keeps its prompts, and two models at a dollar and two, a tenth of that, per million tokens."""
    provider = factories.provider("acme")
    factories.price(factories.language_model(provider, "small"), "0.10", "0.20")
    factories.price(factories.language_model(provider, "large"), "1.00", "2.00")
    return factories.team(prompt_retention_days=30)


def plan(team: Team, refs: References = CAPITALS, **fields: Any) -> Plan:
    request = Request(**{"team": team, "grader": "http", "settings": {"url": "http://127.0.0.1:9/"}, **fields})
    return calibration_planning.plan(request, snapshot=snapshot.load(), references=refs, actor="ada", now=NOW, seed=1)


def begun(team: Team, **fields: Any) -> Calibration:
    row = plan(team, **fields).calibration
    key, _ = factories.api_key(team)
    calibration.begin(row, budget_nano_usd=10**12, api_key=key, now=NOW)
    return row


def worked(
    row: Calibration,
    gateway_url: str,
    *,
    stopping: threading.Event | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    refs: References = CAPITALS,
) -> Ended:
    stopping = stopping or threading.Event()
    gateway = GatewayClient(gateway_url, "aco_key", calibration_ledger.label(row), 5, stopping)
    book = CostBook(snapshot.load(), max_output_tokens=row.max_output_tokens, judge=row.grader_settings.get("model"))
    grader = registry.build(row.grader, Context(row.grader_settings, gateway, refs))
    return calibration_run.run(row, Tools(gateway, grader, book, lambda: NOW, stopping, workers=2), on_progress)


def echoing(body: dict[str, Any], _headers: dict[str, str]) -> Answer:
    """Answer with the question, as the model that was asked."""
    return completion(body["messages"][-1]["content"], body["model"])


def references_to(*texts: str) -> References:
    rows = "".join(f"{text},{text}\n" for text in texts)
    return references.load(from_bytes(f"prompt,reference\n{rows}".encode(), "refs"))


def test_plan_prices_each_model_as_the_router_expects_it_to_cost(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    planned = plan(team, max_output_tokens=100)
    # The messages count as 11 tokens; 100 tokens of answer are less than the typical 300.
    large = 11 * 1_000 + 100 * 2_000
    assert planned.expected_by_model == {"acme/small": large // 10, "acme/large": large}
    row = planned.calibration
    assert (row.state, row.estimated_nano_usd, row.spent_nano_usd) == ("planned", large + large // 10, 0)
    # Every model may be asked twice, and both answer at full length.
    assert planned.worst_nano_usd == 2 * (large + large // 10)
    assert not row.evaluation_set.is_enabled


def test_judge_is_part_of_the_price(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    graded = plan(team, grader="judge", settings={"model": "small"}, model_names=["large"])
    ungraded = plan(team, model_names=["large"])
    assert graded.calibration.grader_settings["model"] == "acme/small"
    assert graded.calibration.estimated_nano_usd > ungraded.calibration.estimated_nano_usd
    assert graded.worst_nano_usd > ungraded.worst_nano_usd


def test_team_that_keeps_no_prompts_is_never_replayed(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = plan(team).calibration
    Team.objects.update(prompt_retention_days=None)
    team.refresh_from_db()
    with pytest.raises(CannotCalibrate, match="does not keep its prompts"):
        plan(team)
    row.team = team
    with pytest.raises(CannotCalibrate, match="does not keep its prompts"):
        calibration.begin(row, budget_nano_usd=10**12, api_key=factories.api_key(team)[0], now=NOW)


def test_what_cannot_be_replayed_is_left_out(team: Team) -> None:
    wanted = kept_prompt(team, "Capital 0?")
    kept_prompt(team, "Capital 0?")
    kept_prompt(team, "", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])
    kept_prompt(team, "Graded before", session_id="optimizer-calibration-7")
    kept_prompt(team, "Failed", state=LedgerEntry.State.FAILED)
    kept_prompt(factories.team(prompt_retention_days=30), "Of another team")
    expired = kept_prompt(team, "Expired")
    StoredPrompt.objects.filter(request_id=expired.request_id).update(expires_at=NOW)
    found = replay_prompts.choose(team, size=300, now=NOW, seed=1, is_wanted=lambda _prompt: True)
    assert [prompt.text for prompt in found] == ["Capital 0?"]
    assert wanted.request_id


def test_team_without_usable_prompts_is_told_how_many_it_keeps(team: Team) -> None:
    kept_prompt(team, "Without reference")
    with pytest.raises(CannotCalibrate, match=r"Of the 1 prompts .* and have a reference answer"):
        plan(team, grader="reference", settings={"mode": "exact"})


def test_reference_grading_without_references_is_refused(team: Team) -> None:
    with pytest.raises(InvalidGrader, match="--references"):
        plan(team, References(), grader="reference", settings={"mode": "exact"})


def test_model_without_a_price_is_refused(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    factories.language_model(name="unpriced")
    with pytest.raises(NoPrice, match=r"unpriced' costs is not known"):
        plan(team, model_names=["small", "unpriced"])


def test_unknown_model_is_refused(team: Team) -> None:
    with pytest.raises(CannotCalibrate, match="No reachable provider offers the model 'nothing'"):
        plan(team, model_names=["nothing"])


def test_sample_is_drawn_again_with_the_same_seed(team: Team) -> None:
    for number in range(20):
        kept_prompt(team, f"Capital {number}?", pattern="code" if number % 2 else "general")
    first, again = (plan(team, prompts=6).calibration.request_ids for _ in range(2))
    assert first == again
    assert len(set(first)) == 6


def test_budget_must_cover_what_is_expected(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = plan(team, max_output_tokens=100).calibration
    key, _ = factories.api_key(team)
    with pytest.raises(CannotCalibrate, match=r"0\.0001 USD are too little: .* expected to cost 0\.0002321 USD"):
        calibration.begin(row, budget_nano_usd=100_000, api_key=key, now=NOW)
    with pytest.raises(CannotCalibrate, match=r"No budget is confirmed.*Give --budget-usd"):
        calibration.begin(row, budget_nano_usd=None, api_key=key, now=NOW)
    calibration.begin(row, budget_nano_usd=232_100, api_key=key, now=NOW)
    assert (row.state, row.budget_nano_usd, row.api_key) == ("running", 232_100, key)


def test_key_must_be_of_the_team_that_pays(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = plan(team).calibration
    key, secret = factories.api_key(team)
    _, foreign = factories.api_key()
    assert calibration.key_of(row, secret, NOW) == key
    with pytest.raises(CannotCalibrate, match=f"not a usable one of team {team.slug}"):
        calibration.key_of(row, foreign, NOW)


def test_only_one_command_works_on_a_calibration_until_it_falls_silent(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = begun(team)
    key = row.api_key
    assert key is not None
    with pytest.raises(CannotCalibrate, match=r"Another command works on .* after 12:01:00 UTC"):
        calibration.begin(row, budget_nano_usd=None, api_key=key, now=NOW + timedelta(seconds=59))
    calibration.begin(row, budget_nano_usd=None, api_key=key, now=NOW + FREE)


def test_calibration_that_is_worked_off_is_trained_on(team: Team) -> None:
    for number in range(3):
        kept_prompt(team, f"Capital {number}?", task="geo")
    row = begun(
        team,
        grader="reference",
        settings={"mode": "exact"},
        refs=(refs := references_to("Capital 0?", "Capital 1?", "Capital 2?")),
    )
    told: list[Progress] = []
    with fake_http(echoing) as gateway:
        ended = worked(row, gateway.url, refs=refs, on_progress=told.append)
    assert (ended.calibration.state, ended.why, row.failures) == ("completed", "", [])
    assert (row.evaluation_set.prompt_count, row.evaluation_set.outcome_count) == (3, 6)
    outcomes = set(training_outcomes(team))
    assert {(outcome.prompt, outcome.task, outcome.quality) for outcome in outcomes} == {
        (f"Capital {number}?", "geo", 1.0) for number in range(3)
    }
    assert (told[0], told[-1].done) == (Progress(0, 6, 0, 0), 6)
    assert {headers["x-optimizer-session"] for _, headers, _ in gateway.asked} == {f"optimizer-calibration-{row.pk}"}


def test_failures_are_recorded_passed_over_and_tried_again_under_another_key(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    refs = references_to("Capital 0?")
    row = begun(team, grader="reference", settings={"mode": "exact"}, refs=refs)

    def broken(body: dict[str, Any], headers: dict[str, str]) -> Answer:
        return refusal(422, "no") if body["model"] == "acme/large" else echoing(body, headers)

    with fake_http(broken) as gateway:
        worked(row, gateway.url, refs=refs)
    assert (row.state, row.evaluation_set.outcome_count) == ("completed", 1)
    assert [(failure["model"], failure["code"]) for failure in row.failures] == [("acme/large", "no")]
    [first_key] = [headers["idempotency-key"] for _, headers, body in gateway.asked if body["model"] == "acme/large"]
    assert row.api_key is not None
    calibration.begin(row, budget_nano_usd=None, api_key=row.api_key, now=NOW + FREE)
    with fake_http(echoing) as gateway:
        worked(row, gateway.url, refs=refs)
    assert (row.state, row.evaluation_set.outcome_count) == ("completed", 2)
    [(_, headers, body)] = gateway.asked
    assert body["model"] == "acme/large"
    assert headers["idempotency-key"] != first_key


def test_interrupted_run_goes_on_where_it_stopped(team: Team) -> None:
    texts = [f"Capital {number}?" for number in range(8)]
    for text in texts:
        kept_prompt(team, text)
    refs = references_to(*texts)
    row = begun(team, grader="reference", settings={"mode": "exact"}, refs=refs)
    stopping = threading.Event()

    def interrupt(state: Progress) -> None:
        threading.Event.set(stopping) if state.done >= 3 else None

    with fake_http(echoing) as gateway:
        ended = worked(row, gateway.url, refs=refs, stopping=stopping, on_progress=interrupt)
    done = EvaluationOutcome.objects.count()
    assert (row.state, ended.why, row.failures) == ("paused", "it was interrupted", [])
    assert 3 <= done < 16
    assert list(training_outcomes(team)) == []
    assert row.api_key is not None
    calibration.begin(row, budget_nano_usd=None, api_key=row.api_key, now=NOW)
    with fake_http(echoing) as gateway:
        worked(row, gateway.url, refs=refs)
    assert (row.state, row.evaluation_set.outcome_count, len(gateway.asked)) == ("completed", 16, 16 - done)


def test_budget_that_is_spent_elsewhere_pauses_the_run(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = begun(team)
    with fake_http(lambda _body, _headers: refusal(402, "budget_exceeded")) as gateway:
        ended = worked(row, gateway.url)
    assert (row.state, ended.why, row.failures) == ("paused", "refused: budget_exceeded", [])


def test_many_failures_in_a_row_pause_the_run(team: Team) -> None:
    for number in range(12):
        kept_prompt(team, f"Capital {number}?")
    row = begun(team)
    with fake_http(lambda _body, _headers: refusal(422, "no")) as gateway:
        ended = worked(row, gateway.url)
    assert row.state == "paused"
    assert "10 answers failed in a row, the last one thus: refused: no" in ended.why
    assert 10 <= len(row.failures) <= 12


def test_answer_of_another_provider_is_not_taken_for_the_models(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = begun(team, model_names=["small"])
    with fake_http(lambda _body, _headers: completion("Hi", "elsewhere/small")) as gateway:
        worked(row, gateway.url)
    assert [failure["code"] for failure in row.failures] == ["served_elsewhere"]


def test_no_answer_is_begun_that_could_pass_the_budget(team: Team) -> None:
    for number in range(3):
        kept_prompt(team, f"Capital {number}?")
    planned = plan(team, model_names=["large"], max_output_tokens=100)
    row = planned.calibration
    key, _ = factories.api_key(team)
    # 211,000 nano-dollars are expected of each answer, and at most 422,000.
    calibration.begin(row, budget_nano_usd=633_000, api_key=key, now=NOW)
    factories.ledger_entry(
        team, created_at=NOW, session_id=calibration_ledger.label(row), cost_nano_usd=100_000, state="settled"
    )
    factories.ledger_entry(
        team,
        created_at=NOW,
        session_id=calibration_ledger.label(row),
        cost_nano_usd=None,
        reserved_nano_usd=120_000,
        state="pending",
    )
    with fake_http(echoing) as gateway:
        ended = worked(row, gateway.url)
    assert (row.state, row.spent_nano_usd, gateway.asked) == ("stopped", 220_000, [])
    assert "does not cover the most that the next answer can cost" in ended.why


def test_cancelled_calibration_stops_at_work_and_cannot_be_taken_up(team: Team) -> None:
    kept_prompt(team, "Capital 0?")
    row = begun(team)
    calibration.cancel(Calibration.objects.get(), now=NOW)
    assert calibration.renew(row, NOW) is False
    calibration.end(row, Calibration.State.COMPLETED, NOW)
    assert (row.state, EvaluationSet.objects.get().is_enabled) == ("cancelled", False)
    assert row.api_key is not None
    with pytest.raises(CannotCalibrate, match="was cancelled: plan a new one"):
        calibration.begin(row, budget_nano_usd=None, api_key=row.api_key, now=NOW + FREE)
    with pytest.raises(CannotCalibrate, match="there is nothing to cancel"):
        calibration.cancel(row, now=NOW)


def test_judges_agreement_is_kept_and_models_are_compared(team: Team) -> None:
    texts = [f"Capital {number}?" for number in range(10)]
    for text in texts:
        kept_prompt(team, text)
    refs = references_to(*texts)
    row = begun(
        team, grader="judge", settings={"model": "large", "mode": "exact"}, model_names=["small", "large"], refs=refs
    )

    def answering(body: dict[str, Any], headers: dict[str, str]) -> Answer:
        if "-judge-" in headers["idempotency-key"]:
            return completion('{"score": 5}', body["model"])
        return echoing(body, headers)

    with fake_http(answering) as gateway:
        worked(row, gateway.url, refs=refs)
    assert row.judge_agreement is not None
    assert row.judge_agreement["references"]["pairs"] == 20
    assert row.judge_agreement["references"]["rate"] == 1.0
    assert row.judge_agreement["repeated"]["pairs"] == len(gateway.asked) - 40
    report = outcome_report.by_model(row.evaluation_set, row.failures)
    assert [(model.model, model.outcomes, model.quality) for model in report] == [
        ("acme/large", 10, 1.0),
        ("acme/small", 10, 1.0),
    ]


def test_price_of_a_model_is_never_guessed(team: Team) -> None:
    book = CostBook(snapshot.load(), max_output_tokens=10, judge=None)
    with pytest.raises(NoPrice):
        book.of([{"role": "user", "content": "x"}], "acme/unknown")
    assert Decimal(book.of([{"role": "user", "content": "x"}], "acme/small").expected) > 0
