from feedback.models.response_feedback import ResponseFeedback

__all__ = ["ResponseFeedback"]
