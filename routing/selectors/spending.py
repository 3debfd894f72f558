"""What teams have spent, from the ledger."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Sum

from routing.models import LedgerEntry


def cost_on_day(team_id: int, day: date) -> int:
    """Return the nano-dollars a team's requests of one UTC day have cost so far."""
    start = datetime.combine(day, time.min, tzinfo=UTC)
    rows = LedgerEntry.objects.filter(team_id=team_id, created_at__gte=start, created_at__lt=start + timedelta(days=1))
    return rows.aggregate(total=Sum("cost_nano_usd"))["total"] or 0
