from accounts.models import Team
from feedback.models import ResponseFeedback


def find(feedback_id: int, team: Team | None) -> ResponseFeedback | None:
    """Return one rating of the team, or of any team for None; None when there is none."""
    ratings = ResponseFeedback.objects.filter(id=feedback_id)
    return (ratings if team is None else ratings.filter(team=team)).first()
