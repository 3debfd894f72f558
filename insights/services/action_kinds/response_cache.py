"""The action that turns a team's response cache on."""

from accounts.models import Team
from accounts.services import teams
from insights.domain.repeats import SUGGESTED_LIFETIME
from insights.services.action_kinds.kind import Cause, Change, Parameters, Undo

_SECONDS = int(SUGGESTED_LIFETIME.total_seconds())


class EnableResponseCache:
    """Keeps answers for an hour; a lifetime that the team has chosen is left alone."""

    def preview(self, team: Team, parameters: Parameters) -> Change:
        present = team.cache_ttl_seconds
        return Change(
            "Turn the response cache on.",
            "off" if present is None else f"on: an answer is reused for {present:,} seconds",
            f"on: an answer is reused for {present or _SECONDS:,} seconds",
            (
                "Only the very same request of this team is answered from it, at no cost.",
                "Answers are kept encrypted; a request can opt out by x-optimizer-cache: no-store.",
                "In force within a second; it can be turned off at any time.",
            ),
            is_needed=present is None,
        )

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo:
        before = teams.set_cache_lifetime(team, _SECONDS, only_if=None)
        return {"seconds": _SECONDS} if before is None else {}

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None:
        """Turn it off, unless somebody has chosen another lifetime since."""
        if undo:
            teams.set_cache_lifetime(team, None, only_if=undo["seconds"])
