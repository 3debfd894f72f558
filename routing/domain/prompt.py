"""What a prompt looks like to the router."""

import msgspec

PATTERNS = ("code", "analysis", "creative", "explanation", "factual", "reasoning", "general")


class PromptFeatures(msgspec.Struct, frozen=True):
    """Everything a strategy may know of a request.

    ``complexity_score`` lies in [0, 1]; ``tier`` is one of ``routing.domain.catalog.TIERS``;
    ``input_tokens`` is our own count (the provider's may differ); ``task`` is the caller's own category.
    """

    pattern: str
    complexity_score: float
    tier: str
    input_tokens: int
    max_output_tokens: int | None
    task: str | None
    needs_tools: bool
    needs_images: bool
    needs_json: bool
