"""The ASGI entry point: the gateway's two paths to the gateway, WebSockets to theirs, everything else to Django."""

import logging
import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from optimizer_project import api_errors, websocket_urls
from optimizer_project.renderers import dump_json
from optimizer_project.request_guard import Application, guard
from routing.gateway import app as gateway_app
from routing.gateway.http import Receive, Scope, Send

logger = logging.getLogger(__name__)


def _error_body(path: str, error: api_errors.ApiError) -> bytes:
    return dump_json(api_errors.body_for(path, error))


guarded_django = guard(cast(Application, django_application))
gateway = gateway_app.Gateway(api_errors.to_http, _error_body)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection, or the process's own start and stop."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] in gateway_app.PATHS and scope["method"] != "OPTIONS":
        await gateway(scope, receive, send)
    elif scope["type"] == "http":
        await guarded_django(scope, receive, send)
    elif scope["path"] in websocket_urls.PATHS:
        await websocket_urls.PATHS[scope["path"]](scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4404})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    try:
        await gateway.startup()
    except Exception as error:
        logger.error("The gateway cannot start: %s", error)
        await send({"type": "lifespan.startup.failed", "message": f"The gateway cannot start: {error}"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await websocket_urls.live.hub.close()
    await gateway.shutdown()
    await send({"type": "lifespan.shutdown.complete"})
