"""Registers the admin pages of the app; Django imports this package and nothing below it by itself."""

from accounts.admin import api_keys, budgets, export, features, history, login_attempts, teams, users

__all__ = ["api_keys", "budgets", "export", "features", "history", "login_attempts", "teams", "users"]
