from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from routing.models import ModelPrice


@admin.register(ModelPrice)
class ModelPriceAdmin(ReadOnlyAdmin):
    """The history of prices; staff set one on the page of its model."""

    list_display = (
        "language_model",
        "service_tier",
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "cached_input_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "active_from",
        "active_to",
        "source",
        "source_version",
    )
    list_filter = (
        "source",
        "service_tier",
        ("active_to", admin.EmptyFieldListFilter),
        "language_model__is_routable",
        "language_model__provider",
    )
    list_select_related = ("language_model__provider",)
    search_fields = ("language_model__name", "language_model__canonical_name")
    date_hierarchy = "active_from"
