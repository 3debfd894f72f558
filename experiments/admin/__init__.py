"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from experiments.admin import experiments, records

__all__ = ["experiments", "records"]
