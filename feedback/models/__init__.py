from feedback.models.metric_event import MetricEvent
from feedback.models.response_feedback import ResponseFeedback
from feedback.models.tallies import ChangedFeedbackDay, FeedbackTally

__all__ = ["ChangedFeedbackDay", "FeedbackTally", "MetricEvent", "ResponseFeedback"]
