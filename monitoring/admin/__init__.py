"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from monitoring.admin import alerts, integrity, jobs, rules, table_sizes

__all__ = ["alerts", "integrity", "jobs", "rules", "table_sizes"]
