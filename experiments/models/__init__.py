from experiments.models.experiment import Experiment
from experiments.models.notice import ExperimentNotice
from experiments.models.result import ExperimentResult
from experiments.models.snapshot import ExperimentSnapshot

__all__ = ["Experiment", "ExperimentNotice", "ExperimentResult", "ExperimentSnapshot"]
