"""What a request needs of a model, and what stands in the way."""

from routing.domain import tokens
from routing.domain.catalog import ModelSpec
from routing.domain.costs import TYPICAL_OUTPUT_TOKENS
from routing.domain.prompt import PromptFeatures


def obstacle(model: ModelSpec, features: PromptFeatures) -> str | None:
    """Say what the model lacks to serve the request, None where it lacks nothing; unknown context length passes."""
    if features.needs_tools and not model.supports_tools:
        return "without tools"
    if features.needs_images and not model.supports_images:
        return "without images"
    if features.needs_json and not model.supports_json:
        return "without JSON output"
    if model.context_tokens is not None and _needed_tokens(model, features) > model.context_tokens:
        return "with too short a context"
    return None


def is_stand_in(model: ModelSpec) -> bool:
    """Tell whether the model only stands in for a real one, as the simulated and embedded models do."""
    return model.is_simulated or model.is_embedded


def _needed_tokens(model: ModelSpec, features: PromptFeatures) -> int:
    output_tokens = features.max_output_tokens or TYPICAL_OUTPUT_TOKENS
    if model.max_output_tokens is not None:
        output_tokens = min(output_tokens, model.max_output_tokens)
    return tokens.for_model(features.input_tokens, model.name) + output_tokens
