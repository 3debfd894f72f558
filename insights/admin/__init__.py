"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from insights.admin import findings, records

__all__ = ["findings", "records"]
