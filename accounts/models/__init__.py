from accounts.models.api_key import ApiKey, ApiKeyUsage, RateLimitWindow
from accounts.models.budget import Budget, BudgetPeriod
from accounts.models.config_version import ConfigVersion
from accounts.models.feature import FeatureChange, FeatureGate
from accounts.models.rollout import RolloutPhase
from accounts.models.team import Team

__all__ = [
    "ApiKey",
    "ApiKeyUsage",
    "Budget",
    "BudgetPeriod",
    "ConfigVersion",
    "FeatureChange",
    "FeatureGate",
    "RateLimitWindow",
    "RolloutPhase",
    "Team",
]
