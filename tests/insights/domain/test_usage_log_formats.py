"""Each format as its product writes it, known by its content."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from insights.domain.usage_logs import formats
from insights.domain.usage_logs.formats import UnknownFormat
from insights.domain.usage_logs.record import Kind, LoggedUsage, PromptReading, Unreadable
from routing.domain.usage import Usage

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LITELLM: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "88dc28d0",
    "spend": 0.00075,
    "total_tokens": 150,
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "startTime": "2026-03-04T12:00:00Z",
    "endTime": "2026-03-04T12:00:01Z",
    "model": "gpt-4o-2024-08-06",
    "model_group": "gpt-4o",
    "custom_llm_provider": "openai",
    "cache_hit": "False",
    "team_id": "team-1",
    "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 40}}},
}
USAGE_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
    "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
)
USAGE_ROW = (
    "1772582400,1772668800,2026-03-04T00:00:00+00:00,2026-03-05T00:00:00+00:00,proj_1,10.0,user-1,key_1,"
    "gpt-4o-2024-08-06,FALSE,default,59200.0,10646.0,5760.0,53440.0\n"
)
COST_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,"
    "user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source\n"
)
MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)


def read(text: str, named: str | None = None) -> list[Any]:
    """Return what every row of a file means, an ``Unreadable`` as its words, and None for an empty span of time."""
    layout = formats.recognize(text, named)
    return [_meaning(layout, row) for _, row in formats.rows(layout, text.splitlines(keepends=True), [text])]


def _meaning(layout: formats.Layout, row: Any) -> Any:
    try:
        return str(row) if isinstance(row, Unreadable) else layout.format.read(row)
    except Unreadable as error:
        return str(error)


def litellm(**changes: Any) -> LoggedUsage:
    [found] = read(json.dumps([{**LITELLM, **changes}]))
    assert isinstance(found, LoggedUsage)
    return found


def csv(rows: Iterable[dict[str, Any]], separator: str = ",") -> str:
    """Write rows as PostgreSQL's COPY does."""
    lines = [separator.join(LITELLM)]
    for row in rows:
        cells = [json.dumps(cell) if isinstance(cell, dict) else str(cell) for cell in row.values()]
        lines.append(separator.join('"' + cell.replace('"', '""') + '"' for cell in cells))
    return "\n".join(lines) + "\n"


EXPECTED = LoggedUsage(
    at=NOON,
    model="gpt-4o-2024-08-06",
    alias="gpt-4o",
    provider="openai",
    usage=Usage(input_tokens=100, output_tokens=50, cached_input_tokens=40),
    cost_femto_usd=750_000_000_000,  # 0.00075 dollars of 10^15
    team="team-1",
    detail="acompletion",
    identity="chatcmpl-1",
)


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (json.dumps([LITELLM]), "document"),
        (json.dumps([LITELLM], indent=2), "document"),
        (json.dumps({"data": [LITELLM], "total": 1, "page": 1}), "document"),
        (json.dumps(LITELLM) + "\n", "lines"),
        ("{damaged\n" + json.dumps(LITELLM) + "\n", "lines"),
        ("[\n" + json.dumps(LITELLM) + "\n]\n", "document"),
        ('{"data": [\n' + json.dumps(LITELLM) + "\n]}\n", "document"),
        (csv([LITELLM]), "csv"),
        (csv([LITELLM], ";"), "csv"),
        (csv([LITELLM], "\t").replace('"startTime"', "startTime"), "csv"),
    ],
)
def test_spend_logs_of_litellm_mean_the_same_in_every_container(text: str, container: str) -> None:
    layout = formats.recognize(text)

    assert (layout.format.name, layout.container) == ("litellm", container)
    assert read(text)[-1] == EXPECTED


@pytest.mark.parametrize(
    ("prompt_tokens", "used", "usage"),
    [
        # OpenAI: the cached are part of all.
        (100, {"prompt_tokens_details": {"cached_tokens": 40}}, Usage(100, 50, 40)),
        # Anthropic in most versions of LiteLLM: both are part of all.
        (100, {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 30}, Usage(100, 50, 60, 30)),
        # Versions that leave out what was written: 31 + 1253.
        (31, {"cache_creation_input_tokens": 1253, "cache_read_input_tokens": 0}, Usage(1284, 50, 0, 1253)),
        # Versions that leave out both, as Anthropic itself does: 12 + 2495 + 100.
        (12, {"cache_read_input_tokens": 2495, "cache_creation_input_tokens": 100}, Usage(2607, 50, 2495, 100)),
        (100, {"completion_tokens_details": {"reasoning_tokens": 30}}, Usage(100, 50, 0, 0, 30)),
        (100, {"prompt_tokens_details": None, "completion_tokens_details": "null"}, Usage(100, 50)),
    ],
)
def test_cached_tokens_are_part_of_all_in_every_version_of_litellm(
    prompt_tokens: int, used: dict[str, Any], usage: Usage
) -> None:
    assert litellm(prompt_tokens=prompt_tokens, metadata=json.dumps({"additional_usage_values": used})).usage == usage


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, Kind.CHAT),
        ({"call_type": "aresponses"}, Kind.CHAT),
        ({"call_type": "anthropic_messages"}, Kind.CHAT),
        ({"call_type": "aembedding"}, Kind.OTHER),
        ({"call_type": "aimage_generation"}, Kind.OTHER),
        ({"cache_hit": "True"}, Kind.FROM_CACHE),
        ({"cache_hit": True}, Kind.FROM_CACHE),
        ({"cache_hit": "None"}, Kind.CHAT),
        ({"status": "failure"}, Kind.FAILED),
        ({"metadata": {"status": "failure"}}, Kind.FAILED),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "metadata": {}}, Kind.MONEY_ONLY),
    ],
)
def test_rows_of_litellm_say_what_they_stand_for(changes: dict[str, Any], kind: Kind) -> None:
    assert litellm(**changes).kind is kind


def test_a_team_is_named_as_people_do_and_a_service_tier_is_kept() -> None:
    metadata = {"user_api_key_team_alias": "search", "usage_object": {"service_tier": "flex"}}

    found = litellm(metadata=metadata)

    assert (found.team, found.service_tier) == ("search", "flex")


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"messages": '[{"role": "user", "content": "Hi"}]'},
        {"messages": {}, "proxy_server_request": '{"messages": [{"role": "user", "content": "Hi"}]}'},
    ],
)
def test_a_prompt_that_litellm_kept_is_read_as_the_router_reads_it(changes: dict[str, Any]) -> None:
    assert litellm(**changes).prompt == PromptReading("simple", "general")


@pytest.mark.parametrize(
    "messages", [{}, "{}", [], "[", ["x"], None, "hello", [{"role": "user", "content": {"a": [0]}}]]
)
def test_what_is_no_prompt_does_no_harm(messages: object) -> None:
    assert litellm(messages=messages).model == "gpt-4o-2024-08-06"


def test_total_tokens_alone_have_no_price() -> None:
    [found] = read(json.dumps([{**LITELLM, "prompt_tokens": 0, "completion_tokens": 0, "metadata": {}}]))

    assert found == "total_tokens is given, but neither prompt_tokens nor completion_tokens: no price fits that"


def usage_of_a_day(**changes: Any) -> LoggedUsage:
    fields: dict[str, Any] = {
        "at": MIDNIGHT,
        "model": "gpt-4o-2024-08-06",
        "provider": "openai",
        "usage": Usage(59_200, 10_646, 5_760),
        "requests": 10,
        "team": "proj_1",
        "detail": "completions",
    }
    return LoggedUsage(**{**fields, **changes})


def without_identity(found: Any) -> Any:
    assert found.identity
    return LoggedUsage(**{**{name: getattr(found, name) for name in LoggedUsage.__slots__}, "identity": ""})


def test_usage_exported_by_the_platform_of_openai_is_read() -> None:
    empty = "1772668800,1772755200,2026-03-05T00:00:00+00:00,2026-03-06T00:00:00+00:00,,,,,,,,,,,\n"

    first, second = read(USAGE_HEADER + USAGE_ROW + empty)

    assert without_identity(first) == usage_of_a_day()
    assert second is None


def test_usage_answered_by_the_api_of_openai_is_read() -> None:
    result = {
        "object": "organization.usage.completions.result",
        "input_tokens": 59_200,
        "output_tokens": 10_646,
        "input_cached_tokens": 5_760,
        "num_model_requests": 10,
        "project_id": "proj_1",
        "model": "gpt-4o-2024-08-06",
        "batch": False,
        "service_tier": "default",
    }
    other = {**result, "object": "organization.usage.embeddings.result"}
    bucket = {"object": "bucket", "start_time": 1772582400, "end_time": 1772668800}
    page = {"object": "page", "data": [{**bucket, "results": [result, other]}, {**bucket, "result": [result]}]}

    completions, embeddings, of_older_answers = read(json.dumps(page))

    assert without_identity(completions) == usage_of_a_day()
    assert (embeddings.kind, embeddings.detail) == (Kind.OTHER, "embeddings")
    assert of_older_answers == completions


def test_batches_have_a_service_tier_of_their_own() -> None:
    [found] = read(USAGE_HEADER + USAGE_ROW.replace("FALSE", "TRUE"))

    assert found.service_tier == "batch"


def test_usage_answered_until_2024_is_read_with_pictures_beside_it() -> None:
    row = {
        "aggregation_timestamp": 1772582400,
        "n_requests": 10,
        "operation": "completion",
        "snapshot_id": "gpt-4o-2024-08-06",
        "n_context_tokens_total": 59_200,
        "n_generated_tokens_total": 10_646,
        "n_cached_context_tokens_total": 5_760,
        "project_id": "proj_1",
        "request_type": "",
    }
    answer = {"object": "list", "data": [row], "dalle_api_data": [{"timestamp": 1772582400, "num_images": 2}]}

    first, second = read(json.dumps(answer))

    assert without_identity(first) == usage_of_a_day(detail="completion")
    assert (second.kind, second.usage) == (Kind.OTHER, Usage())


def test_costs_are_compared_only_where_they_come_with_tokens() -> None:
    days = "1772582400,1772668800,2026-03-04T00:00:00+00:00,2026-03-05T00:00:00+00:00"
    tail = ",,,proj_1,org,,Personal,,\n"
    text = COST_HEADER + (
        f'{days},0.50,usd,200000,tokens,"gpt-4o-2024-08-06, input"{tail}'
        f'{days},0.125,usd,100000,tokens,"gpt-4o-2024-08-06, cached input"{tail}'
        f'{days},1,usd,100000,tokens,"gpt-4o-2024-08-06, output"{tail}'
        f"{days},0.8958740000000000,usd,,,{tail}"
        f"{days},,,,,{tail}"
        f"{days},3,eur,,,{tail}"
    )

    found = read(text)

    assert [each.usage for each in found[:4]] == [
        Usage(200_000),
        Usage(100_000, 0, 100_000),
        Usage(0, 100_000),
        Usage(),
    ]
    assert [each.cost_femto_usd for each in found[:4]] == [5 * 10**14, 125 * 10**12, 10**15, 895_874 * 10**9]
    assert [each.kind for each in found[:4]] == [Kind.CHAT, Kind.CHAT, Kind.CHAT, Kind.MONEY_ONLY]
    assert found[0].model == "gpt-4o-2024-08-06"
    assert found[4:] == [None, "the amount is in 'eur', and only US dollars can be compared"]


def test_costs_answered_by_the_api_are_read() -> None:
    result = {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": None}
    page = {"object": "page", "data": [{"object": "bucket", "start_time": 1772582400, "results": [result]}]}

    [found] = read(json.dumps(page))

    assert (found.kind, found.cost_femto_usd, found.at) == (Kind.MONEY_ONLY, 6 * 10**13, MIDNIGHT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file is empty"),
        ("name,age\nx,3\n", "Its columns are 'name', 'age'"),
        ('[{"a": 1}]', "Its columns are 'a'"),
        ("\x89PNG\r\n\x1a\n", "This is no usage log"),
        ('[{"startTime": "2026-03-04", "spend": 1, "models": {}, "users": {}}]', "summarize=false"),
        ("start_time,end_time,start_time_iso,end_time_iso\n1,2,3,4\n", "This export has no usage in it"),
        ("[[1, 2], 3]", "It has no rows that could be read"),
        # Longer than the field of a CSV may be, and no number of columns.
        ("x" * 200_000, "It has no rows that could be read"),
    ],
)
def test_what_is_no_usage_log_is_refused_with_what_would_be_one(text: str, words: str) -> None:
    with pytest.raises(UnknownFormat, match=words):
        formats.recognize(text)


def test_a_first_row_longer_than_the_sample_is_known_by_the_names_in_it() -> None:
    beginning = json.dumps(LITELLM)[:-1] + ', "response": {"text": "' + "x" * 1000

    assert formats.recognize(beginning).format.name == "litellm"


def test_lines_may_end_with_a_carriage_return_alone() -> None:
    text = (USAGE_HEADER + USAGE_ROW).replace("\n", "\r")

    assert [usage.usage.input_tokens for usage in read(text)] == [59_200]


def test_a_format_may_be_named() -> None:
    assert formats.recognize("a,b\n1,2\n", "openai-usage").format.name == "openai-usage"


def test_a_row_with_too_many_columns_is_told_and_the_next_is_read() -> None:
    text = USAGE_HEADER + "a,b,c\n" + USAGE_ROW

    first, second = read(text)

    assert first == "it has 3 columns, and the header 15"
    assert second.requests == 10


def test_what_is_no_object_is_no_row() -> None:
    assert read(json.dumps([LITELLM, 5, None, "x"]))[1:] == ["not an object"] * 3
