import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from accounts.services import config_version
from feedback.models import ResponseFeedback
from learning.models import LearningAlert, LearningOverride, ModelPerformance, RetrainingRun
from learning.services import run_lock
from routing.domain.policy import InvalidPolicy
from routing.models import LanguageModel, ModelPrice, PolicyActivation, PolicyVersion
from routing.selectors import policies
from routing.services import policies as policy_services
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db


def in_force(team: Any = None) -> dict[str, str]:
    active = policies.active(team)
    found = active.document["overrides"] if active else []
    return {entry["pattern"]: f"{entry['provider']}/{entry['model']}" for entry in found}


def rows() -> dict[str, str]:
    active = LearningOverride.objects.filter(status="active")
    return {row.pattern: f"{row.provider}/{row.model}" for row in active}


def everything() -> dict[str, Any]:
    models = (
        LearningAlert,
        LearningOverride,
        ModelPerformance,
        PolicyActivation,
        PolicyVersion,
        ResponseFeedback,
        RetrainingRun,
    )
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def test_ten_good_unnamed_ratings_of_ten_requests_change_routing() -> None:
    catalog()
    rate(factories.team(), 10)

    report = retrain()

    assert in_force() == rows() == {"code": "openai/gpt-large"}
    assert (report.patterns_updated, report.total_changes) == (1, 1)
    change = report.changes[0]
    assert (change.action, change.previous, change.confidence, change.sample_count) == ("set", None, "high", 10)
    # 0.2 + 0.4·5/5 + 0.4·1
    assert (change.confidence_score, change.avg_quality, change.correctness_rate) == (1.0, 5.0, 1.0)


def test_a_run_is_stored_with_what_it_saw_and_did() -> None:
    catalog()
    rate(factories.team(), 10, cost_nano_usd=1_500)
    rate(factories.team(), 4, served_model="gpt-small", cost_nano_usd=100)

    report = retrain(min_samples=7)

    run = RetrainingRun.objects.get(run_id=report.run_id)
    assert (run.state, run.trigger, run.actor) == ("succeeded", "command", "tests")
    assert (run.parameters["min_samples"], run.parameters["since"]) == (7, "2025-12-04T13:00:00+00:00")
    assert (run.policy_before_id, run.policy_after_id) == (None, report.policy_version)
    assert [change["pattern"] for change in run.changes] == ["code"]
    assert [(entry["model"], entry["why"]) for entry in run.skipped] == [
        ("gpt-small", "too few ratings: 4, 5 are needed")
    ]
    assert run.quality_before == {"code": {"ratings": 14, "avg_quality": 5.0}}
    history = ModelPerformance.objects.filter(run=run).order_by("model")
    assert [(row.model, row.avg_cost_nano_usd, row.total_cost_nano_usd) for row in history] == [
        ("gpt-large", 1_500, 15_000),
        ("gpt-small", 100, 400),
    ]
    assert [row.confidence_level for row in history] == ["high", "low"]


def test_what_is_expected_of_a_change() -> None:
    catalog()
    rate(factories.team(), 10, cost_nano_usd=4_000, quality_score=5)
    rate(factories.team(), 10, served_model="gpt-small", cost_nano_usd=1_000, quality_score=3)

    effect = retrain(dry_run=True).changes[0].expected_effect

    # Before: both models as they were rated, (4000 + 1000) / 2 and (5 + 3) / 2.
    assert (effect.avg_cost_nano_usd_before, effect.avg_cost_nano_usd_after) == (2_500, 4_000)
    assert (effect.avg_quality_before, effect.avg_quality_after) == (4.0, 5.0)


def test_a_dry_run_writes_nothing_at_all() -> None:
    catalog()
    rate(factories.team(), 10)
    before, version = everything(), config_version.current()

    report = retrain(dry_run=True)

    assert (report.dry_run, report.total_changes, report.policy_version) == (True, 1, None)
    assert (everything(), config_version.current()) == (before, version)


def test_a_dry_run_says_what_the_run_then_does() -> None:
    catalog()
    rate(factories.team(), 10)
    rate(factories.team(), 4, served_model="gpt-small", pattern="factual")

    promised, done = retrain(dry_run=True), retrain()

    assert (promised.changes, promised.skipped) == (done.changes, done.skipped)


def test_poor_feedback_changes_nothing() -> None:
    catalog()
    rate(factories.team(), 50, quality_score=1, is_correct=False)

    report = retrain()

    assert (report.total_changes, in_force(), policies.active(None)) == (0, {}, None)
    assert [entry.why for entry in report.skipped] == ["low quality: 1.00 stars, 3.50 are needed"]


def test_no_feedback_changes_nothing() -> None:
    report = retrain()

    assert (report.candidates, report.total_changes, report.policy_version) == (0, 0, None)


def test_thousand_ratings_of_one_person_weigh_as_five() -> None:
    catalog()
    team = factories.team()
    rate(team, 7, quality_score=5)
    rate(team, 1_000, user_id="eve", quality_score=1, is_correct=False)

    report = retrain(dry_run=True)

    # (7·5 + 5·1) / 12 stars
    assert [(entry.sample_count, entry.avg_quality) for entry in report.skipped] == [(12, 3.333333)]


def test_the_ratings_of_a_team_that_learns_alone_weigh_nothing_for_others() -> None:
    catalog()
    alone = factories.team(learns_alone=True)
    rate(alone, 10)

    assert retrain().candidates == 0
    assert retrain(alone).total_changes == 1
    assert (in_force(), in_force(alone)) == ({}, {"code": "openai/gpt-large"})


def test_ratings_of_others_weigh_nothing_for_a_team_that_learns_alone() -> None:
    catalog()
    rate(factories.team(), 10)

    assert retrain(factories.team(learns_alone=True)).candidates == 0


def test_unlinked_ratings_weigh_nothing() -> None:
    catalog()
    rate(factories.team(), 10, linked=False)

    assert retrain().candidates == 0


def test_ratings_older_than_the_window_weigh_nothing() -> None:
    catalog()
    rate(factories.team(), 10)

    assert retrain(dry_run=True, now=factories.NOON + timedelta(days=90)).candidates == 1
    assert retrain(dry_run=True, now=factories.NOON + timedelta(days=90, minutes=1)).candidates == 0


def test_two_ratings_do_not_appear() -> None:
    catalog()
    rate(factories.team(), 2)

    assert retrain(dry_run=True).candidates == 0


def test_a_second_run_on_the_same_evidence_makes_no_new_policy() -> None:
    catalog()
    rate(factories.team(), 10)

    first, second = retrain(), retrain()

    assert (second.total_changes, second.policy_version) == (0, first.policy_version)
    assert PolicyVersion.objects.count() == 1
    assert RetrainingRun.objects.filter(state="succeeded").count() == 2


def test_more_ratings_make_a_new_version_with_newer_figures() -> None:
    catalog()
    team = factories.team()
    rate(team, 10)
    first = retrain()
    rate(team, 2)

    second = retrain()

    assert second.total_changes == 0
    assert second.policy_version != first.policy_version
    assert LearningOverride.objects.get().sample_count == 12


def test_a_new_policy_keeps_what_else_the_active_one_holds() -> None:
    catalog()
    document = {
        "schema": 1,
        "strategy": "learning",
        "overrides": [],
        "quality_floor": 0.6,
        "tolerance": 0.1,
        "usd_per_quality": 0.5,
        "exploration_share": 0.2,
        "random_share": 0.1,
    }
    published = policy_services.publish(team=None, document=document, source="staff", actor="ann", now=NOW)
    policy_services.activate(published, kind="staff", actor="ann", reason="", now=NOW)
    rate(factories.team(), 10)

    retrain()

    active = policies.active(None)
    assert active is not None
    assert {**active.document, "overrides": []} == document


def test_the_first_policy_explores_as_configured() -> None:
    catalog()
    rate(factories.team(), 10)

    with override_settings(EXPLORATION_SHARE=0.03, RANDOM_SHARE=0.01):
        retrain()

    active = policies.active(None)
    assert active is not None
    assert (active.document["exploration_share"], active.document["random_share"]) == (0.03, 0.01)
    assert active.document["strategy"] == "hybrid"


def test_an_override_that_scores_low_is_revoked_with_its_reason() -> None:
    catalog()
    team = factories.team()
    rate(team, 10)
    retrain()
    rate(team, 40, quality_score=1)

    report = retrain()

    assert [(change.action, change.previous) for change in report.changes] == [("revoke", "openai/gpt-large")]
    assert in_force() == rows() == {}
    row = LearningOverride.objects.get()
    # (10·5 + 40·1) / 50 stars
    assert (row.status, row.revoked_reason) == ("revoked", "low quality: 1.80 stars, 3.50 are needed")
    assert row.revoked_by == ""


def test_a_cheaper_model_as_good_replaces_the_override() -> None:
    catalog()
    team = factories.team()
    rate(team, 10, cost_nano_usd=5_000)
    retrain()
    rate(team, 10, served_model="gpt-small", cost_nano_usd=100)

    report = retrain()

    assert [(change.action, change.previous, change.model) for change in report.changes] == [
        ("replace", "openai/gpt-large", "gpt-small")
    ]
    assert rows() == {"code": "openai/gpt-small"}
    assert LearningOverride.objects.get(status="revoked").revoked_reason == (
        "replaced by openai/gpt-small: the cheapest of 2 within 0.25 stars of the best"
    )


@pytest.mark.parametrize("withdrawn", [{"is_routable": False}, {"is_enabled": False}, {"tier": ""}])
def test_the_override_of_a_withdrawn_model_is_revoked(withdrawn: dict[str, Any]) -> None:
    _, large = catalog()
    rate(factories.team(), 10)
    retrain()
    LanguageModel.objects.filter(id=large.id).update(**withdrawn)

    assert [change.reason for change in retrain().changes] == ["auto may not choose the model now"]


def test_the_override_of_a_model_without_a_price_is_revoked() -> None:
    _, large = catalog()
    rate(factories.team(), 10)
    retrain()
    ModelPrice.objects.filter(language_model=large).delete()

    assert [change.action for change in retrain().changes] == ["revoke"]


def test_costs_from_before_a_change_of_price_do_not_decide() -> None:
    small, _ = catalog()
    team = factories.team()
    day_later = factories.NOON + timedelta(days=1)
    rate(team, 10, served_model="gpt-small", cost_nano_usd=100)
    rate(team, 10, cost_nano_usd=1_000)
    ModelPrice.objects.filter(language_model=small).update(active_to=day_later)
    factories.price(small, "9", "9", active_from=day_later)
    rate(team, 5, served_model="gpt-small", cost_nano_usd=9_000, requested_at=day_later)

    report = retrain(now=day_later + timedelta(hours=1))

    assert in_force() == {"code": "openai/gpt-large"}
    small_row = ModelPerformance.objects.get(run_id=report.run_id, model="gpt-small")
    # The history keeps what was really paid: 10·100 + 5·9000.
    assert small_row.total_cost_nano_usd == 46_000


def test_ratings_of_a_former_version_of_a_model_weigh_nothing() -> None:
    _, large = catalog()
    team = factories.team()
    rate(team, 10)
    retrain()
    LanguageModel.objects.filter(id=large.id).update(
        upstream_name="gpt-large-2", updated_at=factories.NOON + timedelta(days=1)
    )

    assert [change.reason for change in retrain(now=NOW + timedelta(days=2)).changes] == [
        "too few ratings within the window"
    ]
    # Nor do they in the runs after the one that noticed.
    assert retrain(now=NOW + timedelta(days=3)).candidates == 0


def test_people_are_counted_once_and_unnamed_ratings_of_a_key_as_one() -> None:
    catalog()
    team = factories.team()
    key, _ = factories.api_key(team)
    rate(team, 5, api_key=key)
    rate(team, 5, user_id="ann")
    rate(team, 2, user_id="bob")

    with override_settings(LEARNING_MIN_DISTINCT_USERS=4):
        report = retrain(dry_run=True)

    assert [entry.why for entry in report.skipped] == ["rated by 3 people, 4 are needed"]


def test_an_old_opinion_weighs_less_among_voices() -> None:
    catalog()
    team = factories.team()
    old = factories.NOON - timedelta(days=70)
    rate(team, 12, quality_score=2, requested_at=old)
    rate(team, 12, quality_score=5)

    report = retrain(dry_run=True)

    # Plain: (12·2 + 12·5) / 24 = 3.5 stars, just not low. By voice, with weights 256 and 1024,
    # (256·12·2 + 1024·12·5) / (256·12 + 1024·12) = 4.4. The recent ones weigh more, but the plain mean stands too.
    assert [(change.avg_quality, change.confidence) for change in report.changes] == [(3.5, "medium")]


def test_recent_poor_ratings_outweigh_old_good_ones() -> None:
    catalog()
    team = factories.team()
    rate(team, 12, quality_score=5, requested_at=factories.NOON - timedelta(days=70))
    rate(team, 12, quality_score=2)

    # Plain 3.5 stars; by voice (256·12·5 + 1024·12·2) / (256·12 + 1024·12) = 2.6.
    assert [entry.why for entry in retrain(dry_run=True).skipped] == [
        "ratings disagree by user or age: 2.60 stars where every person counts once and recent ratings count more, "
        "3.50 over all ratings"
    ]


def test_a_person_may_not_outvote_the_others_by_rating_often() -> None:
    catalog()
    team = factories.team()
    for week in range(6):
        when = datetime(2026, 1, 19, 12, tzinfo=UTC) + timedelta(weeks=week)
        rate(team, 5, user_id="fan", requested_at=when)
    for number in range(8):
        rate(team, 1, user_id=f"critic-{number}", quality_score=2)

    why = [entry.why for entry in retrain(dry_run=True).skipped]

    # Plain (30·5 + 8·2) / 38 = 4.37; by voice (5 + 8·2) / 9, all voices of the last month.
    assert len(why) == 1
    assert why[0].startswith("ratings disagree by user or age: 2.33 stars")


def test_an_outcome_that_cannot_be_routed_by_leaves_everything_as_it_was() -> None:
    catalog()
    rate(factories.team(), 10)

    with override_settings(EXPLORATION_SHARE=2.0), pytest.raises(InvalidPolicy):
        retrain()

    run = RetrainingRun.objects.get()
    assert run.state == "failed"
    assert run.error.startswith("InvalidPolicy: exploration_share")
    assert (in_force(), rows(), ModelPerformance.objects.count()) == ({}, {}, 0)


def test_a_second_run_is_refused_while_the_first_has_not_ended() -> None:
    run_lock.begin(team=None, trigger="api", actor="tests", parameters={}, now=NOW)

    with pytest.raises(run_lock.RetrainingInProgress):
        retrain(now=NOW + timedelta(minutes=14))

    assert retrain(factories.team(learns_alone=True)).total_changes == 0


def test_a_run_left_behind_is_taken_over_and_changes_nothing_any_more() -> None:
    left = run_lock.begin(team=None, trigger="api", actor="tests", parameters={}, now=NOW)

    retrain(now=NOW + timedelta(minutes=15))

    left.refresh_from_db()
    assert left.state == "failed"
    with pytest.raises(run_lock.RetrainingTakenOver):
        run_lock.hold(left)


@pytest.mark.django_db(transaction=True)
def test_of_two_runs_at_once_one_is_refused_or_finds_nothing_new() -> None:
    catalog()
    rate(factories.team(), 10)
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(f"{retrain().total_changes} changes")
        except run_lock.RetrainingInProgress:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) in (["1 changes", "refused"], ["0 changes", "1 changes"])
    assert PolicyVersion.objects.count() == 1


def test_a_rollback_restores_policy_and_table() -> None:
    catalog()
    team = factories.team()
    rate(team, 10, cost_nano_usd=5_000)
    first = retrain()
    rate(team, 10, served_model="gpt-small", cost_nano_usd=100)
    retrain()
    assert first.policy_version is not None

    policy_services.rollback(version=first.policy_version, team=None, actor="ann", reason="", now=NOW)

    assert in_force() == rows() == {"code": "openai/gpt-large"}
