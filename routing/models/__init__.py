from routing.models.cache import CachedResponse, IdempotencyClaim
from routing.models.catalog import LanguageModel, ModelPrice, Provider
from routing.models.ledger import GatewayInstance, LedgerEntry, StoredPrompt

__all__ = [
    "CachedResponse",
    "GatewayInstance",
    "IdempotencyClaim",
    "LanguageModel",
    "LedgerEntry",
    "ModelPrice",
    "Provider",
    "StoredPrompt",
]
