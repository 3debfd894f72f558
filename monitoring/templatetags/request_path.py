from django import template

from monitoring.selectors import request_path
from monitoring.selectors.request_path import RequestPath
from routing.models import LedgerEntry

register = template.Library()


@register.simple_tag
def path_of(entry: LedgerEntry) -> RequestPath:
    return request_path.of(entry)
