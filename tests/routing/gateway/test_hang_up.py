from optimizer_project import http_protocol
from routing.gateway import http


def test_connection_is_cut_by_what_the_server_offers_for_it() -> None:
    cut: list[str] = []

    http.hang_up({"extensions": {http_protocol.HANG_UP: {"now": lambda: cut.append("now")}}})

    assert cut == ["now"]


def test_server_that_offers_nothing_keeps_its_connection() -> None:
    http.hang_up({"type": "http"})
    http.hang_up({"type": "http", "extensions": {"http.response.push": {}}})
