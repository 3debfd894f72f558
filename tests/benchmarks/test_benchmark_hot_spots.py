from benchmarks.hot_spots import own_time, own_time_by_package, time_with_callees

SERVE = "serve (routing/gateway/app.py)"
ENCODE = "encode (json/encoder.py)"
STACKS = [
    "main (uvicorn/main.py:9);serve (routing/gateway/app.py:5);encode (json/encoder.py:7) 3",
    "main (uvicorn/main.py:9);serve (routing/gateway/app.py:5) 2",
    "serve (routing/gateway/app.py:5);serve (routing/gateway/app.py:6) 1",
]


def test_own_time_counts_the_innermost_function() -> None:
    assert own_time(STACKS) == {ENCODE: 3, SERVE: 3}


def test_own_time_is_summed_by_package() -> None:
    assert own_time_by_package(STACKS) == {"json": 3, "routing": 3}


def test_time_with_callees_counts_our_functions_once_a_stack() -> None:
    assert time_with_callees(STACKS, ["routing/"]) == {SERVE: 6}
