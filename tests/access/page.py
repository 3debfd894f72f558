"""The table as a page for people: docs/ACCESS.md."""

from collections.abc import Iterable

from tests.access.table import RULES, Caller, Row, Rule, rows

_HEAD = """# Who may ask what

Made from the table that the tests ask every route by: `make routes` prints it, `make routes ARGS=--write` writes it
here. A route without a row fails `tests/access`, and so does one that answers anybody otherwise.

## Rules

**in** means that the caller is let in; what follows is the answer to what was asked. The numbers are statuses of HTTP.
A key that is made up, expired, revoked or of an inactive team is a *bad key*. Where a cell has two answers, the first
is for reading (GET, or the handshake of a WebSocket), the second for POST. *Forged* is the session of an operator
without its CSRF token.

"""
_COLUMNS = {
    "nobody": Caller.NOBODY,
    "bad key": Caller.WRONG_KEY,
    "key": Caller.KEY,
    "key, scope admin": Caller.ADMIN_KEY,
    "no staff": Caller.USER,
    "staff, no role": Caller.NEWCOMER,
    "viewer": Caller.VIEWER,
    "operator, admin": Caller.OPERATOR,
    "forged": Caller.FORGED,
}
_ROUTES = """
## Routes

Where a path has the id of a team's row, another team's id is answered exactly as one that nobody has: 404 with the same
words. So is the name of another team in `?team=`. Paths work with and without a slash at their end.

"""
_ADMIN = """
## Pages of the admin

Every page below `/admin/` that is none of these routes needs a session of staff; others are led to the log-in, whatever
key they bring. What a member of staff may do there is a matter of [roles](ADMIN.md#staff-roles): a viewer changes no
row by any of them.
"""


def text() -> str:
    """Return the whole page."""
    return _HEAD + _table(["rule", "who", *_COLUMNS], map(_rule, RULES.items())) + _ROUTES + _routes() + _ADMIN


def _rule(named: tuple[str, Rule]) -> list[str]:
    name, rule = named
    return [name, rule.meaning, *(_answer(rule, caller) for caller in _COLUMNS.values())]


def _answer(rule: Rule, caller: Caller) -> str:
    answers = [str(given[caller]) for given in (rule.reads, rule.writes) if given]
    return " / ".join(dict.fromkeys(answers))


def _routes() -> str:
    return _table(["method", "path", "rule", "foreign id", ""], map(_route, rows()))


def _route(row: Row) -> list[str]:
    remark = f"{row.status}: {row.reason}" if row.status else ""
    return [row.method, f"`{row.path}`", row.rule, "404" if row.has_owned_id else "", remark]


def _table(head: list[str], lines: Iterable[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [head, ["---"] * len(head), *lines])
