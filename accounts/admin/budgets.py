from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.admin.base import NANO_USD_PER_USD, ConfigurationAdmin, ReadOnlyAdmin, dollars
from accounts.models import Budget, BudgetPeriod
from accounts.services import budgets


class BudgetForm(forms.ModelForm[Budget]):
    """A budget with its limit in dollars, as people think of it."""

    limit_usd = forms.DecimalField(
        label="Limit (US dollars)",
        min_value=Decimal(0),
        max_value=Decimal(1_000_000_000),
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    class Meta:
        model = Budget
        fields = ("team", "api_key", "period", "is_hard")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["limit_usd"].initial = Decimal(self.instance.limit_nano_usd) / NANO_USD_PER_USD

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        api_key, team = cleaned.get("api_key"), cleaned.get("team")
        if api_key and team and api_key.team_id != team.id:
            self.add_error("api_key", "This key belongs to another team: choose a key of the budget's team.")
        return cleaned

    @property
    def limit_nano_usd(self) -> int:
        return int(self.cleaned_data["limit_usd"] * NANO_USD_PER_USD)


@admin.register(Budget)
class BudgetAdmin(ConfigurationAdmin):
    form = BudgetForm
    list_display = ("team", "api_key", "period", "limit", "is_hard", "created_at")
    list_filter = ("period", "is_hard", "team")
    list_select_related = ("team", "api_key")
    search_fields = ("team__slug", "api_key__prefix", "api_key__name")
    autocomplete_fields = ("team", "api_key")
    fields = ("team", "api_key", "period", "is_hard", "limit_usd")

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> tuple[str, ...]:
        # What a budget limits is fixed, because its past periods were counted by it; the limit may change.
        return () if obj is None else ("team", "api_key", "period", "is_hard")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Let a budget go with its periods, which nobody may change or delete by themselves."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        today = timezone.now().date()
        if change:
            budgets.change_limit(obj, form.limit_nano_usd, today=today)
            return
        saved = budgets.set_budget(
            team=obj.team,
            api_key=obj.api_key,
            period=obj.period,
            is_hard=obj.is_hard,
            limit_nano_usd=form.limit_nano_usd,
            today=today,
        )
        # The page goes on with the row that the service made.
        obj.__dict__.update(saved.__dict__)

    @admin.display(description="limit", ordering="limit_nano_usd")
    def limit(self, budget: Budget) -> str:
        return dollars(budget.limit_nano_usd)


@admin.register(BudgetPeriod)
class BudgetPeriodAdmin(ReadOnlyAdmin):
    list_display = ("budget", "period_start", "limit", "spent", "reserved", "overrun")
    list_filter = ("period_start", "budget__period", "budget__is_hard", "budget__team")
    list_select_related = ("budget",)
    search_fields = ("budget__team__slug",)
    fields = ("budget", "period_start", "limit", "spent", "reserved", "overrun")
    readonly_fields = fields

    @admin.display(description="limit", ordering="limit_nano_usd")
    def limit(self, period: BudgetPeriod) -> str:
        return dollars(period.limit_nano_usd)

    @admin.display(description="spent", ordering="spent_nano_usd")
    def spent(self, period: BudgetPeriod) -> str:
        return dollars(period.spent_nano_usd)

    @admin.display(description="reserved", ordering="reserved_nano_usd")
    def reserved(self, period: BudgetPeriod) -> str:
        return dollars(period.reserved_nano_usd)

    @admin.display(description="past the limit", ordering="overrun_nano_usd")
    def overrun(self, period: BudgetPeriod) -> str:
        return dollars(period.overrun_nano_usd)
