"""The names under which models are known here."""

from collections.abc import Mapping

from routing.models import LanguageModel


def full_names() -> Mapping[str, str]:
    """Return, for each full, own and canonical name of the catalog, the full name (``provider/name``) it means.

    As where callers name a model: a full name wins over a short one, and the provider that is asked first over others.
    """
    rows = LanguageModel.objects.select_related("provider").order_by(
        "-is_enabled", "provider__priority", "provider__slug", "name"
    )
    found: dict[str, str] = {}
    models = [(f"{row.provider.slug}/{row.name}", row.name, row.canonical_name) for row in rows]
    for position in range(3):
        for names in models:
            if names[position]:
                found.setdefault(names[position], names[0])
    return found
