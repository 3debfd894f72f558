from hypothesis import given
from hypothesis import strategies as st

from learning.domain.stratified_sample import allocate


def test_half_is_even_and_half_in_proportion() -> None:
    # Even: 100 // (2 * 2) = 25 each. The other 50 go to 875 and 75 that are left: 46.05 and 3.95, so 46 and 4.
    assert allocate({"code": 900, "general": 100}, 100) == {"code": 71, "general": 29}


def test_rare_kind_gives_all_it_has() -> None:
    assert allocate({"code": 500, "creative": 3}, 60)["creative"] == 3


def test_small_team_gives_everything() -> None:
    assert allocate({"code": 2, "general": 5}, 300) == {"code": 2, "general": 5}


def test_nothing_gives_nothing() -> None:
    assert allocate({"code": 0}, 10) == {}


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 500), max_size=8), st.integers(1, 400))
def test_sample_has_its_size_and_no_stratum_gives_more_than_it_has(available: dict[str, int], size: int) -> None:
    taken = allocate(available, size)
    assert sum(taken.values()) == min(size, sum(available.values()))
    assert all(0 <= taken[name] <= available[name] for name in taken)
