from django.db import models
from django.db.models import Q


class Provider(models.Model):
    """A vendor or server that answers chat completions over one wire protocol."""

    class Kind(models.TextChoices):
        OPENAI_COMPATIBLE = "openai_compatible"
        ANTHROPIC = "anthropic"
        SIMULATED = "simulated"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    is_builtin = models.BooleanField(
        default=False, help_text="Reached only at the address shipped with the product, with the key of its variable."
    )
    is_enabled = models.BooleanField(default=True)
    is_embedded = models.BooleanField(default=False, help_text="Runs beside the product; refused in production.")
    needs_key = models.BooleanField(default=True)
    encrypted_key = models.TextField(
        blank=True, editable=False, help_text="Key entered by staff, encrypted together with the origin it is for."
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower is asked first among equals.")
    connect_seconds = models.FloatField(default=2.0)
    first_token_seconds = models.FloatField(default=60.0)
    between_tokens_seconds = models.FloatField(default=30.0)
    total_seconds = models.FloatField(default=600.0)
    drain_on_disconnect = models.BooleanField(
        default=True,
        help_text="When a client hangs up: read the answer to its end for its true cost, or break off and bill the "
        "reservation.",
    )

    class Meta:
        ordering = ("priority", "slug")

    def __str__(self) -> str:
        return self.slug


class LanguageModel(models.Model):
    """A model of one provider, with what it can do."""

    class Tier(models.TextChoices):
        SIMPLE = "simple"
        MODERATE = "moderate"
        COMPLEX = "complex"

    class Source(models.TextChoices):
        CATALOG = "catalog", "shipped catalog"
        PRICE_LIBRARY = "price_library", "price library"
        STAFF = "staff"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="language_models")
    name = models.CharField(max_length=200, help_text="The name callers use.")
    upstream_name = models.CharField(max_length=200, help_text="The name the provider uses.")
    canonical_name = models.CharField(
        max_length=200, db_index=True, help_text="The same for one model offered by several providers."
    )
    tier = models.CharField(max_length=10, choices=Tier.choices, blank=True)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    supports_tools = models.BooleanField(default=False)
    supports_images = models.BooleanField(default=False)
    supports_json = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    is_routable = models.BooleanField(default=False, help_text="May be chosen by auto; needs a tier and a price.")
    allow_unpriced = models.BooleanField(
        default=False, help_text="May be asked for by name without a price; its cost is then unknown and alerted."
    )
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.STAFF)
    is_staff_edited = models.BooleanField(default=False, help_text="Refreshes of the catalog leave this row alone.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("provider", "name")
        constraints = (models.UniqueConstraint(fields=("provider", "name"), name="language_model_unique"),)
        indexes = (models.Index(fields=("tier", "is_routable"), name="language_model_tier"),)

    def __str__(self) -> str:
        return f"{self.provider.slug}/{self.name}"


class ModelPrice(models.Model):
    """What a model costs from one moment on, in US dollars per million tokens, and who said so."""

    class Source(models.TextChoices):
        PRICE_LIBRARY = "price_library", "price library"
        CATALOG = "catalog", "shipped catalog"
        STAFF = "staff"

    class ServiceTier(models.TextChoices):
        STANDARD = "standard"
        BATCH = "batch"

    language_model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="prices")
    service_tier = models.CharField(max_length=10, choices=ServiceTier.choices, default=ServiceTier.STANDARD)
    input_usd_per_mtok = models.DecimalField(max_digits=14, decimal_places=6)
    output_usd_per_mtok = models.DecimalField(max_digits=14, decimal_places=6)
    cached_input_usd_per_mtok = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    cache_write_usd_per_mtok = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    reasoning_usd_per_mtok = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    request_usd = models.DecimalField(max_digits=14, decimal_places=9, default=0)
    context_tiers = models.JSONField(
        default=list,
        blank=True,
        help_text="Rates for long inputs: from_input_tokens, input_usd_per_mtok, output_usd_per_mtok, as strings.",
    )
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices)
    source_version = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("language_model", "service_tier", "-active_from")
        get_latest_by = "active_from"
        constraints = (
            models.UniqueConstraint(
                fields=("language_model", "service_tier", "source", "active_from"), name="model_price_unique"
            ),
            models.CheckConstraint(
                condition=Q(input_usd_per_mtok__gte=0) & Q(output_usd_per_mtok__gte=0) & Q(request_usd__gte=0),
                name="model_price_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(active_to__isnull=True) | Q(active_to__gt=models.F("active_from")),
                name="model_price_period_in_order",
            ),
        )

    def __str__(self) -> str:
        return f"{self.language_model_id} {self.input_usd_per_mtok}/{self.output_usd_per_mtok}"
