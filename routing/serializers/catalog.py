"""Shapes of providers and models, the latter as the OpenAI API lists them with what it leaves out."""

from typing import Any, get_args

from rest_framework import serializers

from routing.domain.catalog import ModelSpec
from routing.domain.circuit_breaker import State
from routing.domain.pricing import PriceSchedule
from routing.serializers.fields import UsdField
from routing.services.provider_status import ModelStatus, ProviderStatus

BREAKER_STATES = get_args(State)


class PriceSerializer(serializers.Serializer[PriceSchedule]):
    """US dollars per million tokens; a rate of null is billed as input."""

    input_usd_per_mtok = UsdField()
    output_usd_per_mtok = UsdField()
    cached_input_usd_per_mtok = UsdField(allow_null=True)
    request_usd = UsdField(help_text="Fee of one request.")


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="What to send as `model`.")
    object = serializers.CharField(default="model")
    created = serializers.IntegerField(default=0, help_text="Always 0: the time is not known.")
    owned_by = serializers.CharField()
    provider = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    tier = serializers.CharField(allow_null=True)
    price = PriceSerializer(allow_null=True)
    simulated = serializers.BooleanField(help_text="Simulated or embedded: outside every savings claim.")


class ModelListSerializer(serializers.Serializer[Any]):
    object = serializers.CharField(default="list")
    data = ModelSerializer(many=True)  # type: ignore[assignment]


class ProviderModelSerializer(serializers.Serializer[ModelStatus]):
    name = serializers.CharField()
    tier = serializers.CharField(allow_null=True)
    is_routable = serializers.BooleanField(help_text="May be chosen by auto.")
    breaker = serializers.ChoiceField(choices=BREAKER_STATES)
    price = PriceSerializer(allow_null=True)


class ProviderSerializer(serializers.Serializer[ProviderStatus]):
    provider = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    configured = serializers.BooleanField(help_text="Enabled, with a key where one is needed.")
    available = serializers.BooleanField(help_text="Configured, and not stopped by its breaker.")
    breaker = serializers.ChoiceField(choices=BREAKER_STATES, help_text="The best state among the provider's models.")
    simulated = serializers.BooleanField()
    models = ProviderModelSerializer(many=True)


class ProviderListSerializer(serializers.Serializer[Any]):
    providers = ProviderSerializer(many=True)


def automatic_model(name: str) -> dict[str, Any]:
    """Describe one of the names under which the product chooses the model."""
    return {
        "id": name,
        "owned_by": "ai-cost-optimizer",
        "provider": None,
        "name": name,
        "tier": None,
        "price": None,
        "simulated": False,
    }


def catalog_model(model: ModelSpec) -> dict[str, Any]:
    return {
        "id": model.full_name,
        "owned_by": model.provider,
        "provider": model.provider,
        "name": model.name,
        "tier": model.tier,
        "price": model.price,
        "simulated": model.is_simulated or model.is_embedded,
    }
