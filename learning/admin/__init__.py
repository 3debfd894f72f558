"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from learning.admin import alerts, evaluations, outcomes, overrides, retraining

__all__ = ["alerts", "evaluations", "outcomes", "overrides", "retraining"]
