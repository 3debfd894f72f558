from learning.models.alert import LearningAlert
from learning.models.evaluation import PolicyEvaluation
from learning.models.outcomes import Calibration, EvaluationOutcome, EvaluationSet
from learning.models.pattern_table import LearningOverride, ModelPerformance
from learning.models.retraining import RetrainingRun

__all__ = [
    "Calibration",
    "EvaluationOutcome",
    "EvaluationSet",
    "LearningAlert",
    "LearningOverride",
    "ModelPerformance",
    "PolicyEvaluation",
    "RetrainingRun",
]
