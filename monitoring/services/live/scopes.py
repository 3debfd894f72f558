"""Whose figures a viewer watches: those of one team, or those of all."""

ALL = "all"


def scope_of(team_id: int | None) -> str:
    """Return the name of a scope; a ``team_id`` of None means all teams."""
    return ALL if team_id is None else f"team.{team_id}"


def team_id_of(scope: str) -> int | None:
    """Return the team of a scope, None for all teams."""
    return None if scope == ALL else int(scope.removeprefix("team."))


def group_of(scope: str) -> str:
    """Return the Channels group that a scope's snapshots are sent to."""
    return f"live.{scope}"
