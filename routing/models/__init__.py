from routing.models.cache import CachedResponse, IdempotencyClaim
from routing.models.catalog import LanguageModel, ModelPrice, Provider
from routing.models.ledger import GatewayInstance, LedgerEntry, StoredPrompt
from routing.models.policy import PolicyActivation, PolicyVersion, PredictorModel, PromptEmbedding

__all__ = [
    "CachedResponse",
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
]
