from rest_framework.request import Request

from accounts.permissions import request_team


def team_id_of(request: Request) -> int | None:
    """Return the team whose rows the caller may see; None means all teams."""
    team = request_team(request)
    return None if team is None else team.id
