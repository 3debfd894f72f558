"""What somebody wants routed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from accounts.selectors import TeamInfo
from routing.domain.decision import Controls

AUTO = "auto"


class Wish(msgspec.Struct, frozen=True):
    """What is to be decided: an OpenAI chat-completions body and who sends it.

    ``requested_model`` is ``auto`` (as the active policy says), ``auto:<strategy>`` or the name of a model. Without a
    ``team`` the shared policy and the default baseline count; without a ``request_id`` nothing is explored and no
    experiment is joined. ``experiment_id`` names an experiment that the caller wants to take part in.
    """

    body: Mapping[str, Any]
    requested_model: str
    controls: Controls
    team: TeamInfo | None
    task: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    experiment_id: int | None = None
