from django.conf import settings
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.selectors import usable_keys
from routing.services import database_clock


def calling_key(request: Request) -> ApiKey | None:
    """Return the key that the request came with; None for staff, and for a request without any."""
    if isinstance(request.auth, ApiKey):
        return request.auth
    if settings.OPTIMIZER_OPEN_API:
        # As the gateway does: who calls an API that is open for trials counts as its oldest key.
        return usable_keys(database_clock.now()).order_by("id").first()
    return None
