import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.domain import rollout

SLUGS = st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), min_size=1, max_size=60)


def test_place_of_a_team_never_changes() -> None:
    # printf rollout:search | sha256sum begins with f1ea8d797c13: the place is that of 2^48.
    assert rollout.place("search") == pytest.approx(0.9449852392, abs=1e-9)


@pytest.mark.parametrize(("phase", "reached"), [(0, 0), (1, 4), (2, 10), (3, 20), (4, 40)])
def test_phase_reaches_its_share_of_the_teams(phase: int, reached: int) -> None:
    slugs = [f"team-{number}" for number in range(40)]

    assert sum(rollout.is_in_phase(slug, phase, slugs) for slug in slugs) == reached


def test_first_phase_reaches_one_team_of_a_few() -> None:
    assert sum(rollout.is_in_phase(slug, 1, ["a", "b", "c"]) for slug in "abc") == 1


@given(SLUGS)
def test_phases_nest(slugs: set[str]) -> None:
    bounds = [rollout.reach(phase, slugs) for phase in rollout.SHARES]

    assert bounds == sorted(bounds)
    assert all(rollout.reaches(bounds[4], slug) for slug in slugs)
    assert not any(rollout.reaches(bounds[0], slug) for slug in slugs)


@given(SLUGS, SLUGS)
def test_next_phase_holds_the_one_before_whoever_has_come_meanwhile(slugs: set[str], later: set[str]) -> None:
    first = rollout.reach(1, slugs)

    assert rollout.reach(2, slugs | later, least=first) >= first


def test_share_of_the_places_stands_in_while_there_are_no_teams() -> None:
    assert rollout.reach(2, []) == 0.25
