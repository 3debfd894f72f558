"""The command line, as the examples of the README use it."""

import json
import subprocess

from routing.models import LanguageModel, LedgerEntry
from tests.flow.client import Caller, World


def curl(caller: Caller, path: str, *arguments: str) -> str:
    command = ["curl", "--silent", "--show-error", "--max-time", "10", f"{caller.gateway.url}{path}"]
    command += ["-H", f"Authorization: Bearer {caller.secret}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def chat(model: str, **more: object) -> str:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}], **more})


def test_chat_is_answered(world: World) -> None:
    world.model(is_routable=True)
    caller = world.caller()

    answer = json.loads(
        curl(caller, "/v1/chat/completions", "-H", "Content-Type: application/json", "-d", chat("auto"))
    )

    assert answer["choices"][0]["message"]["content"].startswith("ok: This is")


def test_stream_arrives_piece_by_piece(world: World) -> None:
    model = world.model()
    caller = world.caller()
    body = chat(model, stream=True)

    lines = curl(caller, "/v1/chat/completions", "-N", "-H", "Content-Type: application/json", "-d", body).split("\n\n")

    assert lines[-2:] == ["data: [DONE]", ""]
    assert json.loads(lines[-3].removeprefix("data: "))["usage"]["completion_tokens"] == 22
    assert len(lines) == 1 + 22 + 1 + 1 + 1


def test_body_that_curl_calls_a_form_is_refused_with_the_cure(world: World) -> None:
    caller = world.caller()

    answer = json.loads(curl(caller, "/v1/chat/completions", "-d", chat("auto")))

    assert answer["error"]["message"] == "Send the body as Content-Type: application/json."


def test_prompt_is_completed(world: World) -> None:
    world.model(is_routable=True, tier=LanguageModel.Tier.SIMPLE, provider=world.provider(slug="fake"))
    caller = world.caller()
    arguments = ("-H", "Content-Type: application/json", "-d", '{"prompt": "Why is the sky blue?"}')

    first = json.loads(curl(caller, "/complete", *arguments))
    second = json.loads(curl(caller, "/complete", *arguments))

    entry = LedgerEntry.objects.get(request_id=first.pop("request_id"))
    first.pop("latency_ms")
    complexity_score, reasoning = first.pop("complexity_score"), first.pop("reasoning")
    assert (complexity_score, reasoning) == (entry.complexity_score, entry.reasoning)
    assert first.pop("response").startswith("ok: This is")
    assert first == {
        "provider": "fake",
        "model": "ok",
        "strategy_used": "complexity",
        "confidence": "low",
        "pattern": "explanation",
        "fallback_used": False,
        "tokens_in": 5,
        "tokens_out": 22,
        "cost": 0.000049,
        "baseline_model": "fake/ok",
        "baseline_cost": 0.000049,
        "savings": 0,
        "cache_hit": False,
        "total_cost_today": 0.000049,
    }
    assert second["total_cost_today"] == 0.000098


def test_get_is_told_to_post(world: World) -> None:
    caller = world.caller()

    answered = curl(caller, "/v1/chat/completions", "--include")

    head, _, body = answered.partition("\n\n")
    assert head.startswith("HTTP/1.1 405")
    assert "allow: POST, OPTIONS" in head.split("\n")
    assert json.loads(body)["error"]["code"] == "method_not_allowed"
