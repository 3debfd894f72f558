from copy import deepcopy
from typing import Any

import pytest

from learning.domain import promotion_gate

DIFFERENCE = {"value": 0.0, "low": -0.012, "high": 0.012, "at_least": -0.01, "at_most": 0.01}
CHEAPER = {"value": -0.001, "low": -0.0012, "high": -0.0008, "at_least": -0.0011, "at_most": -0.0009}
ACTIVE = {"value": 0.002, "low": 0.001, "high": 0.003, "at_least": 0.001, "at_most": 0.003}
GOOD: dict[str, Any] = {
    "estimates": {
        "quality": {"difference": {"dr": DIFFERENCE, "snips": DIFFERENCE}},
        "cost": {"difference": {"dr": CHEAPER, "snips": CHEAPER}, "active": {"dr": ACTIVE}},
    },
    "overlap": {
        "is_reliable": True,
        "reason": "",
        "decisions": 900,
        "clusters": 90,
        "effective_decisions": 400.0,
        "withdrawn_share": 0.0,
    },
    "facts": {
        "content_problem": "",
        "predictor": {"error": 0.05, "category_means_error": 0.06},
        "active_changed": False,
        "age_days": 3,
        "quality_margin": 0.02,
        "traffic": {"decisions": 1999, "users": 500},
    },
}


def judged(**changes):
    """Judge the good candidate with some figures changed; a name is the way to one, its parts joined by ``__``."""
    figures = deepcopy(GOOD)
    for name, value in changes.items():
        *way, last = name.split("__")
        place = figures
        for part in way:
            place = place[part]
        place[last] = value
    gate = promotion_gate.judge(**figures)
    return gate.verdict, [condition.name for condition in gate.conditions if not condition.held]


def quality(at_least, at_most):
    return {"estimates__quality__difference__dr": {**DIFFERENCE, "at_least": at_least, "at_most": at_most}}


def cost(at_least, at_most):
    return {"estimates__cost__difference__dr": {**CHEAPER, "at_least": at_least, "at_most": at_most, "high": 0.1}}


@pytest.mark.parametrize(
    ("changes", "verdict", "failed"),
    [
        ({}, "promoted", []),
        ({"facts__traffic": {"decisions": 2000, "users": 100}}, "experiment", []),
        ({"facts__traffic": {"decisions": 2000, "users": 99}}, "promoted", []),
        ({"facts__content_problem": "its hash differs"}, "rejected", ["content"]),
        ({"facts__age_days": 56}, "promoted", []),
        ({"facts__age_days": 57}, "rejected", ["age"]),
        ({"facts__predictor": None}, "promoted", []),
        ({"facts__predictor": {"error": 0.06, "category_means_error": 0.06}}, "promoted", []),
        ({"facts__predictor": {"error": 0.061, "category_means_error": 0.06}}, "rejected", ["predictor"]),
        ({"facts__predictor": {"error": None, "category_means_error": 0.06}}, "rejected", ["predictor"]),
        ({"facts__active_changed": True}, "held", ["standing"]),
        ({"overlap__is_reliable": False, "overlap__reason": "too few"}, "held", ["evidence"]),
        ({"overlap__withdrawn_share": 0.11}, "held", ["offered"]),
        # The margin is what may be lost with 95 % confidence.
        (quality(-0.02, 0.01), "promoted", []),
        (quality(-0.021, 0.01), "held", ["quality"]),
        (quality(-0.05, -0.021), "rejected", ["quality"]),
        (quality(None, None), "held", ["quality"]),
        # Cheaper with 95 % confidence, or surely better at a cost at most 1 % higher (of 0.002 dollars: 0.00002).
        (cost(-0.001, 0.0), "held", ["cost"]),
        (cost(0.0, 0.001), "held", ["cost"]),
        (cost(0.00003, 0.001), "rejected", ["cost"]),
        ({**cost(0.0, 0.001), **quality(-0.01, 0.0)}, "rejected", ["cost"]),
        ({**cost(-0.001, 0.00002), **quality(0.001, 0.02)}, "promoted", []),
        ({**cost(-0.001, 0.000021), **quality(0.001, 0.02)}, "held", ["cost"]),
        (
            {"estimates__cost__difference__dr": None, "estimates__cost__difference__snips": None},
            "held",
            ["agreement", "cost"],
        ),
        ({"estimates__quality__difference__snips": {**DIFFERENCE, "low": 0.2, "high": 0.3}}, "held", ["agreement"]),
    ],
)
def test_the_verdict_follows_from_the_figures(changes, verdict, failed) -> None:
    assert judged(**changes) == (verdict, failed)


def test_every_condition_is_told_in_words() -> None:
    gate = promotion_gate.judge(**GOOD)

    assert [condition.name for condition in gate.conditions] == [
        "content",
        "age",
        "predictor",
        "evidence",
        "agreement",
        "quality",
        "cost",
        "offered",
        "standing",
    ]
    assert gate.conditions[5].text == (
        "Quality differs by +0.0000, with 95 % confidence by -0.0100 at least; -0.0200 is the most that may be lost."
    )
    assert all(condition.text.endswith(".") for condition in gate.conditions)
