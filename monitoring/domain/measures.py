"""What alert rules can watch, by name."""

from enum import StrEnum


class Measure(StrEnum):
    LEARNING_JOB_FAILURES = "learning_job_failures"
    INSIGHTS_SECONDS = "insights_seconds_p95"
    FEEDBACK_BACKLOG = "feedback_backlog"
    INTEGRITY = "integrity_pass_rate"
    DATABASE_POOL = "database_connections_used"
    UNPRICED_TRAFFIC = "unpriced_requests"
    CLAMPED_USAGE = "clamped_requests"
    CAPPED_UPGRADES = "capped_upgrades"
    LEARNING_UPDATE_SECONDS = "learning_update_seconds_p95"
    THRESHOLDS_AGE = "hours_since_thresholds_were_evaluated"
    INSIGHTS_CACHE_HITS = "insights_cache_hit_rate"
    API_ERRORS = "api_error_rate"
    MEMORY = "memory_used"
    BUDGET = "budget_used"


DESCRIPTIONS: dict[Measure, str] = {
    Measure.LEARNING_JOB_FAILURES: "share of the learning jobs of the window that failed",
    Measure.INSIGHTS_SECONDS: "95th percentile of the seconds a cost review took in the window",
    Measure.FEEDBACK_BACKLOG: "linked ratings that no retraining has read yet",
    Measure.INTEGRITY: "share of the latest integrity checks that passed",
    Measure.DATABASE_POOL: "share of the database's connections in use (PostgreSQL only)",
    Measure.UNPRICED_TRAFFIC: "requests of the window whose cost is unknown, because their model has no price",
    Measure.CLAMPED_USAGE: "requests of the window whose provider counted tokens that cannot be",
    Measure.CAPPED_UPGRADES: "requests of the window that a team's limit on upgrades kept from a dearer model",
    Measure.LEARNING_UPDATE_SECONDS: "95th percentile of the seconds an update of what is learned took in the window",
    Measure.THRESHOLDS_AGE: "hours since the confidence thresholds were last evaluated",
    Measure.INSIGHTS_CACHE_HITS: "share of the window's look-ups of insights that were answered from the cache",
    Measure.API_ERRORS: "share of the window's requests that were answered with a status of 500 or more",
    Measure.MEMORY: "share of the memory in use: of this machine or container, and of each gateway process on it",
    Measure.BUDGET: "share of each budget that is spent, in its current period",
}
