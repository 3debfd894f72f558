from typing import Any

from rest_framework import serializers


class UpgradeSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField(help_text="To be sent as `/metrics/live?ticket=…`.")
    expires_in = serializers.IntegerField(help_text="Seconds in which a connection can be opened with it.")
