import json
from collections.abc import Callable
from typing import Any

import pytest

from learning.services import table_files
from learning.services.gateway_client import GatewayClient
from learning.services.graders import http as http_grader
from learning.services.graders import judge, references, registry
from learning.services.graders.base import Context, Grade, GradedAnswer, GradingFailed, InvalidGrader
from learning.services.graders.references import References
from learning.services.table_files import InvalidFile
from tests.learning.services.fake_http import Answer, completion, fake_http, refusal, row

GIVEN = GradedAnswer("key", "r-1", "Capital of France?", "It is Paris.", "acme/small", "geo")
# Keys of which one falls into the share that is graded twice (BLAKE2b is what decides), and one does not.
TWICE, ONCE = "key-3", "key"


def file_of(content: bytes) -> References:
    return references.load(table_files.from_bytes(content, "refs.csv"))


def context(gateway: str = "http://127.0.0.1:9", refs: References | None = None, **settings: str) -> Context:
    return Context(settings, GatewayClient(gateway, "aco_key", "label", timeout_seconds=5), refs or References())


def test_references_are_found_by_request_or_by_prompt() -> None:
    refs = file_of(b"request_id,prompt,reference\nR-1,,Paris\n,Capital of Spain?,Madrid\n")
    assert refs.get("r-1", "anything") == "Paris"
    assert refs.get("r-2", " Capital of Spain?\n") == "Madrid"
    assert refs.get("r-2", "other") is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"prompt,answer\na,b\n", "expected the columns reference and request_id or prompt"),
        (b"prompt,reference\na,\n", "line 2: a reference needs its answer"),
        (b"prompt,reference\na,b\nc\n", "line 3: The row has 1 fields"),
        (b'{"prompt": 5, "reference": "a"}\n', "line 1: request_id, prompt and reference must be texts"),
    ],
)
def test_bad_references_are_named(content: bytes, why: str) -> None:
    with pytest.raises(InvalidFile, match=why):
        file_of(content)


def test_reference_grader_compares_and_says_what_it_cannot() -> None:
    grader = registry.build("reference", context(refs=file_of(b"request_id,reference\nr-1,paris\n"), mode="contains"))
    assert grader.grade(GIVEN) == Grade(1.0)
    with pytest.raises(GradingFailed) as failed:
        grader.grade(GradedAnswer("k", "r-2", "?", "", "m", None))
    assert failed.value.code == "no_reference"


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("reference", {"mode": "exact"}, "give their file with --references"),
        ("reference", {"mode": "fuzzy"}, "Unknown way to compare"),
        ("http", {"url": "file:///etc/passwd"}, "is no address"),
        ("http", {"url": "http://169.254.169.254/latest"}, r"'169\.254\.169\.254' is not allowed.*GRADER_HOSTS"),
        ("http", {"url": "http://localhost@evil.example/"}, "is no address"),
        ("http", {"url": "http://127.0.0.1.evil.example/"}, "not allowed"),
        ("http", {"url": "http://localhost:99999/"}, "is no address"),
        ("judge", {}, "name it with --judge"),
        ("oracle", {}, "Unknown grader 'oracle'"),
    ],
)
def test_grader_that_cannot_be_used_is_refused(name: str, settings: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidGrader, match=why):
        registry.build(name, Context(settings, context().gateway, References()))


def test_own_grader_is_asked_with_all_it_needs() -> None:
    refs = file_of(b"request_id,reference\nr-1,Paris\n")
    with fake_http(lambda _body, _headers: (200, {}, b'{"quality": 0.25}')) as server:
        grade = registry.build("http", context(refs=refs, url=f"{server.url}/grade?v=1")).grade(GIVEN)
    assert grade == Grade(0.25)
    path, headers, body = server.asked[0]
    assert path == "/grade?v=1"
    assert "authorization" not in headers
    assert body == {
        "prompt": "Capital of France?",
        "answer": "It is Paris.",
        "model": "acme/small",
        "reference": "Paris",
        "task": "geo",
    }


@pytest.mark.parametrize(
    ("answer", "code", "asked"),
    [
        ((200, {}, b"<html>"), "grader_refused", 1),
        ((200, {}, b"[]"), "grader_refused", 1),
        ((200, {}, b'{"quality": 1.5}'), "grader_refused", 1),
        ((200, {}, b'{"quality": NaN}'), "grader_refused", 1),
        ((200, {}, b'{"quality": true}'), "grader_refused", 1),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "grader_refused", 1),
        ((404, {}, b""), "grader_refused", 1),
        ((500, {}, b""), "grader_failed", 2),
        ((200, {}, b" " * (http_grader.MAX_ANSWER_BYTES + 1)), "grader_away", 2),
    ],
)
def test_own_grader_that_misbehaves_fails_the_answer_and_nothing_else(answer: Answer, code: str, asked: int) -> None:
    with fake_http(lambda _body, _headers: answer) as server, pytest.raises(GradingFailed) as failed:
        registry.build("http", context(url=server.url)).grade(GIVEN)
    assert (failed.value.code, len(server.asked)) == (code, asked)


def test_own_grader_that_is_away_fails_the_answer() -> None:
    with pytest.raises(GradingFailed) as failed:
        registry.build("http", context(url="http://127.0.0.1:9/")).grade(GIVEN)
    assert failed.value.code == "grader_away"


def judge_says(*scores: str) -> Callable[[dict[str, Any], dict[str, str]], Answer]:
    replies = iter([completion(score, "acme/judge", number) for number, score in enumerate(scores, 1)])
    return lambda _body, _headers: next(replies)


def test_judge_grades_without_knowing_the_model_or_the_reference() -> None:
    refs = file_of(b"request_id,reference\nr-1,Lutetia\n")
    with fake_http(judge_says('{"score": 4}')) as server:
        grade = registry.build("judge", context(server.url, refs, model="acme/judge")).grade(GIVEN)
    assert grade == Grade(0.75, (row(1),), None, 0.0)
    _, headers, body = server.asked[0]
    assert (body["model"], body["temperature"], headers["idempotency-key"]) == ("acme/judge", 0.0, "key-judge-1")
    assert "It is Paris." in body["messages"][1]["content"]
    assert "acme/small" not in json.dumps(body["messages"])
    assert "Lutetia" not in json.dumps(body["messages"])


def test_share_of_the_answers_is_judged_twice() -> None:
    given = GradedAnswer(TWICE, "r-1", "?", "!", "m", None)
    with fake_http(judge_says('{"score": 5}', '{"score": 3}')) as server:
        grade = registry.build("judge", context(server.url, model="acme/judge")).grade(given)
    assert grade == Grade(1.0, (row(1), row(2)), 0.5)


def test_answer_keeps_its_grade_when_the_second_one_fails() -> None:
    given = GradedAnswer(TWICE, "r-1", "?", "!", "m", None)
    with fake_http(judge_says('{"score": 5}', "I would rather not.")) as server:
        grade = registry.build("judge", context(server.url, model="acme/judge")).grade(given)
    assert grade == Grade(1.0, (row(1), row(2)))


def test_about_a_fifth_is_judged_twice() -> None:
    twice = [key for key in range(10_000) if judge.is_repeated(f"key-{key}")]
    assert 1_880 < len(twice) < 2_120  # three standard deviations (40) of a binomial


def test_judge_that_gives_no_score_costs_what_it_cost() -> None:
    with fake_http(judge_says("A fine answer!")) as server, pytest.raises(GradingFailed) as failed:
        registry.build("judge", context(server.url, model="acme/judge")).grade(GIVEN)
    assert (failed.value.code, failed.value.request_ids) == ("judge_unreadable", (row(1),))


def test_judge_without_budget_ends_the_run() -> None:
    poor = fake_http(lambda _body, _headers: refusal(402, "budget_exceeded"))
    with poor as server, pytest.raises(GradingFailed) as failed:
        registry.build("judge", context(server.url, model="acme/judge")).grade(GIVEN)
    assert (failed.value.code, failed.value.is_fatal) == ("judge_budget_exceeded", True)
