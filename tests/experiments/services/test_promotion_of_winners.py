"""What wins an experiment routes from then on, in the scope that the experiment's team learns in."""

import pytest

from experiments.models import ExperimentNotice
from experiments.services import control, promotion
from experiments.services.promotion import NothingToPromote
from routing.domain import policy as policy_domain
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotUsable
from tests import factories
from tests.experiments.settled_traffic import NOW, START, begin, half_the_cost

pytestmark = pytest.mark.django_db


def published(team=None, **parameters) -> PolicyVersion:
    document = policy_domain.document(**parameters)
    return policies.publish(team=team, document=document, source="staff", actor="ada", now=START)


def routes(policy: PolicyVersion) -> PolicyVersion:
    policies.activate(policy, kind="staff", actor="ada", reason="", now=START)
    return policy


def won_by_test(team=None, **design):
    experiment = begin(team, sample_size=100, **design)
    half_the_cost(experiment)
    return control.complete(experiment, actor="ada", now=NOW)


def promote(experiment, **arguments) -> PolicyVersion:
    return promotion.promote(experiment, actor="ada", now=NOW, **arguments)


def test_winning_policy_is_activated() -> None:
    before, candidate = routes(published()), published(tolerance=0.1)
    ended = won_by_test(test_strategy=f"policy:{candidate.version}")

    assert promote(ended) == candidate

    activation = PolicyActivation.objects.earliest("-id")
    assert policy_selectors.active(None) == candidate
    assert (activation.kind, activation.replaced, activation.actor) == ("promotion", before, "ada")
    assert activation.reason.startswith(f"test of experiment {ended.id}: Test costs 50.0% less")
    assert ended.promoted_policy == candidate


def test_winning_strategy_becomes_a_version_of_what_routes() -> None:
    routes(published(strategy="complexity", tolerance=0.07))

    policy = promote(won_by_test())

    assert policy_selectors.active(None) == policy
    assert (policy.document["strategy"], policy.document["tolerance"]) == ("hybrid", 0.07)


def test_policy_is_promoted_where_the_team_learns() -> None:
    alone = factories.team(learns_alone=True)
    shared = published()
    ended = won_by_test(alone, test_strategy=f"policy:{shared.version}")

    policy = promote(ended)

    # The shared version would route for everybody else: the team gets one of its own, alike.
    assert (policy_selectors.active(alone), policy_selectors.active(None)) == (policy, None)
    assert policy.content_hash == shared.content_hash


def test_person_may_promote_another_arm() -> None:
    routes(published())
    ended = won_by_test()

    assert promote(ended, arm="control", reason="simpler").document["strategy"] == "complexity"
    assert PolicyActivation.objects.earliest("-id").reason == "simpler"


def test_what_routes_already_is_not_promoted() -> None:
    with pytest.raises(NothingToPromote, match="everything is routed by complexity already"):
        promote(won_by_test(), arm="control")
    active = routes(published())
    with pytest.raises(NothingToPromote, match=f"Policy {active.version} routes by the strategy hybrid already"):
        promote(won_by_test())
    with pytest.raises(NothingToPromote, match=f"Policy {active.version} routes already"):
        promote(won_by_test(control_strategy=f"policy:{active.version}"), arm="control")


def test_only_a_completed_experiment_is_promoted_and_once() -> None:
    running, cancelled = begin(), control.cancel(begin(), actor="ada", now=NOW)
    undecided, ended = control.complete(begin(), actor="ada", now=NOW), won_by_test()
    promote(ended)

    for experiment, message in (
        (running, "is running"),
        (cancelled, "is cancelled"),
        (undecided, "has no winner"),
        (ended, "promoted already"),
    ):
        with pytest.raises(NothingToPromote, match=message):
            promote(experiment)
    with pytest.raises(NothingToPromote, match="no arm 'third'"):
        promote(won_by_test(), arm="third")


def test_rejected_policy_is_not_promoted() -> None:
    policy = published()
    ended = won_by_test(test_strategy=f"policy:{policy.version}")
    policies.reject(policy)

    with pytest.raises(PolicyNotUsable):
        promote(ended)

    assert (policy_selectors.active(None), ended.promoted_policy) == (None, None)


def test_winner_routes_with_the_end_of_its_experiment_where_that_was_asked_for() -> None:
    policy = published()

    ended = won_by_test(test_strategy=f"policy:{policy.version}", on_winner="promote")

    assert (ended.promoted_policy, policy_selectors.active(None)) == (policy, policy)
    assert list(ExperimentNotice.objects.values_list("kind", flat=True)) == ["promoted", "completed"]


def test_winner_that_cannot_route_is_told_and_the_experiment_ends_all_the_same() -> None:
    routes(published())

    ended = won_by_test(on_winner="promote")

    assert (ended.status, ended.promoted_policy) == ("completed", None)
    notice = ExperimentNotice.objects.get(kind="not_promoted")
    assert "routes by the strategy hybrid already" in notice.message
