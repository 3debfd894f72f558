"""The WebSocket paths. (Channels would call this module `routing`, which is the name of an app here.)"""

from monitoring.consumers import LiveConsumer

live = LiveConsumer()
PATHS = {path: live for path in ("/metrics/live", "/metrics/live/", "/ws/metrics/live", "/ws/metrics/live/")}
