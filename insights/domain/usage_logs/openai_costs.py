"""Costs of the OpenAI platform: what ``GET /v1/organization/costs`` answers, and the CSV of the same.

Amounts are per day and line item, such as "gpt-4o-2024-08-06, input". Tokens are known only where the file gives a
quantity and says that it is tokens; without them there is money to show, and nothing to compare.
"""

from insights.domain.usage_logs import cells
from insights.domain.usage_logs.cells import Record
from insights.domain.usage_logs.record import Kind, LoggedUsage, Unreadable
from routing.domain.usage import Usage

_IDENTITY = ("line_item", "name", "project_id", "api_key_id", "user_id", "quantity")


def read(record: Record) -> LoggedUsage | None:
    """Read one row; None for a day without costs, which exports list as well.

    Raises:
        Unreadable: An amount or date in it cannot be, or it is not in US dollars.
    """
    amount = record.get("amount")
    nested = amount if isinstance(amount, dict) else {}
    flat = {**record, "amount_value": nested.get("value"), "amount_currency": nested.get("currency")}
    row = flat if nested else record
    cost = _cost(row)
    if cost is None:
        return None
    model, _, part = (cells.text(row, "line_item") or cells.text(row, "name")).partition(",")
    at = cells.moment(row, "start_time", "start_time_iso", "timestamp", "date")
    usage = _usage(row, part)
    said = [at.isoformat(), str(cost), *(cells.text(row, name) for name in _IDENTITY)]
    return LoggedUsage(
        at=at,
        model=model.strip(),
        provider="openai",
        usage=usage or Usage(),
        requests=0,
        cost_femto_usd=cost,
        team=cells.text(row, "project_name") or cells.text(row, "project_id"),
        kind=Kind.MONEY_ONLY if usage is None else Kind.CHAT,
        detail=part.strip(),
        identity="\x1f".join(said),
    )


def _cost(row: Record) -> int | None:
    currency = (cells.text(row, "amount_currency") or cells.text(row, "currency")).lower()
    if currency not in ("", "usd"):
        raise Unreadable(f"the amount is in {currency!a}, and only US dollars can be compared")
    # The export of 2024 gave dollars as cost_in_major, and cents as cost.
    return cells.money(row, "amount_value" if "amount_value" in row else "cost_in_major")


def _usage(row: Record, part: str) -> Usage | None:
    if cells.text(row, "quantity_unit").lower() not in ("token", "tokens"):
        return None
    words = part.replace("_", " ").split()
    tokens = cells.count(row, "quantity")
    if words[:2] == ["cached", "input"]:
        return Usage(input_tokens=tokens, cached_input_tokens=tokens)
    if words[:1] == ["input"]:
        return Usage(input_tokens=tokens)
    return Usage(output_tokens=tokens) if words[:1] == ["output"] else None
