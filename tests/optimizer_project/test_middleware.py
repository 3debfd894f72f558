import pytest
from django.test import AsyncClient, Client

from tests import factories

PATHS = ["/health/live", "/health/liveliness", "/openapi.json", "/docs", "/stats", "/v1/models", "/routing/metrics"]


@pytest.fixture
def client():
    _, secret = factories.api_key()
    return Client(headers=factories.bearer(secret))


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PATHS, "/providers", "/cache/stats", "/health/readiness"])
def test_every_path_works_with_and_without_its_slash_and_without_a_redirect(client, path):
    assert client.get(path).status_code == client.get(f"{path}/").status_code == 200


@pytest.mark.django_db
def test_the_query_and_the_method_survive_the_other_spelling(client):
    assert client.get("/routing/metrics/?days=3").json()["period_days"] == 3
    assert client.post("/routing/metrics/", {}, content_type="application/json").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/login", "/admin/accounts/team", "/admin/accounts/team/"])
def test_the_admin_is_found_with_and_without_slash(admin_client, path):
    answer = admin_client.get(path, follow=True)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nope", "/nope/", "/stats//", "/v1", "/v1/nope"])
def test_an_unknown_path_is_404_in_json_in_both_spellings(client, path):
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.django_db
def test_an_unknown_page_of_the_admin_is_html_for_a_browser_and_json_for_a_program(admin_client):
    page = admin_client.get("/admin/nope/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    program = admin_client.get("/admin/nope/", headers={"accept": "*/*"})

    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (program.status_code, program.json()) == (404, {"detail": "Not found."})


async def test_the_other_spelling_works_under_asgi():
    assert (await AsyncClient().get("/health/live/")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/stats", "/v1/models", "/v1/chat/completions", "/complete"])
def test_a_browser_may_ask_from_an_origin_that_is_allowed_and_from_no_other(settings, path):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    ask = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}

    allowed = Client().options(path, headers={"origin": "https://app.example", **ask})
    refused = Client().options(path, headers={"origin": "https://evil.example", **ask})

    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_host_that_is_not_ours_is_refused_in_json():
    answer = Client().get("/docs", headers={"host": "evil.example"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"{}", "text/plain", 405), (b"[" * 5000, "application/json", 405), (b"a=1", "multipart/form-data", 405)],
)
def test_a_method_that_does_not_exist_is_405_whatever_its_body(client, body, content_type, status):
    answer = client.put("/stats", body, content_type=content_type)

    assert answer.status_code == status
    assert "detail" in answer.json()
