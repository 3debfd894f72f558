"""Files that people bring: usage logs of other products, and tables of evaluation outcomes."""

import gzip
from collections import deque
from io import StringIO

from insights.domain.usage_logs import formats, json_reading
from insights.domain.usage_logs.formats import Layout, UnknownFormat
from insights.domain.usage_logs.record import LoggedUsage, Unreadable
from learning.domain import outcome_rows
from learning.domain.outcome_rows import InvalidHeader, InvalidRow
from learning.services import table_files
from learning.services.table_files import InvalidFile, Table
from tests.fuzz.guided import cutting
from tests.fuzz.guided.target import Target, hold

Meaning = list[tuple[int, object]]


def check_usage_log(data: bytes) -> str:
    """Hold a log: each row is usage or a reason why not, the same however the file comes."""
    text = data.decode("utf-8", "replace")
    try:
        layout = formats.recognize(text)
    except UnknownFormat:
        return "unknown"
    whole, *cut = [_meaning(layout, text, pieces) for pieces in _ways(text)]
    for meaning in cut:
        assert meaning == whole, f"cut otherwise it is {meaning}, and as a whole {whole}"
    return layout.format.name


def check_outcomes(data: bytes) -> str:
    """Hold a table: each row is an outcome or a reason why not; a packed table is the same as it is unpacked."""
    plain = _outcomes(data)
    assert data.startswith(b"\x1f\x8b") or _outcomes(gzip.compress(data, 1)) == plain, "packed it is another table"
    return "refused" if plain[-1:] == ["refused"] else "read"


def _ways(text: str) -> list[list[str]]:
    cuts = [[len(part) for part in way] for way in cutting.ways(text.encode("utf-8", "replace"))]
    return [_cut(text, lengths) for lengths in cuts]


def _cut(text: str, lengths: list[int]) -> list[str]:
    """Cut a text after so many characters each, as many as there are; the last piece takes what is left."""
    pieces: list[str] = []
    for length in lengths[:-1]:
        pieces.append(text[:length])
        text = text[length:]
    return [piece for piece in [*pieces, text] if piece]


def _meaning(layout: Layout, text: str, chunks: list[str]) -> Meaning:
    found: Meaning = []
    try:
        # By lines as a file gives them, which knows fewer ends of lines than a text does.
        for line, row in formats.rows(layout, StringIO(text, newline=""), chunks):
            found.append((line, _usage(layout, row)))
    except json_reading.Broken as error:
        hold(error.line >= 1, "a line before the first")
        # Where a document breaks off, how much was held at once decides which of two reasons is seen first.
        found.append((0, "broken"))
    return found


def _usage(layout: Layout, row: object) -> object:
    if isinstance(row, Unreadable):
        return str(row)
    assert isinstance(row, dict), f"a row that is no object: {row!r}"
    try:
        usage = layout.format.read(row)
    except Unreadable as error:
        hold(len(str(error)) < 500, "a reason as long as what it is about")
        return str(error)
    if isinstance(usage, LoggedUsage):
        assert usage.usage.input_tokens >= 0, usage
        assert usage.usage.output_tokens >= 0, usage
        assert usage.cost_femto_usd is None or usage.cost_femto_usd >= 0, usage
        assert usage.model.isprintable(), usage
    return usage


def _outcomes(data: bytes) -> list[object]:
    found: deque[object] = deque()
    table = Table(table_files.from_bytes(data, "outcomes"))
    try:
        for record in table.records():
            found.append((record.line, record.problem or _outcome(record.values)))
        outcome_rows.check_columns(table.columns)
    except (InvalidFile, InvalidHeader):
        found.append("refused")
    return list(found)


def _outcome(values: dict[str, object]) -> object:
    try:
        outcome = outcome_rows.parse(values)
    except InvalidRow as error:
        hold(len(str(error)) < 1000, "a reason as long as what it is about")
        return str(error)
    assert 0 <= outcome.quality <= 1, outcome
    assert outcome.cost_nano_usd is None or outcome.cost_nano_usd >= 0, outcome
    assert "\0" not in outcome.prompt + outcome.model, "NUL in what is stored"
    outcome.prompt.encode()
    return outcome


_LITELLM = (
    b'{"request_id":"r1","call_type":"acompletion","spend":0.0012,"total_tokens":30,"prompt_tokens":20,'
    b'"completion_tokens":10,"startTime":"2026-05-01T10:00:00Z","endTime":"2026-05-01T10:00:02Z",'
    b'"model":"gpt-4o-mini","custom_llm_provider":"openai","cache_hit":"False","status":"success",'
    b'"metadata":{"usage_object":{"prompt_tokens_details":{"cached_tokens":5}}},"messages":{}}'
)
_BUCKETS = (
    b'{"object":"page","data":[{"object":"bucket","start_time":1746057600,"end_time":1746144000,"results":'
    b'[{"object":"organization.usage.completions.result","input_tokens":1000,"output_tokens":500,'
    b'"input_cached_tokens":800,"num_model_requests":5,"model":"gpt-4o","batch":false}]}],"has_more":false}'
)
_COSTS = (
    b'{"object":"page","data":[{"object":"bucket","start_time":1746057600,"end_time":1746144000,"results":'
    b'[{"object":"organization.costs.result","amount":{"value":0.06,"currency":"usd"},"line_item":"gpt-4o, input"}]}]}'
)
_LOG_WORDS = (
    b'"data"', b'"results"', b'"request_id"', b'"startTime"', b'"spend"', b'"prompt_tokens"', b'"completion_tokens"',
    b'"start_time"', b'"start_time_iso"', b'"input_tokens"', b'"output_tokens"', b'"input_cached_tokens"', b'"batch"',
    b'"amount"', b'"amount_value"', b'"currency"', b'"usd"', b'"cost_in_major"', b'"name"', b'"n_context_tokens_total"',
    b'"service_tier"', b'"cache_hit"', b'"metadata"', b'"usage_object"', b'"messages"', b'"aggregation_timestamp"',
    b"1E+999999", b"NaN", b"-0", b"1e-400", b"\\ud800", b"\\u0000", b"\xef\xbb\xbf", b"\x1e", b'""', b";", b"\r\n",
    b"2026-05-01T10:00:00+25:00", b"9999-12-31T23:59:59-23:59", b"99999999999999", b"\t", b"dalle_api_data",
)  # fmt: skip
_OUTCOME_WORDS = (
    b'"prompt"', b'"model"', b'"quality"', b'"cost"', b'"cost_usd"', b'"task"', b'"output_tokens"', b"prompt,model,",
    b'""', b"\r\n", b"\r", b'"\n"', b"NaN", b"1e-400", b"1e999", b"1_000", b"-0", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"\x1f\x8b", b"\\ud800", b"\\u0000",
)  # fmt: skip
_TABLE = b'prompt,model,quality,cost,task,output_tokens\nWhy?,small,0.5,0.001,chat,12\n"a, ""b""\nc",large,1,,,\n'
TARGETS = {
    "usage-logs": Target(
        check_usage_log,
        {
            "litellm lines": _LITELLM + b"\n" + _LITELLM.replace(b"r1", b"r2") + b"\n",
            "litellm list": b"[" + _LITELLM + b",\n" + _LITELLM.replace(b"r1", b"r2") + b"]",
            "litellm table": b"request_id,startTime,prompt_tokens,completion_tokens,spend,model\n"
            b"r1,2026-05-01 10:00:00,20,10,0.0012,gpt-4o-mini\n",
            "returns": b"start_time_iso,model,input_tokens,output_tokens\r2026-05-01T00:00:00Z,gpt-4o,1000,500\r",
            "return in a name": b'"nae"l\rme,"stop"]}',
            "number cut in two": b'{"object":0,"data":1e+308,"n_context_tokens_total":[0],"a":1.2e-05}\n' + _BUCKETS,
            "usage": _BUCKETS,
            "usage pages": _BUCKETS + b"\n" + _BUCKETS,
            "usage table": b"start_time_iso;model;input_tokens;output_tokens\n2026-05-01T00:00:00Z;gpt-4o;1000;500\n",
            "costs": _COSTS,
            "legacy": b'{"object":"list","data":[{"aggregation_timestamp":1700000000,"n_requests":1,"operation":'
            b'"completion","snapshot_id":"gpt-4-0613","n_context_tokens_total":10,"n_generated_tokens_total":5}],'
            b'"ft_data":[],"dalle_api_data":[]}',
        },
        _LOG_WORDS,
    ),
    "outcome-files": Target(
        check_outcomes,
        {
            "table": _TABLE,
            "lines": b'{"prompt":"Why?","model":"small","quality":0.5,"cost":0.001}\n'
            b'{"prompt":"Why?","model":"large","quality":1,"cost_usd":null,"task":"chat","output_tokens":3}\n',
            "number beyond every exponent": b'{"prompt":"Why?","model":1e99999999999999999999}\n',
            "packed": gzip.compress(_TABLE, mtime=0),
        },
        _OUTCOME_WORDS,
    ),
}
