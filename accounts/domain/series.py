"""The one table of every figure that is published to Prometheus: names, labels, meaning, unit."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
# How a figure comes about: counted in every process, or worked out whenever somebody asks for the figures.
Origin = Literal["process", "scrape"]

_QUICK_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 3.5, 5.0, 10.0, 30.0)
_LONG_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1200.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Series:
    """One figure.

    ``buckets`` are the upper bounds of a histogram, ascending, without infinity. A gauge that ``is_live`` is the sum
    over the processes that run; any other has the value it was given last, by whichever process. ``values`` are those
    that a single label can take, where they are known: they are published from the beginning, as zeros.
    """

    name: str
    kind: Kind
    help: str
    unit: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_live: bool = False
    origin: Origin = "process"
    values: tuple[str, ...] = ()


def _counter(name: str, help_text: str, *labels: str, values: tuple[str, ...] = ()) -> Series:
    return Series(name, "counter", help_text, "", labels, values=values)


def _seconds(name: str, help_text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Series:
    return Series(name, "histogram", help_text, "seconds", labels, buckets)


def _gauge(name: str, help_text: str, *, unit: str = "", is_live: bool = False) -> Series:
    return Series(name, "gauge", help_text, unit, is_live=is_live)


def _at_scrape(name: str, help_text: str, *labels: str, kind: Kind = "gauge", unit: str = "") -> Series:
    return Series(name, kind, help_text, unit, labels, origin="scrape")


_TABLE = (
    # The API: `endpoint` is a route as the documentation writes it, never an address with ids in it.
    _seconds("api_request_duration_seconds", "Time from a request's arrival to the end of its answer.", "endpoint"),
    _counter("api_requests_total", "Requests answered.", "endpoint", "method", "status"),
    _counter("api_errors_total", "Requests answered with a status of 500 and above.", "endpoint", "status"),
    _seconds("gateway_overhead_seconds", "Time of a completion that was not its provider's.", buckets=_QUICK_SECONDS),
    _gauge("gateway_requests_in_flight", "Completions under way now.", is_live=True),
    _gauge("gateway_writes_waiting", "Writes to the ledger that wait to be committed now.", is_live=True),
    # The database.
    _seconds("db_query_duration_seconds", "Time a statement took.", "operation", buckets=_QUICK_SECONDS),
    _counter("db_queries_total", "Statements run.", "operation"),
    _counter("db_rollbacks_total", "Transactions rolled back."),
    _at_scrape("database_up", "1 while the database answers in time, else 0."),
    _at_scrape(
        "db_pool_utilization", "Share of the connections the database server allows that are open.", unit="ratio"
    ),
    _at_scrape("database_replica_up", "1 while the replica answers in time, else 0; nothing where there is none."),
    _at_scrape("database_replica_lag_seconds", "How far the replica is behind the database at most.", unit="seconds"),
    # Providers.
    _seconds(
        "provider_request_duration_seconds",
        "Time a provider took to answer, to begin a stream, or to fail.",
        *("provider", "model"),
        buckets=(*_SECONDS, 60.0, 120.0),
    ),
    _counter("provider_errors_total", "Exchanges with a provider that failed.", "provider", "model", "code"),
    _counter("provider_usage_clamped_total", "Answers with token counts that cannot be.", "provider", "model"),
    # Money: exact, from the ledger. A saving is below zero where a request cost more than its baseline would have.
    _at_scrape("llm_cost_usd_total", "Cost of all requests.", "provider", "model", kind="counter", unit="usd"),
    _at_scrape(
        "llm_savings_usd_total",
        "Saved against the baseline; falls where more was paid.",
        "provider",
        "model",
        unit="usd",
    ),
    _at_scrape("llm_tokens_total", "Tokens used.", "provider", "model", "direction", kind="counter", unit="tokens"),
    _at_scrape("llm_requests_total", "Requests in the ledger.", "provider", "model", kind="counter"),
    _at_scrape("llm_unpriced_requests", "Requests served by a model that had no price.", "provider", "model"),
    # Feedback and learning.
    _counter("feedback_ingested_total", "Ratings stored."),
    _counter("feedback_failures_total", "Ratings that could not be stored for a fault of ours."),
    _at_scrape("feedback_collection_success_rate", "Share of the ratings sent that were stored.", unit="ratio"),
    _at_scrape("feedback_backlog", "Linked ratings not yet folded into what is learned."),
    _counter("learning_metrics_updates_total", "Updates of the figures that reviews and routing learn from."),
    _seconds("learning_update_duration_seconds", "Time such an update took.", buckets=_LONG_SECONDS),
    _counter("learning_jobs_total", "Learning jobs ended.", "outcome", values=("succeeded", "failed")),
    _seconds("learning_jobs_duration_seconds", "Time a learning job took.", buckets=_LONG_SECONDS),
    _at_scrape("learning_overrides", "Learning overrides in force."),
    _counter("confidence_threshold_changes_total", "Changes of a team's confidence threshold."),
    _at_scrape(
        "confidence_threshold_evaluated_timestamp_seconds", "When thresholds were last evaluated.", unit="seconds"
    ),
    # Insights.
    _seconds("insights_generation_duration_seconds", "Time a cost review of a team took."),
    _counter("insights_cache_lookups_total", "Look-ups in the cache of insights.", "result", values=("hit", "miss")),
    _at_scrape("insights_cache_hit_rate", "Share of the look-ups of the last hour that hit.", unit="ratio"),
    _seconds("suggestion_ranking_duration_seconds", "Time the ranking of a team's suggestions took."),
    _counter("deduplication_hits_total", "Suggestions left out because they say what another says."),
    _gauge("average_ranking_score", "Mean score of the suggestions ranked last.", unit="ratio"),
    _gauge("diversity_factor", "Mean factor for variety of the suggestions ranked last.", unit="ratio"),
    _seconds("trend_analysis_duration_seconds", "Time the trends of a team took."),
    _seconds("learning_path_generation_duration_seconds", "Time the learning path of a team took."),
    _seconds("roi_calculation_duration_seconds", "Time the return on investment of a team took."),
    # The installation.
    _at_scrape("batch_job_success_rate", "Share of the jobs ended in the last 24 hours that succeeded.", unit="ratio"),
    _at_scrape(
        "data_integrity_check_pass_rate", "Share of the checks of the last integrity run that passed.", unit="ratio"
    ),
    _at_scrape("memory_utilization", "Share of the memory of this machine or container that is in use.", unit="ratio"),
    _at_scrape("budget_utilization", "The largest share of its limit that any budget has used.", unit="ratio"),
    _at_scrape("optimizer_build_info", "Always 1; the label is the version that answers.", "version"),
)

SERIES: dict[str, Series] = {series.name: series for series in _TABLE}
