import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import policy as policy_domain
from routing.domain.policy import Forecast, InvalidPolicy, Override
from routing.domain.prompt import PATTERNS
from tests.routing.domain.learned import override


def document(**changes: Any) -> dict[str, Any]:
    return {**policy_domain.document([override()]), **changes}


def override_document(**changes: Any) -> dict[str, Any]:
    [plain] = policy_domain.document([override()])["overrides"]
    return {**plain, **changes}


def parse(value: object) -> policy_domain.RoutingPolicy:
    return policy_domain.parse(value, version=3, team_id=5, predictor=None)


SHARES = st.floats(0.0, 1.0)
OVERRIDES = st.builds(
    Override,
    pattern=st.sampled_from(PATTERNS),
    provider=st.text(min_size=1),
    model=st.text(min_size=1),
    confidence=st.sampled_from(policy_domain.CONFIDENCES),
    confidence_score=SHARES,
    sample_count=st.integers(0, 10**9),
    avg_quality=st.floats(1.0, 5.0),
    correctness_rate=st.none() | SHARES,
)


@given(
    overrides=st.lists(OVERRIDES, unique_by=lambda one: one.pattern),
    strategy=st.sampled_from(policy_domain.STRATEGIES),
    quality_floor=st.none() | SHARES,
    tolerance=SHARES,
    exploration_share=st.floats(0.0, 0.5),
    random_share=st.floats(0.0, 0.5),
)
def test_policy_read_from_its_document_has_the_same_document(overrides: list[Override], **parameters: Any) -> None:
    written = policy_domain.document(overrides, **parameters)
    assert policy_domain.document_of(parse(json.loads(json.dumps(written)))) == written


def test_policy_carries_its_version_its_team_and_its_overrides_by_pattern() -> None:
    read = parse(document(tolerance=0, exploration_share=0.5))
    assert (read.version, read.team_id, read.strategy) == (3, 5, "hybrid")
    assert read.overrides == {"code": override()}
    assert (read.tolerance, read.exploration_share, read.random_share) == (0.0, 0.5, 0.0)


@pytest.mark.parametrize("stars", [(1.0, 0.0), (3.0, 0.5), (5.0, 1.0)])
def test_stars_are_moved_linearly_onto_quality(stars: tuple[float, float]) -> None:
    assert override(avg_quality=stars[0]).expected_quality == stars[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"strategy": "coin-toss"}, "strategy is 'coin-toss'; use one of complexity, learning, hybrid"),
        ({"strategy": None}, "strategy is None"),
        ({"quality_floor": 1.01}, "quality_floor is 1.01"),
        ({"quality_floor": math.nan}, "quality_floor is nan"),
        ({"quality_floor": "0.5"}, "quality_floor is '0.5'"),
        ({"tolerance": -0.1}, "tolerance is -0.1"),
        ({"tolerance": None}, "tolerance is None"),
        ({"tolerance": True}, "tolerance is True"),
        ({"exploration_share": 0.51}, "exploration_share is 0.51"),
        ({"exploration_share": math.inf}, "exploration_share is inf"),
        ({"random_share": -0.0001}, "random_share"),
        ({"random_share": math.nan}, "random_share is nan"),
        ({"overrides": {}}, "overrides is of the type dict"),
        ({"overrides": [1]}, r"overrides\[0\] is of the type int"),
        ({"overrides": [override_document(), override_document()]}, "second one for the pattern 'code'"),
        ({"colour": "blue"}, "unknown keys: colour"),
    ],
)
def test_document_that_is_wrong_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        parse(document(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": "poetry"}, "pattern is 'poetry'"),
        ({"pattern": ["code"]}, "pattern is"),
        ({"provider": ""}, "provider is ''"),
        ({"model": 4}, "model is 4"),
        ({"confidence": "certain"}, "confidence is 'certain'"),
        ({"confidence_score": math.nan}, "confidence_score is nan"),
        ({"sample_count": 3.5}, "sample_count is 3.5"),
        ({"sample_count": True}, "sample_count is True"),
        ({"sample_count": -1}, "sample_count is -1"),
        ({"avg_quality": 0.9}, "avg_quality is 0.9"),
        ({"correctness_rate": 1.5}, "correctness_rate is 1.5"),
        ({"extra": 1}, "unknown keys: extra"),
    ],
)
def test_override_that_is_wrong_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        parse(document(overrides=[override_document(**changes)]))


@pytest.mark.parametrize("value", [None, [], "hybrid", 1])
def test_what_is_no_object_is_no_policy(value: object) -> None:
    with pytest.raises(InvalidPolicy, match="must be an object"):
        parse(value)


@pytest.mark.parametrize("name", policy_domain.document())
def test_missing_key_is_named(name: str) -> None:
    kept = {key: value for key, value in document().items() if key != name}
    with pytest.raises(InvalidPolicy, match=f"lacks {name}"):
        parse(kept)


@pytest.mark.parametrize(
    ("forecast", "is_sound"),
    [
        ((0.8, 0.7), True),
        ((0.8, 0.8), True),
        ((0.1, -0.2), True),
        ((0.8, 0.9), False),
        ((1.1, 0.9), False),
        ((math.nan, 0.5), False),
        ((0.5, math.nan), False),
        ((0.5, -math.inf), False),
    ],
)
def test_forecast_is_sound_when_both_numbers_are_in_range(forecast: tuple[float, float], is_sound: bool) -> None:
    assert policy_domain.is_sound(Forecast(*forecast)) is is_sound


def test_upper_bound_mirrors_the_lower_one_and_ends_at_one() -> None:
    assert Forecast(0.5, 0.4).upper == pytest.approx(0.6)
    assert Forecast(0.9, 0.5).upper == 1.0
