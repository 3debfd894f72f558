"""Times what people and jobs wait for, on a database that holds the world's year of traffic."""

import statistics
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from insights.domain.answers import Answer
from insights.domain.finding import Category, Finding, Savings, Severity, Suggestion

TIMES = 5
RANKED, LOADED, ANSWERED = 1_000, 10_000, 500
HEADINGS = ("what", "median, ms", "largest, ms", "limit, ms", "")
Line = tuple[str, list[float], float | None]


def measure(slugs: list[str], *, now: datetime) -> Iterable[Line]:
    """Yield what was timed, its milliseconds, and the limit to keep; teams are named by ``slugs``."""
    from accounts.models import Team
    from insights.models import Finding as Row
    from insights.models import SuggestionFeedback
    from insights.services import learning, reviews

    ranked, loaded, reviewed = (Team.objects.get(slug=slug) for slug in slugs[:3])
    times = [
        _milliseconds(lambda: reviews.run(reviewed, trigger="api", actor="benchmark", now=now)) for _ in range(TIMES)
    ]
    yield "a review of a team, with all detectors", times, 1_000
    yield f"{LOADED:,} findings raised by one review", [_milliseconds(lambda: _load(loaded, LOADED, now))], None
    yield f"{LOADED:,} findings seen again by the next", [_milliseconds(lambda: _load(loaded, LOADED, now))], None
    _load(ranked, RANKED + ANSWERED, now)
    _answer(list(Row.objects.filter(team=ranked).order_by("id")[:ANSWERED]), now)
    assert SuggestionFeedback.objects.filter(team=ranked).count() == ANSWERED
    times = [_milliseconds(lambda: learning.learn(ranked, now=now)) for _ in range(TIMES)]
    yield f"learning update of a team, {ANSWERED} answers", times, 1_000
    yield from _pages(ranked, RANKED)
    what, times, _ = next(iter(_pages(loaded, LOADED)))
    yield what, times, None


def cells(lines: Iterable[Line]) -> list[tuple[str, ...]]:
    """Return rows of a table."""
    return [
        (
            what,
            f"{statistics.median(times):,.0f}",
            f"{max(times):,.0f}",
            "" if limit is None else f"{limit:,.0f}",
            "" if limit is None else ("met" if statistics.median(times) < limit else "MISSED"),
        )
        for what, times, limit in lines
    ]


def _pages(team: Any, findings: int) -> Iterable[Line]:
    from accounts.services import api_keys

    secret = api_keys.issue(team=team, name="timings").secret
    for what, path, limit in (
        (f"suggestions, ranked among {findings:,} open findings", "/api/suggestions?limit=10", 500),
        ("trends, 12 weeks", "/api/insights/trends", 100),
        ("learning paths", "/api/insights/learning-paths", 200),
        ("team metrics", "/api/insights/team-metrics", 150),
        ("return on investment", "/api/insights/roi", 1_000),
        ("weekly report", "/api/insights/report", 1_000),
    ):
        yield what, [_asked(path, secret) for _ in range(TIMES)], limit


def _asked(path: str, secret: str) -> float:
    from django.core.cache import caches
    from django.test import Client

    from insights.services import insights_cache

    caches["default"].clear()
    insights_cache.clear()
    client = Client(headers={"authorization": f"Bearer {secret}"})
    answers: list[Any] = []
    found = _milliseconds(lambda: answers.append(client.get(path)))
    if answers[0].status_code != 200:
        raise SystemExit(f"{path} answered {answers[0].status_code}: {answers[0].content[:300]!r}")
    return found


def _load(team: Any, count: int, now: datetime) -> None:
    from django.db import transaction

    from insights.models import Review
    from insights.services import findings

    review = Review.objects.create(
        team=team,
        trigger="api",
        actor="benchmark",
        state="succeeded",
        starts_on=(now - timedelta(days=7)).date(),
        ends_before=now.date(),
        started_at=now,
        finished_at=now,
    )
    with transaction.atomic():
        findings.bring_up_to_date(review, tuple(_finding(number) for number in range(count)), now)


def _finding(number: int) -> Finding:
    types = ("overpowered_model", "low_quality_model", "feedback_gap", "failover_spike")
    name = types[number % len(types)]
    return Finding(
        name,
        list(Category)[number % 6],
        list(Severity)[number % 4],
        f"Finding {number}",
        {"model": f"north/model-{number}", "pattern": "code"},
        {"requests": number, "example_request_ids": [f"{number:032x}"]},
        Suggestion(f"Do something about number {number}."),
        0.7 + number % 30 / 100,
        Savings(number * 1_000_000, "Nothing changes."),
    )


def _answer(rows: list[Any], now: datetime) -> None:
    from insights.services import answers

    for place, row in enumerate(rows):
        verdict = Answer.ACCEPTED if place % 3 else Answer.REJECTED
        answers.answer(row.id, row.team, verdict=verdict, actor="benchmark", now=now)


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1_000
