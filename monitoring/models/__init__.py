from monitoring.models.alerts import Alert, AlertChannel, AlertDelivery, AlertRule, ChannelName, Severity
from monitoring.models.database import Database
from monitoring.models.integrity import IntegrityCheck
from monitoring.models.samples import CounterSample
from monitoring.models.table_size import TableSize

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertRule",
    "ChannelName",
    "CounterSample",
    "Database",
    "IntegrityCheck",
    "Severity",
    "TableSize",
]
