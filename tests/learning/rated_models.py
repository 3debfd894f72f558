"""A catalog with two models of one tier, and ratings of them."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Team
from feedback.models import ResponseFeedback
from learning.models import RetrainingRun
from learning.services import retraining
from learning.services.retraining import RetrainingReport
from routing.models import LanguageModel
from tests import factories

NOW = factories.NOON + timedelta(hours=1)


def catalog() -> tuple[LanguageModel, LanguageModel]:
    """Offer openai/gpt-small, which the complexity strategy takes for simple prompts, and openai/gpt-large."""
    provider = factories.provider("openai")
    small = factories.language_model(provider, "gpt-small")
    large = factories.language_model(provider, "gpt-large", tier=LanguageModel.Tier.MODERATE)
    factories.price(small, "0.10", "0.40")
    factories.price(large, "2.00", "8.00")
    return small, large


def rate(team: Team, count: int, **fields: Any) -> list[ResponseFeedback]:
    """Rate as many requests about code that gpt-large answered: five stars, by nobody named, at noon."""
    values = {"served_model": "gpt-large", "pattern": "code", "quality_score": 5, **fields}
    if "requested_at" in values:
        values["created_at"] = values["requested_at"]
    rows = [factories.unsaved_feedback(team, **values) for _ in range(count)]
    return ResponseFeedback.objects.bulk_create(rows)


def retrain(team: Team | None = None, *, now: datetime = NOW, dry_run: bool = False, **values: Any) -> RetrainingReport:
    return retraining.retrain(
        team=team, trigger=RetrainingRun.Trigger.COMMAND, actor="tests", dry_run=dry_run, now=now, **values
    )
