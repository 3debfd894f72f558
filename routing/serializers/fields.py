from typing import Any

from rest_framework import serializers

DEFAULT_DAYS = 7


class UsdField(serializers.DecimalField):
    """US dollars, exact: a JSON number with the digits of its Decimal, down to the nano-dollar."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, **kwargs)


class RateField(serializers.DecimalField):
    """A share, at most 1, with four decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, **kwargs)


class DaysQuerySerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=366, default=DEFAULT_DAYS, help_text="Length of the period.")
