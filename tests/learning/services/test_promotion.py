"""Candidates scored on the traffic of the active policy: promoted, handed on, held, rejected, and always explained."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings

from learning.models import PolicyEvaluation
from learning.services import promotion
from routing.models import LanguageModel, LedgerEntry, PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotFound, PolicyNotUsable
from tests import factories
from tests.learning.logged_traffic import LARGE, NOW, SMALL, Shares, activate, catalog, publish, write

pytestmark = pytest.mark.django_db

EQUAL = {SMALL: 0.8, LARGE: 0.8}


def routing_now():
    return policy_selectors.active(None)


@pytest.fixture
def team():
    catalog()
    return factories.team("builders")


@pytest.fixture
def dear(team):
    """Let code prompts go to the dear model, while both are tried."""
    return activate(publish(LARGE))


def evaluated(policy, **fields):
    return promotion.evaluate(policy, now=NOW, **fields)


def failed(evaluation):
    return [reason["name"] for reason in evaluation.reasons if not reason["held"]]


def test_an_equally_good_and_cheaper_candidate_routes_from_its_evaluation_on(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    candidate = publish(SMALL)

    evaluation = evaluated(candidate)

    assert (evaluation.verdict, failed(evaluation)) == ("promoted", [])
    assert routing_now() == candidate
    activation = PolicyActivation.objects.get(policy=candidate)
    assert (activation.kind, activation.actor, activation.replaced_id) == ("promotion", "gate", dear.version)
    assert activation.reason == f"evaluation {evaluation.pk}: all conditions of the gate hold"
    assert PolicyVersion.objects.get(version=dear.version).state == "retired"


def test_the_true_differences_lie_within_the_recorded_intervals(team, dear) -> None:
    # Of six tenths greedy, three tenths tried (always the other model) and a tenth at random, 0.65 go to the override's
    # model: the candidate sends 0.3 more of the requests to the small one, which costs 0.0019 dollars less.
    write(team, dear, reward={SMALL: 0.75, LARGE: 0.8})

    evaluation = evaluated(publish(SMALL))

    quality = evaluation.estimates["quality"]["difference"]
    cost = evaluation.estimates["cost"]["difference"]
    for estimator in ("dr", "snips", "ips"):
        assert quality[estimator]["low"] <= 0.3 * -0.05 <= quality[estimator]["high"]
        assert cost[estimator]["low"] <= 0.3 * -0.0019 <= cost[estimator]["high"]
    assert evaluation.decisions == 400
    assert evaluation.overlap["clusters"] == 80
    assert evaluation.overlap["left_out"] == {}


def test_a_candidate_that_is_surely_worse_by_more_than_the_margin_is_rejected(team, dear) -> None:
    write(team, dear, reward={SMALL: 0.4, LARGE: 0.8})
    candidate = publish(SMALL)

    evaluation = evaluated(candidate)

    assert (evaluation.verdict, failed(evaluation)) == ("rejected", ["quality"])
    assert PolicyVersion.objects.get(version=candidate.version).state == "rejected"
    assert routing_now().version == dear.version


def test_a_candidate_that_is_dearer_and_no_better_is_rejected(team) -> None:
    cheap = activate(publish(SMALL))
    write(team, cheap, reward=EQUAL)

    evaluation = evaluated(publish(LARGE))

    assert (evaluation.verdict, failed(evaluation)) == ("rejected", ["cost"])


def test_a_candidate_that_decides_alike_is_rejected_for_it_saves_nothing(team, dear) -> None:
    write(team, dear, reward=EQUAL)

    evaluation = evaluated(publish(LARGE))

    assert (evaluation.verdict, failed(evaluation)) == ("rejected", ["cost"])
    assert evaluation.overlap["contrast_decisions"] is None


def test_a_candidate_whose_quality_is_not_sure_yet_waits(team, dear) -> None:
    write(team, dear, users=40, reward={SMALL: 0.76, LARGE: 0.8})

    with override_settings(PROMOTION_QUALITY_MARGIN=0.012):
        evaluation = evaluated(publish(SMALL))

    assert (evaluation.verdict, failed(evaluation)) == ("held", ["quality"])
    assert evaluation.candidate.state == "candidate"


def test_where_nothing_was_tried_the_product_does_not_speak(team) -> None:
    never_tries = activate(publish(LARGE, shares=Shares(0.0, 0.0)))
    write(team, never_tries, reward=EQUAL)

    evaluation = evaluated(publish(SMALL))

    assert (evaluation.verdict, failed(evaluation)) == ("held", ["evidence"])
    assert "was never tried where it would choose it" in evaluation.reasons[3]["text"]
    assert evaluation.overlap["is_reliable"] is False


def test_without_any_rated_decision_the_candidate_waits(team, dear) -> None:
    evaluation = evaluated(publish(SMALL))

    assert (evaluation.verdict, evaluation.decisions, failed(evaluation)) == ("held", 0, ["evidence"])
    assert "There are no rated decisions to compare on." in [reason["text"] for reason in evaluation.reasons]


def test_few_users_are_not_enough_however_much_they_rate(team, dear) -> None:
    # Nine users of 100 requests each in one week: five of each count.
    write(team, dear, users=9, each=100, reward=EQUAL)

    evaluation = evaluated(publish(SMALL))

    assert (evaluation.verdict, evaluation.decisions) == ("held", 45)


def test_enough_traffic_hands_the_candidate_to_an_experiment(team, dear) -> None:
    # 500 requests a week of at least 100 users: 2,000 in 28 days.
    write(team, dear, users=200, each=10, reward=EQUAL)
    candidate = publish(SMALL)

    evaluation = evaluated(candidate)

    assert (evaluation.verdict, failed(evaluation)) == ("experiment", [])
    assert evaluation.facts["traffic"] == {"decisions": 2000, "users": 200}
    assert routing_now().version == dear.version
    assert PolicyVersion.objects.get(version=candidate.version).state == "on_trial"


def test_every_verdict_of_the_gate_can_be_computed_again_from_what_is_stored(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    evaluated(publish(LARGE))
    evaluated(publish(SMALL))
    evaluated(publish(LARGE))

    stored = PolicyEvaluation.objects.order_by("id")

    assert [evaluation.verdict for evaluation in stored] == ["rejected", "promoted", "rejected"]
    for evaluation in stored:
        again = promotion.recompute(evaluation)
        assert (again.verdict, [asdict(condition) for condition in again.conditions]) == (
            evaluation.verdict,
            evaluation.reasons,
        )
        json.dumps([evaluation.estimates, evaluation.overlap, evaluation.facts], allow_nan=False)


def test_figures_that_were_changed_afterwards_no_longer_give_the_verdict(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    evaluation = evaluated(publish(SMALL))
    evaluation.estimates["cost"]["difference"]["dr"]["at_most"] = 0.001

    assert promotion.recompute(evaluation).verdict == "held"


def test_a_candidate_that_is_not_what_was_published_is_rejected(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    candidate = publish(SMALL)
    PolicyVersion.objects.filter(version=candidate.version).update(content_hash="0" * 64)

    evaluation = evaluated(PolicyVersion.objects.get(version=candidate.version))

    assert evaluation.verdict == "rejected"
    assert "content hash differs" in evaluation.reasons[0]["text"]


def test_a_candidate_that_evidence_did_not_carry_in_eight_weeks_is_given_up(team, dear) -> None:
    candidate = publish(SMALL, now=NOW - timedelta(days=57))

    assert (evaluated(candidate).verdict, PolicyVersion.objects.get(version=candidate.version).state) == (
        "rejected",
        "rejected",
    )


def test_models_withdrawn_since_are_no_grounds_for_promotion(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    LanguageModel.objects.filter(name="gpt-small").update(is_routable=False)

    evaluation = evaluated(publish(SMALL))

    # 0.65 of its choices are the small model.
    assert (evaluation.verdict, failed(evaluation)) == ("held", ["offered"])
    assert evaluation.overlap["withdrawn_share"] == pytest.approx(0.65)


def test_a_team_that_learns_alone_is_judged_by_its_own_traffic(team, dear) -> None:
    alone = factories.team("soloists", learns_alone=True)
    write(team, dear, reward=EQUAL)

    evaluation = evaluated(publish(SMALL, team=alone))

    assert (evaluation.decisions, evaluation.compared_with) == (0, None)


def test_only_a_candidate_is_evaluated(team, dear) -> None:
    active = PolicyVersion.objects.get(version=dear.version)

    with pytest.raises(PolicyNotUsable, match="only a candidate is evaluated"):
        evaluated(active)


def test_of_two_candidates_one_wins_and_the_other_is_compared_with_it(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    first, second = publish(SMALL), publish(SMALL)

    found = promotion.evaluate_open(now=NOW)

    assert [(evaluation.candidate_id, evaluation.verdict) for evaluation in found] == [
        (second.version, "promoted"),
        (first.version, "rejected"),
    ]
    assert found[1].compared_with == second
    assert routing_now() == second


def test_a_candidate_compared_with_what_no_longer_routes_waits(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    other, candidate = publish(LARGE), publish(SMALL)
    finding = promotion.assess(candidate, now=NOW)
    policies.activate(other, kind="staff", actor="ada", reason="meanwhile", now=NOW)

    evaluation = promotion.conclude(finding)

    assert (evaluation.verdict, failed(evaluation)) == ("held", ["standing"])
    assert routing_now() == other
    assert promotion.recompute(evaluation).verdict == "held"


def test_a_candidate_decided_on_meanwhile_is_left_alone(team, dear) -> None:
    write(team, dear, reward=EQUAL)
    candidate = publish(SMALL)
    finding = promotion.assess(candidate, now=NOW)
    promotion.reject_by_hand(version=candidate.version, team=None, actor="ada", reason="no", now=NOW)

    with pytest.raises(PolicyNotUsable, match="became rejected while it was evaluated"):
        promotion.conclude(finding)
    assert PolicyEvaluation.objects.count() == 1


def test_what_a_person_decides_is_kept_with_name_and_reason(team, dear) -> None:
    promoted, rejected = publish(SMALL), publish(SMALL)

    activation = promotion.promote_by_hand(
        version=promoted.version, team=None, actor="ada", reason="the provider asked us to", now=NOW
    )
    evaluation = promotion.reject_by_hand(
        version=rejected.version, team=None, actor="ada", reason="trained on a broken import", now=NOW
    )

    assert (activation.kind, activation.actor, activation.reason) == ("staff", "ada", "the provider asked us to")
    assert routing_now() == promoted
    assert (evaluation.verdict, evaluation.decided_by, evaluation.reasons[0]["text"]) == (
        "rejected",
        "ada",
        "trained on a broken import",
    )
    assert PolicyVersion.objects.get(version=rejected.version).state == "rejected"


def test_a_person_promotes_no_policy_that_has_routed_nor_one_of_another_scope(team, dear) -> None:
    alone = factories.team("soloists", learns_alone=True)
    own = publish(SMALL, team=alone)

    with pytest.raises(PolicyNotUsable, match="only a candidate, or one on trial, is promoted"):
        promotion.promote_by_hand(version=dear.version, team=None, actor="ada", reason="x", now=NOW)
    with pytest.raises(PolicyNotFound):
        promotion.promote_by_hand(version=own.version, team=None, actor="ada", reason="x", now=NOW)


def test_only_what_training_made_is_evaluated_by_the_schedule(team, dear) -> None:
    publish(SMALL, source=PolicyVersion.Source.STAFF)

    assert promotion.evaluate_open(now=NOW) == []


def test_a_promotion_in_the_ledgers_time_does_not_touch_the_ledger(team, dear) -> None:
    write(team, dear, users=20, reward=EQUAL)
    before = list(LedgerEntry.objects.order_by("request_id").values())

    evaluated(publish(SMALL))

    assert list(LedgerEntry.objects.order_by("request_id").values()) == before


@pytest.mark.django_db(transaction=True)
def test_of_two_evaluations_at_once_only_one_promotes() -> None:
    catalog()
    dear = activate(publish(LARGE))
    write(factories.team("builders"), dear, reward=EQUAL)
    findings = [promotion.assess(publish(SMALL), now=NOW) for _ in range(2)]
    start = threading.Barrier(2)

    with ThreadPoolExecutor(max_workers=2) as threads:
        verdicts = sorted(
            evaluation.verdict for evaluation in threads.map(lambda each: conclude(each, start), findings)
        )

    assert verdicts == ["held", "promoted"]
    assert PolicyVersion.objects.filter(state="active").count() == 1
    assert PolicyActivation.objects.filter(kind="promotion").count() == 1


def conclude(finding, start):
    start.wait(timeout=10)
    try:
        return promotion.conclude(finding)
    finally:
        connection.close()
