from insights.models.answers import AppliedAction, SuggestionFeedback
from insights.models.figures import InsightsTrend, InsightsVersion, LearningPath, TeamMetric
from insights.models.learned import LearningMetric, PatternMetric
from insights.models.reviews import Finding, Review

__all__ = [
    "AppliedAction",
    "Finding",
    "InsightsTrend",
    "InsightsVersion",
    "LearningMetric",
    "LearningPath",
    "PatternMetric",
    "Review",
    "SuggestionFeedback",
    "TeamMetric",
]
