from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from routing.serializers.catalog import (
    ModelListSerializer,
    ModelSerializer,
    ProviderListSerializer,
    automatic_model,
    catalog_model,
)
from routing.services import decisions, provider_status, snapshot


class ModelListView(APIView):
    @extend_schema(
        operation_id="list_models",
        summary="The models that can be asked for",
        responses=ModelListSerializer,
        tags=["catalog"],
    )
    def get(self, request: Request) -> Response:
        offered = [*map(automatic_model, decisions.AUTO_NAMES)]
        offered += [
            catalog_model(model)
            for model in snapshot.current().models
            if model.price is not None or model.allow_unpriced
        ]
        return Response(ModelListSerializer({"object": "list", "data": offered}).data)


class ModelView(APIView):
    @extend_schema(
        operation_id="retrieve_model",
        summary="One model, by any of the names it can be asked for",
        parameters=[OpenApiParameter("model_id", str, "path")],
        responses=ModelSerializer,
        tags=["catalog"],
    )
    def get(self, request: Request, model_id: str) -> Response:
        name = model_id.removesuffix("/")
        if name in decisions.AUTO_NAMES:
            return Response(ModelSerializer(automatic_model(name)).data)
        offers = snapshot.current().resolve(name)
        if not offers:
            raise decisions.ModelNotFound(f"Model '{name}' does not exist here. GET /v1/models lists what does.")
        return Response(ModelSerializer(catalog_model(offers[0])).data)


class ProviderListView(APIView):
    @extend_schema(
        operation_id="list_providers",
        summary="Every provider: configured, available, its models with tier and price",
        tags=["catalog"],
        responses=ProviderListSerializer,
    )
    def get(self, request: Request) -> Response:
        providers = provider_status.overview(snapshot.current(), at=timezone.now())
        return Response(ProviderListSerializer({"providers": providers}).data)
