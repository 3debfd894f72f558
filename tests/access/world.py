"""Two teams with a row of everything that is a team's, and whoever may come."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import Team
from accounts.services import api_keys
from experiments.services import creation
from experiments.services.creation import Design
from insights.domain.finding import ActionKind
from insights.models import AppliedAction
from monitoring.services import roles
from tests import admin_rows, factories
from tests.access.table import Caller

CANARY = "canary-4be1"
# From no network that may read the figures.
ADDRESS = "203.0.113.9"


@dataclass(frozen=True)
class Asked:
    status: int
    text: str


@dataclass(frozen=True)
class Side:
    """A team and the ids of its rows, by the name that paths have for them."""

    team: Team
    ids: Mapping[str, str]


@dataclass(frozen=True)
class World:
    ours: Side
    theirs: Side
    secrets: Mapping[Caller, str]
    staff: Mapping[Caller, User]

    def client(self, caller: Caller) -> Client:
        """Return a client that asks as the caller, from elsewhere."""
        client = Client(enforce_csrf_checks=caller is Caller.FORGED, REMOTE_ADDR=ADDRESS)
        if secret := self.secrets.get(caller):
            client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        if user := self.staff.get(caller):
            client.force_login(user)
        return client


NOBODYS = {
    "request_id": str(uuid.UUID(int=7)),
    **dict.fromkeys(("feedback_id", "event_id", "experiment_id", "review_id", "finding_id", "action_id"), "999999"),
}
SHARED_NAMES = {"model_id": "auto", "name": "insights"}


def content_of(answer: Any) -> bytes:
    """Return the body of an answer to Django's test client, whole also where it is streamed."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def build() -> World:
    # After a test that commits, the tables are empty.
    roles.keep()
    ours, theirs = factories.team("our-team"), factories.team(f"{CANARY}-team")
    return World(_side(ours, "ours"), _side(theirs, CANARY), _secrets(ours), _staff())


def _side(team: Team, word: str) -> Side:
    now = timezone.now()
    asked = factories.ledger_entry(
        team, created_at=now, user_id=f"{word}-user", session_id=f"{word}-session", task=f"{word}-task",
        reasoning=f"{word} reasoning", provider=f"{word}-provider", served_model=f"{word}-model",
    )  # fmt: skip
    rated = factories.feedback(team, ledger_request_id=asked.request_id, created_at=now, comment=f"{word} comment")
    design = Design(name=f"{word} experiment", control_strategy="complexity", test_strategy="hybrid")
    tried = creation.create(design, team=team, actor=word, now=now)
    found = admin_rows.finding(team)
    found.title, found.suggestion, found.evidence = f"{word} title", f"{word} suggestion", {"word": word}
    found.save()
    reviewed, told = admin_rows.review(team), admin_rows.event(team)
    reviewed.actor, told.data = word, {"word": word}
    reviewed.save()
    told.save()
    applied = AppliedAction.objects.create(
        team=team, finding=found, kind=ActionKind.ENABLE_RESPONSE_CACHE, parameters={}, applied_at=now, applied_by=word
    )
    ids: dict[str, Any] = {"request_id": asked.request_id, "feedback_id": rated.id, "experiment_id": tried.id}
    ids |= {"finding_id": found.id, "review_id": reviewed.id, "event_id": told.id, "action_id": applied.id}
    factories.api_key(team, name=f"{word} key")
    return Side(team, {name: str(value) for name, value in ids.items()})


def _secrets(team: Team) -> dict[Caller, str]:
    now = timezone.now()
    revoked, revoked_secret = factories.api_key(team)
    api_keys.revoke(revoked, now)
    return {
        Caller.WRONG_KEY: "aco_" + "x" * 49,
        Caller.EXPIRED_KEY: factories.api_key(team, expires_at=now - timedelta(seconds=1))[1],
        Caller.REVOKED_KEY: revoked_secret,
        Caller.IDLE_KEY: factories.api_key(factories.team(is_active=False))[1],
        Caller.KEY: factories.api_key(team)[1],
        Caller.ADMIN_KEY: factories.api_key(team, scopes=["admin"])[1],
    }


def _staff() -> dict[Caller, User]:
    return {
        Caller.USER: User.objects.create_user("visitor"),
        Caller.NEWCOMER: factories.staff("newcomer"),
        Caller.VIEWER: factories.staff("viewer", role="viewer"),
        Caller.OPERATOR: factories.staff("operator", role="operator"),
        Caller.ADMIN: factories.staff("admin", role="admin"),
        Caller.FORGED: factories.staff("forged", role="operator"),
    }
