import pytest
from django.core.exceptions import ValidationError

from accounts.models import Team
from accounts.services import config_version, teams

pytestmark = pytest.mark.django_db


def test_a_team_is_named_like_its_slug_unless_it_is_given_a_name() -> None:
    before = config_version.current()

    assert teams.create(slug="search").name == "search"
    assert teams.create(slug="ads", name="Advertising", external_ref="https://git.example/ads").name == "Advertising"
    assert config_version.current() == before + 2


@pytest.mark.parametrize(
    "fields",
    [{"slug": "search"}, {"slug": "other", "external_ref": "https://git.example/search"}],
)
def test_a_slug_and_an_external_reference_are_given_once(fields: dict[str, str]) -> None:
    teams.create(slug="search", external_ref="https://git.example/search")

    with pytest.raises(teams.TeamExists, match="choose another"):
        teams.create(**fields)  # type: ignore[arg-type]


def test_teams_without_an_external_reference_do_not_collide() -> None:
    teams.create(slug="one")
    teams.create(slug="two", external_ref="")

    assert list(Team.objects.values_list("external_ref", flat=True)) == [None, None]


@pytest.mark.parametrize("fields", [{"slug": "not a slug"}, {"slug": "ok", "cache_ttl_seconds": 86401}])
def test_a_field_out_of_range_is_refused(fields: dict[str, str | int]) -> None:
    with pytest.raises(ValidationError):
        teams.create(**fields)  # type: ignore[arg-type]
    assert Team.objects.count() == 0
