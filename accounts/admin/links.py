"""Links from one page of the admin to what belongs to it on others."""

from collections.abc import Iterable
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def to_list(model: str, label: str, **query: object) -> tuple[str, str]:
    """Return the address of a filtered list, and what to call it; ``model`` as ``app.name``."""
    name = model.replace(".", "_")
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(query)}", label


def to_page(model: str, pk: object, label: str) -> SafeString:
    """Return a link to the page of one row."""
    address = reverse(f"admin:{model.replace('.', '_')}_change", args=(pk,))
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500 underline">{}</a>', address, label)


def shown(links: Iterable[tuple[str, str]]) -> SafeString:
    """Return links one after the other."""
    link = '<a href="{}" class="text-primary-600 dark:text-primary-500 underline">{}</a>'
    return format_html_join(", ", link, links)
