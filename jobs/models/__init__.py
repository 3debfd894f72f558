from jobs.models.dead_letter import DeadLetter
from jobs.models.outbox import OutboxMessage
from jobs.models.pulse import Pulse
from jobs.models.run import JobRun
from jobs.models.schedule import ShippedSchedule
from jobs.models.work import Work

__all__ = ["DeadLetter", "JobRun", "OutboxMessage", "Pulse", "ShippedSchedule", "Work"]
