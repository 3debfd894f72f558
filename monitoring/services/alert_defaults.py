"""The rules and channels every installation begins with. Staff change them afterwards, and their changes stay."""

from collections.abc import Mapping
from typing import Any

from django.db import connections

from monitoring.domain.alerting import Comparison, Severity
from monitoring.domain.measures import Measure
from monitoring.models import AlertChannel, AlertRule, ChannelName

HOUR, DAY = 3600, 86_400
_CRITICAL, _WARNING = Severity.CRITICAL.value, Severity.WARNING.value

CHANNELS: Mapping[str, list[str]] = {
    ChannelName.PAGERDUTY: [_CRITICAL],
    ChannelName.SLACK: [_WARNING],
    ChannelName.EMAIL: [Severity.INFO.value],
    ChannelName.LOG: [Severity.INFO.value],
    ChannelName.WEBHOOK: [],
}

RULES: Mapping[str, Mapping[str, Any]] = {
    "learning-job-failures": {
        "title": "Learning jobs fail",
        "measure": Measure.LEARNING_JOB_FAILURES.value,
        "threshold": 0.05,
        "window_seconds": DAY,
        "severity": _CRITICAL,
        "advice": "The job runs in the admin say why; what did not run is run again from there.",
    },
    "insights-slow": {
        "title": "Cost reviews are slow",
        "measure": Measure.INSIGHTS_SECONDS.value,
        "threshold": 5,
        "window_seconds": DAY,
        "severity": _CRITICAL,
        "advice": "See the database page in the admin for slow queries, and whether usage is rolled up.",
    },
    "feedback-backlog": {
        "title": "Ratings wait to be learned from",
        "measure": Measure.FEEDBACK_BACKLOG.value,
        "threshold": 1000,
        "severity": _CRITICAL,
        "advice": "Retrain: manage.py optimizer retrain --apply. A failed weekly run says why in the admin.",
    },
    "integrity-failed": {
        "title": "Stored figures disagree",
        "measure": Measure.INTEGRITY.value,
        "comparison": Comparison.BELOW.value,
        "threshold": 1,
        "hold_seconds": 0,
        "severity": _CRITICAL,
        "advice": "Run manage.py optimizer validate --full, and restore or correct what it names.",
    },
    "database-pool-exhausted": {
        "title": "The database has no connection left",
        "measure": Measure.DATABASE_POOL.value,
        "comparison": Comparison.AT_LEAST.value,
        "threshold": 0.95,
        "severity": _CRITICAL,
        "advice": "Raise max_connections of PostgreSQL, or run fewer web and worker processes.",
    },
    "unpriced-traffic": {
        "title": "Requests of unknown cost",
        "measure": Measure.UNPRICED_TRAFFIC.value,
        "threshold": 0,
        "window_seconds": HOUR,
        "severity": _CRITICAL,
        "advice": "Enter a price for the model in the admin: budgets and savings leave such requests out.",
    },
    "usage-clamped": {
        "title": "Token counts that cannot be",
        "measure": Measure.CLAMPED_USAGE.value,
        "threshold": 0,
        "window_seconds": HOUR,
        "severity": _WARNING,
        "advice": "Such answers are billed at their reservation: compare its invoice, and tell it.",
    },
    "upgrades-capped": {
        "title": "A team is kept from dearer models",
        "measure": Measure.CAPPED_UPGRADES.value,
        "threshold": 0,
        "window_seconds": HOUR,
        "hold_seconds": 0,
        "severity": _WARNING,
        "advice": "The ledger shows whose requests these are: revoke or limit a key that is abused. Where prompts are "
        "hard by nature, raise the team's limit on upgrades.",
    },
    "learning-update-slow": {
        "title": "Updates of learning are slow",
        "measure": Measure.LEARNING_UPDATE_SECONDS.value,
        "threshold": 2,
        "window_seconds": DAY,
        "severity": _WARNING,
        "advice": "See the database page in the admin for slow queries.",
    },
    "thresholds-stale": {
        "title": "Confidence thresholds are not evaluated",
        "measure": Measure.THRESHOLDS_AGE.value,
        "threshold": 24,
        "severity": _WARNING,
        "advice": "They are evaluated hourly: see whether worker and beat run, and the job runs in the admin.",
    },
    "insights-cache-cold": {
        "title": "Insights are seldom answered from the cache",
        "measure": Measure.INSIGHTS_CACHE_HITS.value,
        "comparison": Comparison.BELOW.value,
        "threshold": 0.5,
        "window_seconds": HOUR,
        "min_samples": 100,
        "severity": _WARNING,
        "advice": "See whether Redis answers: without it each process keeps its own.",
    },
    "api-errors": {
        "title": "Requests fail",
        "measure": Measure.API_ERRORS.value,
        "threshold": 0.01,
        "min_samples": 20,
        "severity": _WARNING,
        "advice": "The ledger shows the failed requests with their errors; /health says which provider is away.",
    },
    "memory-high": {
        "title": "Memory runs out",
        "measure": Measure.MEMORY.value,
        "threshold": 0.8,
        "severity": _WARNING,
        "advice": "Run fewer processes on the machine, or give it more memory.",
    },
    "budget-nearly-spent": {
        "title": "A budget is nearly spent",
        "measure": Measure.BUDGET.value,
        "comparison": Comparison.AT_LEAST.value,
        "threshold": 0.8,
        "severity": _WARNING,
        "advice": "Raise the limit, or expect hard budgets to refuse requests.",
    },
}


def ensure(*, using: str = "default", **_: Any) -> None:
    """Add the rules and channels that are not there; a receiver of ``post_migrate``, and safe to call at any time.

    Those that are there stay as staff have made them.
    """
    if AlertRule._meta.db_table not in connections[using].introspection.table_names():
        # The tables are not there yet, or no longer.
        return
    for slug, values in RULES.items():
        AlertRule.objects.using(using).get_or_create(slug=slug, defaults=values)
    for name, severities in CHANNELS.items():
        AlertChannel.objects.using(using).get_or_create(name=name, defaults={"severities": severities})
