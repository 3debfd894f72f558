"""When scheduled work is started, in UTC, and what follows what."""

from typing import Any

from celery.schedules import crontab

# Jobs that follow one another in the same period; the schedule starts the first. Weekday 0 is Monday.
CHAINS: dict[str, dict[str, Any]] = {
    "hourly": {
        "steps": [
            "insights.tasks.learning_metrics",
            "insights.tasks.realized_savings",
            "insights.tasks.team_metrics",
            "monitoring.tasks.check_integrity",
        ]
    },
    "daily": {
        "steps": [
            "insights.tasks.reviews",
            "insights.tasks.learning_paths",
            "insights.tasks.trends",
            "insights.tasks.anti_patterns",
            "insights.tasks.archive_trends",
            "monitoring.tasks.daily_summary",
        ]
    },
    "monday": {
        "after": "daily",
        "weekday": 0,
        "steps": [
            "insights.tasks.weekly_reports",
            "insights.tasks.confidence_thresholds",
            "learning.tasks.clean_orphans",
            "monitoring.tasks.weekly_summary",
        ],
    },
    "retention": {
        "steps": [
            "jobs.tasks.delete_old",
            "feedback.tasks.delete_expired_events",
            "monitoring.tasks.forget_login_attempts",
            "monitoring.tasks.sample_table_sizes",
        ]
    },
}


def entries(*, live_period_seconds: int, retrain_cron: str) -> dict[str, dict[str, Any]]:
    """Return the schedule as Celery Beat reads it, by the name of the entry.

    What comes every few seconds expires: one that waited for a period would only repeat what the next one says.

    Args:
        live_period_seconds: Between two live snapshots.
        retrain_cron: Five fields of a crontab, for the weekly retraining.
    """
    return {
        "publish-live": {
            "task": "monitoring.tasks.publish_live",
            "schedule": float(live_period_seconds),
            "options": {"expire_seconds": live_period_seconds},
        },
        "sweep-jobs": {"task": "jobs.tasks.sweep", "schedule": 15.0, "options": {"expire_seconds": 15}},
        "reconcile-ledger": {
            "task": "routing.tasks.reconcile_ledger",
            "schedule": 30.0,
            "options": {"expire_seconds": 30},
        },
        "evaluate-alerts": {
            "task": "monitoring.tasks.evaluate_alerts",
            "schedule": 60.0,
            "options": {"expire_seconds": 60},
        },
        "roll-up-usage": {"task": "routing.tasks.roll_up_usage", "schedule": 60.0, "options": {"expire_seconds": 55}},
        "keep-up-experiments": {
            "task": "experiments.tasks.keep_up",
            "schedule": 60.0,
            "options": {"expire_seconds": 60},
        },
        "link-feedback": {"task": "feedback.tasks.link_pending", "schedule": 300.0, "options": {"expire_seconds": 300}},
        "catch-up-jobs": {"task": "jobs.tasks.catch_up", "schedule": 300.0, "options": {"expire_seconds": 300}},
        "add-up-ratings": {
            "task": "feedback.tasks.add_up_ratings",
            "schedule": 600.0,
            "options": {"expire_seconds": 590},
        },
        "delete-expired": {"task": "routing.tasks.delete_expired", "schedule": crontab(minute="0")},
        "hourly-metrics": {"task": "insights.tasks.learning_metrics", "schedule": crontab(minute="5")},
        "sweep-experiments": {"task": "experiments.tasks.sweep", "schedule": crontab(minute="15")},
        "daily-reviews": {"task": "insights.tasks.reviews", "schedule": crontab(minute="0", hour="0")},
        "watch-learning": {"task": "learning.tasks.watch", "schedule": crontab(minute="30", hour="1")},
        "retrain-weekly": {"task": "learning.tasks.retrain", "schedule": crontab.from_string(retrain_cron)},
        # An hour after the retraining of the table by default.
        "train-predictors-weekly": {
            "task": "learning.tasks.train_predictors",
            "schedule": crontab(minute="0", hour="3", day_of_week="sunday"),
        },
        "evaluate-candidates": {
            "task": "learning.tasks.evaluate_candidates",
            "schedule": crontab(minute="30", hour="3"),
        },
        "retention": {"task": "jobs.tasks.delete_old", "schedule": crontab(minute="0", hour="4")},
        "refresh-prices": {"task": "routing.tasks.refresh_prices", "schedule": crontab(minute="0", hour="5")},
    }
