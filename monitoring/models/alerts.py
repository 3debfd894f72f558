from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from monitoring.domain.alerting import Severity as DomainSeverity
from monitoring.domain.measures import Measure


class Severity(models.TextChoices):
    CRITICAL = DomainSeverity.CRITICAL.value
    WARNING = DomainSeverity.WARNING.value
    INFO = DomainSeverity.INFO.value


class ChannelName(models.TextChoices):
    PAGERDUTY = "pagerduty", "PagerDuty"
    SLACK = "slack", "Slack"
    EMAIL = "email", "e-mail"
    WEBHOOK = "webhook"
    LOG = "log"


def check_channels(value: object) -> None:
    """Raise ValidationError unless the value is a list of names of channels."""
    _check_words(value, ChannelName.values, "channels")


def check_severities(value: object) -> None:
    """Raise ValidationError unless the value is a list of severities."""
    _check_words(value, Severity.values, "severities")


def _check_words(value: object, allowed: list[str], noun: str) -> None:
    if not isinstance(value, list) or any(word not in allowed for word in value):
        raise ValidationError(f"Use a list of {noun} out of {', '.join(allowed)}.")


class AlertRule(models.Model):
    """What is watched, when it is bad, and who is told. Evaluated every minute."""

    class Comparison(models.TextChoices):
        ABOVE = "above"
        AT_LEAST = "at_least", "at least"
        BELOW = "below"

    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    advice = models.CharField(max_length=500, blank=True, help_text="What to do about it; part of the message.")
    measure = models.CharField(max_length=64, choices=[(name.value, name.value.replace("_", " ")) for name in Measure])
    comparison = models.CharField(max_length=8, choices=Comparison.choices, default=Comparison.ABOVE)
    threshold = models.FloatField(help_text="A share is a number from 0 to 1.")
    window_seconds = models.PositiveIntegerField(
        default=300,
        validators=(MaxValueValidator(31 * 86_400),),
        help_text="How far back the measure looks, for those that look back.",
    )
    hold_seconds = models.PositiveIntegerField(
        default=300,
        validators=(MaxValueValidator(7 * 86_400),),
        help_text="How long it must be bad before the alert fires.",
    )
    min_samples = models.PositiveIntegerField(default=1, help_text="Of fewer observations nothing is concluded.")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    channels = models.JSONField(
        default=list,
        blank=True,
        validators=(check_channels,),
        help_text="Names of channels; empty for those of its severity.",
    )
    is_enabled = models.BooleanField(default=True)
    evaluated_at = models.DateTimeField(null=True, editable=False)
    last_value = models.FloatField(null=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        db_table = "alert_rules"
        ordering = ("severity", "slug")

    def __str__(self) -> str:
        return self.title


class AlertChannel(models.Model):
    """Where messages go: an address of the notification library, encrypted, or one from the environment."""

    name = models.CharField(max_length=16, choices=ChannelName.choices, unique=True)
    severities = models.JSONField(
        default=list,
        blank=True,
        validators=(check_severities,),
        help_text="Alerts of these severities come here, unless their rule names its channels.",
    )
    encrypted_address = models.BinaryField(null=True, editable=False)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        db_table = "alert_channels"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.get_name_display()


class Alert(models.Model):
    """One time that something was bad, from its beginning to its end, or a notice. Rows are history and stay."""

    class State(models.TextChoices):
        PENDING = "pending"
        FIRING = "firing"
        RESOLVED = "resolved"
        NOTICE = "notice"

    rule = models.ForeignKey(AlertRule, on_delete=models.SET_NULL, null=True, related_name="alerts")
    kind = models.CharField(max_length=64, help_text="The rule's slug, or what sort of notice it is.")
    subject = models.CharField(max_length=200, blank=True, help_text="Which one, of a rule that watches many.")
    key = models.CharField(max_length=200, null=True, unique=True, help_text="The same for a notice told before.")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    title = models.CharField(max_length=200)
    message = models.CharField(max_length=2000)
    details = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices)
    value = models.FloatField(null=True, help_text="As measured last.")
    threshold = models.FloatField(null=True)
    samples = models.IntegerField(null=True)
    began_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "alerts"
        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("rule", "subject"), condition=Q(state__in=("pending", "firing")), name="alert_one_open"
            ),
        )
        indexes = (
            models.Index(fields=("state", "-began_at"), name="alert_state_time"),
            models.Index(fields=("kind", "-began_at"), name="alert_kind_time"),
        )

    def __str__(self) -> str:
        return self.title


class AlertDelivery(models.Model):
    """One message to one channel. It is sent until it is delivered, or has failed so often that staff must look."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        UNDELIVERED = "undelivered"

    class Event(models.TextChoices):
        FIRING = "firing"
        RESOLVED = "resolved"
        NOTICE = "notice"
        TEST = "test"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=16, choices=ChannelName.choices)
    event = models.CharField(max_length=8, choices=Event.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "alert_deliveries"
        verbose_name_plural = "alert deliveries"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("next_attempt_at",), condition=Q(state="waiting"), name="alert_delivery_due"),
            models.Index(fields=("state", "-id"), name="alert_delivery_state"),
        )

    def __str__(self) -> str:
        return f"{self.event} to {self.channel}"
