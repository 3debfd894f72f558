import asyncio
from typing import Any

import pytest

from optimizer_project import http_protocol
from routing.gateway import http


def test_connection_is_cut_by_what_the_server_offers_for_it() -> None:
    cut: list[str] = []

    http.hang_up({"extensions": {http_protocol.HANG_UP: {"now": lambda: cut.append("now")}}})

    assert cut == ["now"]


@pytest.mark.parametrize("has_come", [True, False])
def test_server_that_knows_whether_its_client_has_gone_is_asked(has_come: bool) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError

    assert (
        http.has_hung_up({"extensions": {http_protocol.HANG_UP: {"has_come": lambda: has_come}}}, receive) is has_come
    )


@pytest.mark.parametrize(("message", "has_come"), [({"type": "http.disconnect"}, True), (None, False)])
def test_of_other_servers_it_is_known_by_what_they_send(message: dict[str, Any] | None, has_come: bool) -> None:
    async def receive() -> dict[str, Any]:
        return message or await asyncio.get_running_loop().create_future()

    async def ask() -> bool:
        return http.has_hung_up({"type": "http"}, receive)

    assert asyncio.run(ask()) is has_come


def test_server_that_offers_nothing_keeps_its_connection() -> None:
    http.hang_up({"type": "http"})
    http.hang_up({"type": "http", "extensions": {"http.response.push": {}}})
