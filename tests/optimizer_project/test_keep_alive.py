import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from optimizer_project.http_protocol import BoundedHttpProtocol

REQUEST = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def answers_on_a_kept_connection() -> list[bytes]:
    """Ask, and ask again just before the time of the idle connection is over; then leave it idle past its time."""
    config = uvicorn.Config(application, http=BoundedHttpProtocol, lifespan="off", log_config=None)
    config.load()
    loop, made = asyncio.get_running_loop(), list[BoundedHttpProtocol]()

    def protocol() -> BoundedHttpProtocol:
        made.append(BoundedHttpProtocol(config, ServerState(), {}))
        return made[0]

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(REQUEST)
    answers = [await reader.readuntil(b"ok")]
    writer.write(REQUEST)
    # Nothing is read meanwhile, as after the process was stopped: the timer comes first.
    made[0].timeout_keep_alive_handler()
    answers.append(await reader.readuntil(b"ok"))
    made[0].timeout_keep_alive_handler()
    answers.append(await reader.read())
    writer.close()
    server.close()
    return [answer.partition(b"\r\n")[0] for answer in answers]


def test_request_that_has_arrived_is_answered_before_its_idle_connection_is_closed() -> None:
    answers = asyncio.run(answers_on_a_kept_connection())

    assert answers == [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b""]
