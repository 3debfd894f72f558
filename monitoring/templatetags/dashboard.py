from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def usd(value: Decimal | None) -> str:
    """Write dollars with the digits that say something: cents for dollars, more for fractions of a cent."""
    if value is None:
        return "unknown"
    size = abs(value)
    digits = 2 if size >= 1 or not size else 4 if size >= Decimal("0.01") else 6 if size >= Decimal("0.0001") else 8
    return f"{'-' if value < 0 else ''}${size:,.{digits}f}"
