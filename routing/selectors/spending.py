"""What teams have spent."""

from datetime import UTC, date, datetime, time, timedelta

from routing.selectors import usage


def cost_on_day(team_id: int, day: date) -> int:
    """Return the nano-dollars a team's requests of one UTC day have cost so far, also notional ones."""
    start = datetime.combine(day, time.min, tzinfo=UTC)
    spent = usage.totals(usage.window(team_id=team_id, since=start, until=start + timedelta(days=1)))
    return spent.cost_nano_usd + spent.simulated_cost_nano_usd
