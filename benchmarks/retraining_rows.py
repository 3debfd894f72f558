"""Fills a fresh database with a year of ratings, made by the database itself.

Started by `benchmarks.retraining` with the database's environment: python -m benchmarks.retraining_rows COUNT
"""

import sys
from datetime import UTC, datetime

import django
from django.core.management import call_command
from django.db import connection

KEYS = 200
PATTERNS = ("code", "analysis", "creative", "explanation", "factual", "reasoning", "general")
MODELS = ("tiny", "small", "medium", "large", "huge", "largest")
DAYS = 365
# Named people rate about this often a year.
RATINGS_PER_PERSON = 20

_TIMES = {
    "postgresql": "now() - (n % 31535999 + 1) * interval '1 second'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (n % 31535999 + 1) || ' seconds')",
}
_UUIDS = {"postgresql": "md5(k::text)::uuid", "sqlite": "printf('%032x', k)"}
# Seven of ten ratings are by named people. Multiplying by primes scatters what follows from one number.
_ROWS = """
WITH RECURSIVE numbers(k) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT k + 1 FROM numbers WHERE k < {count}),
scattered AS (SELECT k, (k * 7919) % 31536000 AS n FROM numbers)
INSERT INTO response_feedback (
    team_id, api_key_id, source, request_id, created_at, quality_score, is_correct, metrics, reward, comment, user_id,
    linked, ledger_request_id, requested_at, pattern, served_model, provider, strategy, complexity_score, propensity,
    cost_nano_usd, is_cache_hit, is_fallback
)
SELECT {team}, {first_key} + k % {keys}, 'api_key', CAST(k AS TEXT), {time}, {stars}, k % 9 > 0, '{{}}', 0.8, '',
    CASE WHEN k % 10 < 7 THEN 'person-' || CAST((k * 104729) % {people} AS TEXT) END,
    {true}, {uuid}, {time}, {pattern}, {model}, 'openai', 'complexity', 0.2, 1.0, 1000000 + k % 1000, {false}, {false}
FROM scattered
"""


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    fill(int(sys.argv[1]))


def fill(count: int) -> None:
    """Make a team, its keys, the models, and ``count`` ratings spread over the last year."""
    from accounts.services import api_keys, teams

    _offer_models()
    team = teams.create(slug="benchmark")
    keys = [api_keys.issue(team=team, name=f"key {number}").api_key.id for number in range(KEYS)]
    is_postgres = connection.vendor == "postgresql"
    sql = _ROWS.format(
        count=count,
        team=team.id,
        first_key=min(keys),
        keys=KEYS,
        people=max(1, count * 7 // 10 // RATINGS_PER_PERSON),
        time=_TIMES[connection.vendor],
        uuid=_UUIDS[connection.vendor],
        stars="CASE WHEN k % 7 < 5 THEN 5 ELSE k % 5 + 1 END",
        pattern=_pick(PATTERNS, "k / 6"),
        model=_pick(MODELS, "k"),
        true="true" if is_postgres else "1",
        false="false" if is_postgres else "0",
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.execute("ANALYZE")


def _offer_models() -> None:
    from routing.models import LanguageModel, ModelPrice, Provider

    provider = Provider.objects.create(slug="openai", name="OpenAI", kind=Provider.Kind.OPENAI_COMPATIBLE)
    for name in MODELS:
        model = LanguageModel.objects.create(
            provider=provider, name=name, upstream_name=name, canonical_name=name, tier="simple", is_routable=True
        )
        ModelPrice.objects.create(
            language_model=model,
            input_usd_per_mtok=1,
            output_usd_per_mtok=2,
            active_from=datetime(2020, 1, 1, tzinfo=UTC),
            source=ModelPrice.Source.STAFF,
        )


def _pick(words: tuple[str, ...], number: str) -> str:
    cases = " ".join(f"WHEN {position} THEN '{word}'" for position, word in enumerate(words))
    return f"CASE ({number}) % {len(words)} {cases} END"


if __name__ == "__main__":
    main()
