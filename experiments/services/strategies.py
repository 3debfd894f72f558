"""Reads what an experiment compares: a strategy by its name, or one version of the policy as ``policy:<version>``."""

import re

from accounts.models import Team
from experiments.domain.plan import InvalidPlan
from routing.domain import strategies
from routing.domain.policy import InvalidPolicy
from routing.domain.strategies import UnknownStrategy
from routing.domain.traffic_split import Arm
from routing.models import PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies

PREFIX = "policy:"
_VERSION = re.compile(r"policy:([1-9][0-9]{0,8})")


class InvalidStrategy(InvalidPlan):
    """What an experiment is to compare is not there to be compared; ``field`` says which of the two."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def arm(name: str, weight: float, strategy: str, *, team: Team | None, field: str) -> Arm:
    """Return the arm that routes by ``strategy``.

    Raises:
        InvalidStrategy: No such strategy; or no such policy that this team, or for None all teams, may be routed by.
    """
    if not strategy.startswith(PREFIX):
        try:
            strategies.get(strategy)
        except UnknownStrategy as error:
            raise InvalidStrategy(field, f"{error} Or name a version of the policy, as in policy:12.") from error
        return Arm(name, weight, strategy=strategy)
    return Arm(name, weight, policy_version=_usable(strategy, team, field))


def _usable(strategy: str, team: Team | None, field: str) -> int:
    matched = _VERSION.fullmatch(strategy)
    visible = policy_selectors.versions(None) if team is None else policy_selectors.visible_to(team)
    found = visible.select_related("predictor").filter(version=int(matched[1])).first() if matched else None
    if found is None:
        raise InvalidStrategy(
            field, f"There is no policy {strategy[:64]!r} here. GET /admin/learning/policies lists the versions."
        )
    if found.state == PolicyVersion.State.REJECTED:
        raise InvalidStrategy(field, f"Policy {found.version} was rejected, so no request may be routed by it.")
    try:
        policies.load(found)
    except InvalidPolicy as error:
        raise InvalidStrategy(field, str(error)) from error
    return found.version
