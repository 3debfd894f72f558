"""Who may ask what: one row for each route and method, and what each rule answers to each caller."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LET_IN = "in"
Answer = int | str


class Caller(StrEnum):
    """Whoever may come; sessions are those of Django's log-in, without a second factor."""

    NOBODY = "nobody"
    WRONG_KEY = "a made-up key"
    EXPIRED_KEY = "an expired key"
    REVOKED_KEY = "a revoked key"
    IDLE_KEY = "a key of an inactive team"
    KEY = "a key"
    ADMIN_KEY = "a key with the scope admin"
    USER = "a user who is no staff"
    NEWCOMER = "staff without a role"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    FORGED = "an operator's session without its CSRF token"


BAD_KEYS = (Caller.WRONG_KEY, Caller.EXPIRED_KEY, Caller.REVOKED_KEY, Caller.IDLE_KEY)
KEYS = (Caller.KEY, Caller.ADMIN_KEY)
OUTSIDERS = (Caller.USER, Caller.NEWCOMER)
CHANGERS = (Caller.OPERATOR, Caller.ADMIN)
SESSIONS = (*OUTSIDERS, Caller.VIEWER, *CHANGERS, Caller.FORGED)


@dataclass(frozen=True)
class Rule:
    """``reads`` are the answers to GET and to the handshake of a WebSocket, ``writes`` those to POST."""

    meaning: str
    reads: Mapping[Caller, Answer]
    writes: Mapping[Caller, Answer]

    def answer(self, caller: Caller, method: str) -> Answer:
        return (self.writes if method == "POST" else self.reads)[caller]


def _all(answer: Answer, *callers: Caller) -> dict[Caller, Answer]:
    return dict.fromkeys(callers or tuple(Caller), answer)


_WITHOUT_KEY = _all(401, Caller.NOBODY, *BAD_KEYS)
# Whoever may read, and then who may not write of those.
_READ = {**_WITHOUT_KEY, **_all(LET_IN, *KEYS, *SESSIONS), **_all(403, *OUTSIDERS)}
_WRITE = {**_READ, **_all(403, Caller.VIEWER, Caller.FORGED)}
_NO_SCOPE = _all(403, Caller.KEY)
_ONLY_KEYS = {**_WITHOUT_KEY, **_all(LET_IN, *KEYS), **_all(403, *SESSIONS)}
_TO_LOGIN = {**_all(302), Caller.NEWCOMER: 403, **_all(LET_IN, Caller.VIEWER, *CHANGERS, Caller.FORGED)}

RULES: dict[str, Rule] = {
    "open": Rule("everybody; no credentials are looked at", _all(LET_IN), _all(LET_IN)),
    "team": Rule("keys for their own team; staff look with any role and change as operators", _READ, _WRITE),
    "control": Rule(
        "keys with the scope admin; staff as above", _READ | _all(403, Caller.KEY), _WRITE | _all(403, Caller.KEY)
    ),
    "keys": Rule("keys alone: what is stored or given is a team's", _ONLY_KEYS, _ONLY_KEYS),
    "gateway": Rule("keys alone; cookies are not read", {}, _all(401) | _all(LET_IN, *KEYS)),
    "socket": Rule("keys, tickets, and staff with a role from an origin of ours", _READ, {}),
    "watch": Rule("staff with a role; others are led to the log-in", _TO_LOGIN, _TO_LOGIN | _all(403, Caller.FORGED)),
    "figures": Rule("networks and tokens of our own monitoring, whoever asks", _all(403), {}),
}

# Method, path, rule. What is let in is answered anything but 401, 403, 404 and 500, or the number in its row.
TABLE = """
GET    /                                          open
GET    /docs                                      open
GET    /openapi.json                              open
GET    /health                                    open
GET    /health/live                               open
GET    /health/liveliness                         open
GET    /health/ready                              open
GET    /health/readiness                          open
GET    /health/learning                           open
GET    /health/jobs                               open
GET    /api/v1/health                             open
GET    /metrics                                   figures
GET    /metrics/live                              open    426 plain HTTP at a WebSocket's address
GET    /ws/metrics/live/                          open    426 plain HTTP at a WebSocket's address
WS     /metrics/live                              socket
WS     /ws/metrics/live                           socket
POST   /metrics/live/ticket                       keys

POST   /v1/chat/completions                       gateway
POST   /complete                                  gateway
GET    /v1/models                                 team
GET    /v1/models/{model_id}                      team
GET    /providers                                 team
GET    /recommendation                            team
GET    /routing/decision                          team
GET    /routing/decision/{request_id}             team
GET    /routing/metrics                           team
GET    /stats                                     team
GET    /cache/stats                               team
GET    /metrics-cache/stats                       control

POST   /feedback                                  keys
POST   /production/feedback                       keys
POST   /feedback/token                            team
GET    /feedback/{feedback_id}                    team
GET    /admin/feedback/summary                    control
GET    /api/admin/feedback/summary                control
GET    /api/v1/metrics                            team
POST   /api/v1/metrics                            keys
GET    /api/v1/metrics/stats                      team
GET    /api/v1/metrics/export                     team
GET    /api/v1/metrics/{event_id}                 team

GET    /admin/learning/status                     control
POST   /admin/learning/retrain                    control
POST   /admin/learning/rollback                   control
GET    /admin/performance/trends                  control
GET    /admin/learning/policies                   control
GET    /admin/learning/evaluations                control
POST   /admin/learning/evaluate                   control
POST   /admin/learning/promote                    control
GET    /admin/learning/outcomes                   control
POST   /admin/learning/outcomes                   control
GET    /api/admin/learning/status                 control
POST   /api/admin/learning/retrain                control
POST   /api/admin/learning/rollback               control
GET    /api/admin/performance/trends              control
GET    /api/admin/learning/policies               control
GET    /api/admin/learning/evaluations            control
POST   /api/admin/learning/evaluate               control
POST   /api/admin/learning/promote                control
GET    /api/admin/learning/outcomes               control
POST   /api/admin/learning/outcomes               control

GET    /experiments                               team
POST   /experiments                               control
POST   /experiments/start                         control
GET    /experiments/{experiment_id}               team
GET    /experiments/{experiment_id}/results       team
POST   /experiments/{experiment_id}/complete      control
POST   /experiments/{experiment_id}/cancel        control
POST   /experiments/{experiment_id}/promote       control
POST   /experiments/{experiment_id}/weights       control

GET    /api/reviews                               team
POST   /api/reviews                               team
GET    /api/reviews/{review_id}                   team
GET    /api/findings                              team
GET    /api/findings/{finding_id}                 team
GET    /api/findings/{finding_id}/action          team
POST   /api/findings/{finding_id}/feedback        team
POST   /api/actions/{action_id}/revert            control
GET    /api/suggestions                           team
GET    /api/insights/team-metrics                 team
GET    /api/insights/trends                       team
GET    /api/insights/anti-patterns                team
GET    /api/insights/learning-paths               team
GET    /api/insights/roi                          team
GET    /api/insights/report                       team
GET    /api/learning/calibration                  team
GET    /api/learning/patterns                     team
GET    /api/learning/metrics                      team

GET    /api/features                              control
POST   /api/features/{name}/enable                control
POST   /api/features/{name}/disable               control
POST   /api/features/{name}/reset                 control
GET    /api/rollout                               control
POST   /api/rollout/start                         control
POST   /api/rollout/advance                       control
POST   /api/rollout/rollback                      control
POST   /api/rollout/confirm                       control
POST   /api/rollout/issues                        control

GET    /dashboard/                                watch
GET    /dashboard/data                            watch
GET    /dashboard/decide                          watch
POST   /dashboard/decide                          watch
"""

# What is proved before a view is asked, and so for all views alike: asked of one route of each rule and method.
PROVED_ALIKE = (*BAD_KEYS[1:], Caller.USER, Caller.ADMIN)

# Ids in paths that belong to a team; another team's must look like one that nobody has.
OWNED = frozenset({"request_id", "feedback_id", "event_id", "experiment_id", "review_id", "finding_id", "action_id"})
# Names in paths that mean the same for everybody.
SHARED = frozenset({"model_id", "name"})


@dataclass(frozen=True)
class Row:
    """``status`` is what those who are let in are answered, None for whatever their request deserves."""

    method: str
    path: str
    rule: str
    status: int | None = None
    reason: str = ""

    @property
    def parameters(self) -> set[str]:
        """The names in the path that stand for something else."""
        return set(re.findall(r"\{(\w+)\}", self.path))

    @property
    def has_owned_id(self) -> bool:
        return bool(self.parameters & OWNED)


def samples(listed: list[Row]) -> list[Row]:
    """Return the first row of each rule and method."""
    return list({(row.rule, row.method): row for row in reversed(listed)}.values())


def rows() -> list[Row]:
    return [_row(line) for line in TABLE.splitlines() if line]


def _row(line: str) -> Row:
    method, path, rule, *rest = line.split(maxsplit=4)
    return Row(method, path, rule, int(rest[0]) if rest else None, " ".join(rest[1:]))
