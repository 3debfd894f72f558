"""Which ratings count: one question to the database, so that a year of ratings is weighed without leaving it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Subquery, When, Window
from django.db.models.functions import DenseRank, RowNumber

from accounts.models import Team
from accounts.selectors import in_scope
from feedback.domain.vote_limits import UNNAMED_VOTES_PER_KEY_AND_DAY, VOTES_PER_USER_GROUP_AND_WEEK
from feedback.models import ResponseFeedback

if TYPE_CHECKING:
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType


class UtcDay(Func):
    """Whole days from 1970-01-01 to a time, in UTC."""

    output_field = IntegerField()

    def as_postgresql(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        template = "(floor(extract(epoch from %(expressions)s) / 86400)::integer)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        # SQLite's own functions, because Django's are called back in Python for every row; and of the date alone,
        # because SQLite rounds the last half millisecond of a day up to the next.
        template = "(CAST(strftime('%%%%s', substr(%(expressions)s, 1, 10)) AS INTEGER) / 86400)"
        return self.as_sql(compiler, connection, template=template, **context)


class IsOneOf(Func):
    """Whether a number is among those that a subquery returns, which is asked once and first.

    As an ordinary ``IN``, PostgreSQL joins the two: with statistics from before the rows came, it walks the subquery
    for every row.
    """

    output_field = BooleanField()
    conditional = True

    def as_postgresql(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="%(expressions)s)", arg_joiner=" = ANY(ARRAY", **context)

    def as_sqlite(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="%(expressions)s", arg_joiner=" IN ", **context)


_NAMED = Q(user_id__isnull=False)
_DAY = UtcDay("created_at")
# 1970-01-01 was a Thursday, three days after the Monday its ISO week began with.
_WEEK = (UtcDay("created_at") + 3) / 7
_PLACE_AMONG_RATINGS_OF_A_PERSON = Window(
    RowNumber(), partition_by=[F("ledger_request_id"), F("user_id")], order_by=[F("created_at").desc(), F("id").desc()]
)
# Dense, so that the ratings of one request by one person take one place together.
_PLACE_AMONG_VOTES = Window(
    DenseRank(),
    partition_by=[
        F("team_id"),
        F("user_id"),
        Case(When(_NAMED, then=_WEEK), default=_DAY),
        *(Case(When(_NAMED, then=F(name))) for name in ("pattern", "provider", "served_model")),
        Case(When(~_NAMED, then=F("api_key_id"))),
    ],
    order_by=[F("requested_at"), F("ledger_request_id")],
)
_LIMIT = Case(
    When(_NAMED, then=VOTES_PER_USER_GROUP_AND_WEEK),
    default=UNNAMED_VOTES_PER_KEY_AND_DAY,
    output_field=IntegerField(),
)


def countable(*, team: Team | None, since: datetime, until: datetime) -> QuerySet[ResponseFeedback]:
    """Return the ratings that learning may count, each one vote.

    What is kept is linked, belongs to the scope, was given in [``since``, ``until``) for a request of that time and not
    before it, of a model that answered, outside any experiment. Of these count

    - the latest of each (request, ``user_id``), where all unnamed ratings of a request are one person's;
    - at most 5 of one ``user_id`` of a team for one (pattern, provider, model) in an ISO week, UTC;
    - at most 50 without ``user_id`` of one key in a day, UTC.

    Where a limit leaves some out, the ratings of the earliest requests count. Rating the same requests again and again
    therefore changes a vote's value and never whose votes count. A rating of an answer from the cache counts for the
    model that made the answer. Stand-in models are included: a trial installation has no others, and where real models
    can serve, stand-ins are no candidates.

    The result has no order, and may be filtered, grouped and aggregated like any other.

    Args:
        team: Whose ratings; None for those of all teams that do not learn alone.
        since: Aware; requests and ratings before it are too old.
        until: Aware; what is rated from then on is not known yet.
    """
    counted = (
        _eligible(team, since, until)
        .annotate(rating_place=_PLACE_AMONG_RATINGS_OF_A_PERSON, vote_place=_PLACE_AMONG_VOTES)
        .filter(rating_place=1, vote_place__lte=_LIMIT)
    )
    # Asked for by id, because a grouping of the windowed rows themselves would be done before the windows.
    return _rows_of(counted)


def latest(*, team: Team | None, since: datetime, until: datetime) -> QuerySet[ResponseFeedback]:
    """Return the latest rating of each (request, ``user_id``) that ``countable`` draws from, without its limits.

    For estimates that weigh decisions by their odds: a limit by the model that answered would change those odds, so
    whoever counts these must limit them by something that was settled before the model was chosen.
    """
    found = _eligible(team, since, until).annotate(rating_place=_PLACE_AMONG_RATINGS_OF_A_PERSON).filter(rating_place=1)
    return _rows_of(found)


def _rows_of(found: QuerySet[ResponseFeedback]) -> QuerySet[ResponseFeedback]:
    return ResponseFeedback.objects.filter(IsOneOf("id", Subquery(found.values("id")))).order_by()


def _eligible(team: Team | None, since: datetime, until: datetime) -> QuerySet[ResponseFeedback]:
    return ResponseFeedback.objects.filter(
        in_scope(team),
        Q(created_at__gte=F("requested_at")),
        linked=True,
        created_at__gte=since,
        created_at__lt=until,
        requested_at__gte=since,
        pattern__isnull=False,
        provider__isnull=False,
        served_model__isnull=False,
        experiment_id__isnull=True,
    ).order_by()
