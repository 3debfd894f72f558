from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminPasswordWidget, UnfoldAdminURLInputWidget

from routing.domain.pricing import PriceSchedule
from routing.models import LanguageModel, Provider
from routing.services import providers


class ProviderForm(forms.ModelForm[Provider]):
    """A provider with a field to enter its key, which is stored encrypted and never shown again."""

    base_url = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminURLInputWidget,
        help_text="For example http://127.0.0.1:11434/v1 or https://llm.example.org/v1.",
    )
    key = forms.CharField(
        required=False,
        strip=True,
        max_length=providers.MAX_KEY_CHARACTERS,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Sent to this address only. Leave empty to keep the stored one.",
    )

    class Meta:
        model = Provider
        fields = (
            "slug",
            "name",
            "kind",
            "base_url",
            "needs_key",
            "is_enabled",
            "priority",
            "drain_on_disconnect",
            "connect_seconds",
            "first_token_seconds",
            "between_tokens_seconds",
            "total_seconds",
        )

    def clean_base_url(self) -> str:
        base_url = str(self.cleaned_data["base_url"])
        if not base_url and self.cleaned_data.get("kind") == Provider.Kind.SIMULATED:
            return base_url
        try:
            providers.validate_base_url(base_url)
        except providers.InvalidBaseUrl as error:
            raise forms.ValidationError(str(error)) from error
        return base_url

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if not key.isascii() or not key.isprintable():
            raise forms.ValidationError("A key is printable ASCII: copy it again without line breaks.")
        return key


def _rate_field(label: str, decimals: int = 6) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=decimals,
        widget=UnfoldAdminDecimalFieldWidget,
    )


class LanguageModelForm(forms.ModelForm[LanguageModel]):
    """A model with fields to set a price that wins over the price library's."""

    RATE_FIELDS = (
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "cached_input_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "reasoning_usd_per_mtok",
        "request_usd",
    )
    RATES_HELP = (
        "Enter rates to put them in force now, before every other source, until they are withdrawn by the action of "
        "the list. US dollars per million tokens. Left empty, cached input and cache writes cost what input costs, "
        "reasoning what output costs."
    )

    input_usd_per_mtok = _rate_field("Input")
    output_usd_per_mtok = _rate_field("Output")
    cached_input_usd_per_mtok = _rate_field("Cached input")
    cache_write_usd_per_mtok = _rate_field("Cache write")
    reasoning_usd_per_mtok = _rate_field("Reasoning")
    request_usd = _rate_field("Fee of a request (US dollars)", decimals=9)

    class Meta:
        model = LanguageModel
        fields = (
            "provider",
            "name",
            "upstream_name",
            "canonical_name",
            "is_enabled",
            "tier",
            "is_routable",
            "context_tokens",
            "max_output_tokens",
            "supports_tools",
            "supports_images",
            "supports_json",
            "allow_unpriced",
            "is_staff_edited",
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("is_routable") and not cleaned.get("tier"):
            self.add_error("tier", "A model that auto may choose needs a tier: choose one or clear is_routable.")
        entered = {name for name in self.RATE_FIELDS if cleaned.get(name) is not None}
        for name in ("input_usd_per_mtok", "output_usd_per_mtok"):
            if entered and name not in entered:
                self.add_error(name, "A price needs both the input and the output rate.")
        return cleaned

    @property
    def has_changed_model(self) -> bool:
        return any(name not in self.RATE_FIELDS for name in self.changed_data)

    @property
    def staff_schedule(self) -> PriceSchedule | None:
        """The price entered, None when none was."""
        rates = {name: self.cleaned_data[name] for name in self.RATE_FIELDS if self.cleaned_data[name] is not None}
        return PriceSchedule(**rates) if rates else None
