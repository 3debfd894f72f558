"""The providers that ship with the product: built-in vendors, and what runs beside the product for trials."""

from collections.abc import Iterator
from typing import Any

from routing.models import Provider
from routing.providers import registry

EMBEDDED = "embedded"
SIMULATED = "simulated"


def sync() -> int:
    """Make the rows agree with what this version ships and return how many were written; call it in a transaction.

    Switches, deadlines and the order of providers belong to staff and are set only when a row is made.
    """
    return sum(_sync(slug, fields) for slug, fields in _shipped())


def _shipped() -> Iterator[tuple[str, dict[str, Any]]]:
    vendor = {"is_builtin": True, "is_embedded": False, "needs_key": True}
    for builtin in registry.BUILTIN_PROVIDERS.values():
        yield (
            builtin.slug,
            {
                "name": builtin.name,
                "kind": builtin.kind,
                "base_url": builtin.base_url,
                "priority": builtin.priority,
                **vendor,
            },
        )
    runs_beside = {"is_builtin": True, "is_embedded": True, "needs_key": False}
    yield (
        SIMULATED,
        {"name": "Simulated", "kind": Provider.Kind.SIMULATED, "base_url": "", "priority": 910, **runs_beside},
    )
    # Where it listens is a matter of the process that started it (EMBEDDED_MODEL_URL), so the row has no address.
    yield (
        EMBEDDED,
        {
            "name": "Embedded model",
            "kind": Provider.Kind.OPENAI_COMPATIBLE,
            "base_url": "",
            "priority": 900,
            **runs_beside,
        },
    )


def _sync(slug: str, fields: dict[str, Any]) -> int:
    provider = Provider.objects.filter(slug=slug).first()
    if provider is None:
        Provider.objects.create(slug=slug, **fields)
        return 1
    wanted = {name: value for name, value in fields.items() if name != "priority"}
    changed = [name for name, value in wanted.items() if getattr(provider, name) != value]
    for name in changed:
        setattr(provider, name, wanted[name])
    if changed:
        provider.save(update_fields=changed)
    return bool(changed)
