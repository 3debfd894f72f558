from routing.models.cache import CachedResponse, IdempotencyClaim
from routing.models.catalog import LanguageModel, ModelPrice, Provider
from routing.models.ledger import GatewayInstance, LedgerEntry, StoredPrompt
from routing.models.policy import PolicyActivation, PolicyVersion, PredictorModel, PromptEmbedding
from routing.models.team_rule import TeamRule
from routing.models.traffic_split import Exposure, TrafficSplit
from routing.models.usage import ChangedHour, ChangeMark, UsageBucket

__all__ = [
    "CachedResponse",
    "ChangeMark",
    "ChangedHour",
    "Exposure",
    "GatewayInstance",
    "IdempotencyClaim",
    "LanguageModel",
    "LedgerEntry",
    "ModelPrice",
    "PolicyActivation",
    "PolicyVersion",
    "PredictorModel",
    "PromptEmbedding",
    "Provider",
    "StoredPrompt",
    "TeamRule",
    "TrafficSplit",
    "UsageBucket",
]
