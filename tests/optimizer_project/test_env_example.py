import re
from pathlib import Path

from django.conf import settings

from routing.providers import registry

ROOT: Path = settings.BASE_DIR
# env.str("NAME", environment.integer(env, "NAME", environ.get("NAME"
READ = re.compile(r"""(?:\benv\.\w+\(|\(env,\s*|environ\.get\()\s*"([A-Z][A-Z0-9_]+)\"""")
LISTED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
INTERPOLATED = re.compile(r"\$\{([A-Z][A-Z0-9_]+)")


def names_read() -> set[str]:
    in_code = {name for path in (ROOT / "optimizer_project").rglob("*.py") for name in READ.findall(path.read_text())}
    of_providers = {name for provider in registry.BUILTIN_PROVIDERS.values() for name in provider.key_variables}
    of_compose = set(INTERPOLATED.findall((ROOT / "docker-compose.yml").read_text()))
    return in_code | of_providers | of_compose


def test_the_search_finds_each_way_of_reading_a_variable() -> None:
    # One of each: directly, through the checks, by a command, by a provider, by docker-compose.yml.
    known = {"DATA_DIR", "GATEWAY_DRAIN_SECONDS", "DJANGO_SUPERUSER_PASSWORD", "OPENAI_API_KEY", "REDIS_PASSWORD"}
    assert known <= names_read()


def test_every_variable_that_is_read_is_listed_once() -> None:
    listed = LISTED.findall((ROOT / ".env.example").read_text())
    assert sorted(listed) == sorted(set(listed))
    assert names_read() - set(listed) == set()


def test_every_variable_that_is_listed_is_read() -> None:
    listed = set(LISTED.findall((ROOT / ".env.example").read_text()))
    assert listed - names_read() == set()
