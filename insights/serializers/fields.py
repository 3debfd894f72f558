"""What the shapes of insights share."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer


class TeamQuerySerializer(StrictSerializer[Any]):
    team = serializers.SlugField(
        required=False, max_length=64, help_text="For staff, who must name one; a key's insights are its team's."
    )


class DaysQuerySerializer(TeamQuerySerializer):
    days = serializers.IntegerField(min_value=1, max_value=366, default=30, help_text="Length of the period.")
