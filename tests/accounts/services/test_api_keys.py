import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts import selectors
from accounts.models import ApiKey, ApiKeyUsage
from accounts.services import api_keys, config_version
from tests import factories

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def test_a_new_key_is_shown_once_and_stored_as_a_hash() -> None:
    issued = api_keys.issue(team=factories.team(), name="ci", scopes=["admin"], requests_per_minute=60)

    stored = ApiKey.objects.get()
    assert re.fullmatch(r"aco_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}", issued.secret)
    assert stored.prefix == issued.secret[:12]
    assert stored.key_hash == api_keys.hash_secret(issued.secret)
    assert (stored.scopes, stored.requests_per_minute) == (["admin"], 60)
    assert issued.secret not in str(ApiKey.objects.values_list())


def test_issuing_and_revoking_tell_the_gateways() -> None:
    team = factories.team()
    before = config_version.current()
    issued = api_keys.issue(team=team, name="ci")
    assert config_version.current() == before + 1

    api_keys.revoke(issued.api_key, NOW)

    assert config_version.current() == before + 2


def test_a_revoked_key_keeps_its_first_time() -> None:
    key, _ = factories.api_key()
    api_keys.revoke(key, NOW)
    api_keys.revoke(key, NOW + timedelta(days=1))

    assert key.revoked_at == ApiKey.objects.get().revoked_at == NOW


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scopes": ["root"]}, "Unknown scopes root: use admin or none"),
        ({"requests_per_minute": 0}, "must be 1 or more"),
        ({"expires_at": datetime(2030, 1, 1)}, "has no time zone"),  # noqa: DTZ001
    ],
)
def test_settings_that_a_key_cannot_have_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(api_keys.InvalidApiKeySettings, match=message):
        factories.api_key(**settings)
    assert ApiKey.objects.count() == 0


def test_recording_use_updates_known_keys_and_leaves_out_deleted_ones() -> None:
    first, _ = factories.api_key()
    second, _ = factories.api_key()
    api_keys.record_use({first.id: NOW})

    api_keys.record_use({second.id + 1000: NOW, second.id: NOW, first.id: NOW + timedelta(seconds=5)})

    assert dict(ApiKeyUsage.objects.values_list("api_key_id", "last_used_at")) == {
        first.id: NOW + timedelta(seconds=5),
        second.id: NOW,
    }


def test_a_key_issued_under_a_former_secret_key_is_still_found(settings: Settings) -> None:
    key, secret = factories.api_key()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-next-key" * 5

    assert key.key_hash != api_keys.hash_secret(secret)
    assert key.key_hash == api_keys.secret_hashes(secret)[1]


@pytest.mark.parametrize("secret", ["", "ключ", "\ud800", "x" * 100_000])
def test_any_text_can_be_asked_for(secret: str) -> None:
    assert len(api_keys.hash_secret(secret)) == 64


def test_active_keys_leave_out_revoked_and_expired_keys_and_inactive_teams() -> None:
    kept, _ = factories.api_key(expires_at=NOW + timedelta(seconds=1))
    factories.api_key(expires_at=NOW)
    factories.api_key(team=factories.team(is_active=False))
    revoked, _ = factories.api_key()
    api_keys.revoke(revoked, NOW)

    assert [key.id for key in selectors.active_keys(NOW)] == [kept.id]
