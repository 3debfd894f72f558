import json
import logging

import pytest

from optimizer_project import log_config
from optimizer_project.log_config import is_news

LIVE = "monitoring.tasks.publish_live"


@pytest.mark.parametrize(
    ("logger", "level", "message", "is_told"),
    [
        ("celery.app.trace", logging.INFO, f"Task {LIVE}[1] succeeded in 0.1s", False),
        ("celery.beat", logging.INFO, f"Sending due task publish-live ({LIVE})", False),
        ("celery.app.trace", logging.ERROR, f"Task {LIVE}[1] raised unexpected", True),
        ("celery.app.trace", logging.INFO, "Task learning.tasks.retrain[1] succeeded", True),
        ("monitoring", logging.INFO, LIVE, True),
    ],
)
def test_only_the_passing_of_frequent_tasks_is_left_out(logger, level, message, is_told):
    record = logging.LogRecord(logger, level, __file__, 1, "%s", (message,), None)

    assert is_news(record) is is_told


def test_a_path_cannot_begin_a_line_of_the_log():
    structured = log_config.logging_config("INFO", as_json=True)["formatters"]["structured"]
    formatter = structured.pop("()")(**structured)
    record = logging.LogRecord("web", logging.WARNING, "", 0, "Not Found: %s", ('/a\n{"event": "forged"}',), None)

    line = formatter.format(record)

    assert "\n" not in line
    assert json.loads(line)["event"] == 'Not Found: /a\n{"event": "forged"}'
