from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.models import ConfigVersion, FeatureChange, FeatureGate, Team
from accounts.services import features
from accounts.services.features import Feature, UnknownFeature
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

WHO: dict[str, Any] = {"actor": "ada", "now": NOON}


@contextmanager
def store_away() -> Iterator[None]:
    """Let every statement fail as it does when the database has gone."""

    def refuse(*_: object) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(refuse):
        yield


def recorded() -> list[tuple[str, str, str, str, str]]:
    changes = FeatureChange.objects.order_by("id")
    return list(changes.values_list("feature", "team_slug", "kind", "reason", "changed_by"))


def test_feature_is_off_for_everybody_from_the_moment_it_is_disabled() -> None:
    before = features.is_enabled("roi")

    features.disable("roi", reason="wrong sums", **WHO)

    assert (before, features.is_enabled("roi"), features.is_enabled("trends")) == (True, False, True)
    assert recorded() == [("roi", "", "disabled", "wrong sums", "ada")]


def test_feature_is_switched_for_one_team_alone() -> None:
    search, billing = factories.team("search"), factories.team("billing")

    features.disable("response_cache", team=search, **WHO)

    assert not features.is_enabled("response_cache", search)
    assert features.is_enabled("response_cache", billing)
    assert features.is_enabled("response_cache")


def test_team_follows_everybody_again_after_a_reset() -> None:
    search = factories.team("search")
    features.disable("roi", team=search, **WHO)

    removed = [features.reset("roi", team=search, reason="fixed", **WHO) for _ in range(2)]

    assert removed == [True, False]
    assert features.is_enabled("roi", search)
    assert recorded()[1:] == [("roi", "search", "reset", "fixed", "ada")]


def test_unknown_feature_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UnknownFeature, match="no feature 'telepathy': use one of insights, "):
        features.is_enabled("telepathy")


def test_environment_switches_off_whatever_staff_have_set(settings: Any) -> None:
    features.enable("roi", **WHO)
    settings.LEARNING_FEATURES_DISABLED = ["roi", "response_cache"]

    assert [features.is_enabled(name) for name in ("roi", "response_cache", "trends")] == [False, False, True]


def test_learning_as_a_whole_is_off_by_one_variable(settings: Any) -> None:
    settings.LEARNING_ENABLED = False

    assert [feature for feature in Feature if features.is_enabled(feature)] == [Feature.RESPONSE_CACHE]


def test_last_known_state_holds_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHECK_SECONDS", 0.0)
    features.disable("roi", **WHO)
    features.is_enabled("roi")

    with store_away():
        found = [features.is_enabled(name) for name in ("roi", "trends")]

    assert found == [False, True]


def test_change_of_the_last_moment_before_the_store_went_is_no_reason_to_forget_all() -> None:
    features.is_enabled("roi")
    features.disable("trends", **WHO)

    with store_away():
        assert features.is_enabled("roi")


def test_process_that_never_reached_a_store_takes_everything_for_off() -> None:
    with store_away():
        found = [features.is_enabled(feature) for feature in Feature]

    assert not any(found)


def test_store_that_comes_back_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHECK_SECONDS", 0.0)
    with store_away():
        features.is_enabled("roi")

    assert features.is_enabled("roi")


def test_asking_again_at_once_asks_no_store(django_assert_num_queries: Any) -> None:
    features.is_enabled("roi")

    with django_assert_num_queries(0):
        assert [features.is_enabled(feature) for feature in Feature] == [True] * 12


@pytest.mark.django_db(transaction=True)
def test_switches_at_the_same_moment_take_turns() -> None:
    team = factories.team("search")
    ConfigVersion.objects.get_or_create(id=1)
    before = ConfigVersion.objects.get().version

    def switch(number: int) -> None:
        whom: Team | None = team if number % 4 < 2 else None
        try:
            (features.enable if number % 2 else features.disable)("roi", team=whom, **WHO)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(switch, range(24)))

    last = {slug: kind for slug, kind in FeatureChange.objects.order_by("id").values_list("team_slug", "kind")}
    assert FeatureChange.objects.count() == 24
    assert ConfigVersion.objects.get().version == before + 24
    # The row says what was recorded last, for everybody as for the team.
    assert {gate.team.slug if gate.team else "": gate.is_enabled for gate in FeatureGate.objects.all()} == {
        slug: kind == "enabled" for slug, kind in last.items()
    }
