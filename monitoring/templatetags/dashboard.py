from datetime import datetime
from decimal import Decimal

from django import template
from django.template.defaultfilters import filesizeformat

register = template.Library()


@register.filter
def usd(value: Decimal | None) -> str:
    """Write dollars with the digits that say something: cents for dollars, more for fractions of a cent."""
    if value is None:
        return "unknown"
    size = abs(value)
    digits = 2 if size >= 1 or not size else 4 if size >= Decimal("0.01") else 6 if size >= Decimal("0.0001") else 8
    return f"{'-' if value < 0 else ''}${size:,.{digits}f}"


@register.filter
def share(value: Decimal | float) -> str:
    """Write a share in [0, 1] as percent."""
    return f"{value:.1%}"


@register.filter
def whole(value: float) -> str:
    """Write a number without fractions, its thousands apart."""
    return f"{value:,.0f}"


@register.filter
def cell(value: object) -> object:
    """Write a value of a table for people: times to the second, decimals as dollars, a dash for what is not known."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        return usd(value)
    return f"{value:,}" if isinstance(value, int) else value


@register.filter
def size(value: int | None) -> str:
    """Write a number of bytes, or a dash where it is not known."""
    return "-" if value is None else filesizeformat(value)


@register.filter
def growth(value: int | None) -> str:
    """Write by how many bytes something grew or shrank, or a dash where it is not known."""
    if value is None:
        return "-"
    return f"{'+' if value > 0 else ''}{filesizeformat(value)}"
