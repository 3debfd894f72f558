from benchmarks.hot_spots import self_time, total_time

STACKS = ["main;serve;encode 3", "main;serve 2", "main;serve;serve 1"]


def test_own_time_counts_the_innermost_function() -> None:
    assert self_time(STACKS) == {"encode": 3, "serve": 3}


def test_time_with_callees_counts_a_function_once_a_stack() -> None:
    assert total_time(STACKS) == {"main": 6, "serve": 6, "encode": 3}
