"""Traffic splits for tests: users of all teams, half to complexity and half to the learning strategy."""

from typing import Any

from routing.domain.traffic_split import Arm
from routing.models import TrafficSplit
from routing.services import traffic_splits

ARMS = (Arm("control", 0.5, strategy="complexity"), Arm("test", 0.5, strategy="learning"))


def start(experiment_id: int = 1, **fields: Any) -> TrafficSplit:
    values = {"team": None, "unit": "user", "arms": ARMS, "traffic_percent": 0.0, **fields}
    return traffic_splits.start(experiment_id=experiment_id, **values)


def all_to(name: str, **rule: Any) -> tuple[Arm, ...]:
    """Return arms of which the named one gets all but a billionth of the units."""
    other = "control" if name == "test" else "test"
    arms = (Arm(name, 1 - 1e-9, **rule), Arm(other, 1e-9, strategy="complexity"))
    return arms if name == "control" else arms[::-1]
