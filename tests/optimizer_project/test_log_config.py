import logging

import pytest

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
