"""How long answers were, added up in the database: one row for each model and kind of prompt comes out of it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When

from accounts.models import Team
from accounts.selectors import in_scope
from learning.domain.length_means import LengthSum
from learning.models import EvaluationOutcome
from learning.selectors.evidence import ModelChange
from learning.selectors.outcomes import enabled_sets
from routing.domain.output_lengths import MOST_TOKENS
from routing.models import LedgerEntry

# What providers say of an answer that reached the limit on its tokens, as the ledger keeps it.
_CUT = "length"


def answer_lengths(
    *, team: Team | None, since: datetime, until: datetime, changes: Iterable[ModelChange] = ()
) -> Iterator[LengthSum]:
    """Yield the answers that requests of a scope got in [``since``, ``until``), then those of its evaluation outcomes.

    Of requests count those that one attempt answered in full, by the provider's own count of tokens, outside any
    experiment; a longer answer than 32,768 tokens counts as one of as many. An evaluation outcome has no pattern.

    Args:
        team: None for the teams that learn together.
        changes: Answers older than a model's version are left out.
    """
    for row in _sums(_answered(team, since, until, tuple(changes)), "provider", "served_model", "pattern", "task"):
        yield LengthSum(
            f"{row['provider']}/{row['served_model']}", row["pattern"], row["task"], row["ended"], int(row["tokens"])
        )
    outcomes = EvaluationOutcome.objects.filter(evaluation_set__in=enabled_sets(team), output_tokens__gt=0)
    for row in _sums(outcomes.annotate(finish_reason=Value("")), "model", "task"):
        yield LengthSum(row["model"], None, row["task"], row["ended"], int(row["tokens"]))


def _answered(
    team: Team | None, since: datetime, until: datetime, changes: tuple[ModelChange, ...]
) -> QuerySet[LedgerEntry]:
    found = LedgerEntry.objects.filter(
        in_scope(team),
        created_at__gte=since,
        created_at__lt=until,
        state=LedgerEntry.State.SETTLED,
        attempt_count=1,
        is_cache_hit=False,
        is_estimated=False,
        client_disconnected=False,
        experiment_id__isnull=True,
        output_tokens__gt=0,
    )
    for change in changes:
        if change.version_since is not None:
            found = found.exclude(
                provider=change.provider, served_model=change.name, created_at__lt=change.version_since
            )
    return found


def _sums(rows: QuerySet[Any], *kind: str) -> Iterable[dict[str, Any]]:
    tokens = Case(
        When(output_tokens__gt=MOST_TOKENS, then=Value(MOST_TOKENS)),
        default=F("output_tokens"),
        output_field=BigIntegerField(),
    )
    is_ended = Q(finish_reason__isnull=True) | ~Q(finish_reason=_CUT)
    found: Iterable[dict[str, Any]] = (
        rows.order_by().values(*kind).annotate(ended=Count("pk", filter=is_ended), tokens=Sum(tokens)).order_by(*kind)
    )
    return found
