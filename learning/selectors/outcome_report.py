"""How the models of an evaluation set did."""

from dataclasses import dataclass

from django.db.models import Avg, Count

from learning.domain.quality_interval import ModelScore, dominated, interval
from learning.models import EvaluationOutcome, EvaluationSet


@dataclass(frozen=True, slots=True)
class ModelOutcomes:
    """One model on the prompts of a set: mean quality in [0, 1] with its 95 % interval, mean cost in nano-dollars."""

    model: str
    outcomes: int
    quality: float
    lower: float
    upper: float
    cost_nano_usd: float | None
    failures: int
    is_dominated: bool


def by_model(evaluation_set: EvaluationSet, failures: list[dict[str, str]] | None = None) -> list[ModelOutcomes]:
    """Return the models of a set, best quality first, with those of which every answer failed at the end.

    A failed answer that was graded later still counts as a failure: it shows how the model can be relied on.
    """
    failed: dict[str, int] = {}
    for failure in failures or []:
        failed[failure["model"]] = failed.get(failure["model"], 0) + 1
    rows = (
        EvaluationOutcome.objects.filter(evaluation_set=evaluation_set)
        .order_by()
        .values("model")
        .annotate(count=Count("pk"), mean_quality=Avg("quality"), mean_cost=Avg("cost_nano_usd"))
    )
    scores = [ModelScore(row["model"], row["mean_quality"], _float(row["mean_cost"])) for row in rows]
    worse = dominated(scores)
    found = []
    for row, score in zip(rows, scores, strict=True):
        lower, upper = interval(score.quality, row["count"])
        found.append(
            ModelOutcomes(
                model=score.model,
                outcomes=row["count"],
                quality=score.quality,
                lower=lower,
                upper=upper,
                cost_nano_usd=score.cost_nano_usd,
                failures=failed.pop(score.model, 0),
                is_dominated=score.model in worse,
            )
        )
    found.sort(key=lambda outcomes: (-outcomes.quality, outcomes.model))
    return found + [ModelOutcomes(model, 0, 0.0, 0.0, 1.0, None, failed[model], False) for model in sorted(failed)]


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
