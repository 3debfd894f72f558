"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from routing.admin import cache, catalog, ledger, policies, prices, splits, team_rules

__all__ = ["cache", "catalog", "ledger", "policies", "prices", "splits", "team_rules"]
