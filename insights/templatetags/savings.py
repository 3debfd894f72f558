"""How the figures of a savings report are written on its page."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from insights.domain.savings import words

register = template.Library()
register.filter("usd", words.usd)
register.filter("share", words.share)
register.filter("number", words.number)
register.filter("tokens", words.tokens)


@register.filter
def breakable(name: str) -> SafeString:
    """Let a long name break behind its slashes."""
    first, *rest = name.split("/")
    return format_html("{}{}", first, format_html_join("", "/<wbr>{}", ((part,) for part in rest)))
