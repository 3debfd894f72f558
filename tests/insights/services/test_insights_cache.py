import pytest
from django.core.cache import caches
from django.db import OperationalError, connection

from accounts.models import Team
from insights.services import insights_cache, invalidation
from insights.services.insights_cache import InsightsCache, Kept
from tests import factories

pytestmark = pytest.mark.django_db


class Figures:
    """Counts how often it is computed."""

    def __init__(self) -> None:
        self.computed = 0

    def __call__(self) -> str:
        self.computed += 1
        return f'{{"computed": {self.computed}}}'


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    caches["default"].clear()


@pytest.fixture
def team() -> Team:
    return factories.team()


def test_an_insight_is_computed_once(team: Team) -> None:
    figures = Figures()

    first, second = (insights_cache.get(team.id, "roi", figures) for _ in range(2))

    assert first == second == Kept('{"computed": 1}', is_stale=False)


def test_processes_share_what_one_has_computed(team: Team) -> None:
    figures = Figures()

    one, other = (InsightsCache().get(team.id, "roi", figures) for _ in range(2))

    assert one == other
    assert figures.computed == 1


def test_an_event_makes_every_process_compute_anew(team: Team) -> None:
    figures, other_process = Figures(), InsightsCache()
    insights_cache.get(team.id, "roi", figures)
    other_process.get(team.id, "roi", figures)

    invalidation.bump(team.id)

    assert insights_cache.get(team.id, "roi", figures).text == '{"computed": 2}'
    assert other_process.get(team.id, "roi", figures).text == '{"computed": 2}'


def test_an_event_of_one_team_leaves_the_others_insights(team: Team) -> None:
    figures, other = Figures(), factories.team()
    insights_cache.get(team.id, "roi", figures)

    invalidation.bump(other.id)
    insights_cache.get(other.id, "roi", figures)

    assert insights_cache.get(team.id, "roi", figures).text == '{"computed": 1}'
    assert figures.computed == 2


def test_while_the_database_is_away_the_last_insight_is_given_as_stale(team: Team) -> None:
    cache, figures = InsightsCache(), Figures()
    cache.get(team.id, "roi", figures)

    def away(*_: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(away):
        assert cache.get(team.id, "roi", figures) == Kept('{"computed": 1}', is_stale=True)
        with pytest.raises(OperationalError):
            cache.get(team.id, "trends", figures)


def test_an_insight_that_can_be_computed_again_is_no_longer_stale(team: Team) -> None:
    cache, figures = InsightsCache(), Figures()
    cache.get(team.id, "roi", figures)
    invalidation.bump(team.id)

    def fail() -> str:
        raise OperationalError("the database is away")

    assert cache.get(team.id, "roi", fail) == Kept('{"computed": 1}', is_stale=True)
    assert cache.get(team.id, "roi", figures) == Kept('{"computed": 2}', is_stale=False)


def test_only_so_many_insights_are_kept(team: Team) -> None:
    cache = InsightsCache(most_kept=2)
    for number in range(3):
        cache.get(team.id, f"roi:{number}", lambda: "{}")

    def away(*_: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(away):
        assert cache.get(team.id, "roi:1", lambda: "").is_stale
        with pytest.raises(OperationalError):
            cache.get(team.id, "roi:0", lambda: "")
