"""Folders of outcomes are read by the same rules whoever made them, and what is wrong with one is named."""

import csv
import gzip
import io

import numpy as np
import pytest

from benchmarks.routing import pools
from benchmarks.routing.tables import InvalidPool

PROMPTS = 120


def write(path, headings, rows, *, is_gzipped=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text).writerows([headings, *rows])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if is_gzipped else data)


def write_prompts(folder, rows, **how):
    name = "prompts.csv.gz" if how else "prompts.csv"
    write(folder / name, ("prompt_id", "dataset", "category", "split", "prompt"), rows, **how)


def write_outcomes(folder, rows):
    write(folder / "outcomes.csv", ("prompt_id", "model", "quality", "cost_usd"), rows)


def prompts(count=PROMPTS, dataset="d", split="test"):
    return [(f"{dataset}{number}", dataset, "c", split, f"prompt {number}") for number in range(count)]


def outcomes(models, rows):
    return [(row[0], model, quality, cost) for row in rows for model, quality, cost in models]


THREE = (("dear", 0.9, 0.03), ("cheap", 0.5, 0.01), ("middle", 0.7, 0.02))
PAIR = THREE[:2]


def test_a_pool_holds_its_models_cheapest_first(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts(), is_gzipped=True)
    write_outcomes(tmp_path / "made", outcomes(THREE, prompts()))

    (pool,) = pools.read(tmp_path).pools

    assert (pool.name, pool.cost_unit, len(pool.texts)) == ("made", "USD", PROMPTS)
    assert pool.model_names == ("cheap", "middle", "dear")
    assert pool.quality[0].tolist() == [0.5, 0.7, 0.9]
    assert pool.cost[0].tolist() == [0.01, 0.02, 0.03]
    assert pool.best_model == 2


def test_the_folder_of_a_pool_can_be_named_itself(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts())
    write_outcomes(tmp_path / "made", outcomes(THREE, prompts()))

    assert [pool.name for pool in pools.read(tmp_path / "made").pools] == ["made"]


def test_each_dataset_of_a_pair_is_a_pool_that_costs_calls(tmp_path) -> None:
    rows = prompts(dataset="a") + prompts(dataset="b")
    write_prompts(tmp_path / "pair", rows)
    # Nobody needs to know what a call of a pair costs, but which model is the dearer one.
    write_outcomes(
        tmp_path / "pair", outcomes(PAIR, rows[:1]) + outcomes((("dear", 1, ""), ("cheap", 0, "")), rows[1:])
    )

    found = pools.read(tmp_path).pools

    assert [(pool.name, pool.cost_unit) for pool in found] == [("pair-a", "calls"), ("pair-b", "calls")]
    assert found[0].model_names == ("cheap", "dear")
    assert found[0].cost[5].tolist() == [0.0, 1.0]


def test_models_that_lack_outcomes_are_in_a_second_pool(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts())
    missing = [("late", 0.8, 0.02)]
    write_outcomes(tmp_path / "made", outcomes(THREE, prompts()) + outcomes(missing, prompts()[:110]))

    found = pools.read(tmp_path).pools

    assert [(pool.name, len(pool.model_names), len(pool.texts)) for pool in found] == [
        ("made", 3, 120),
        ("made-4", 4, 110),
    ]


def test_contaminated_prompts_are_left_out(tmp_path) -> None:
    rows = prompts(110) + prompts(10, dataset="x", split="contaminated")
    write_prompts(tmp_path / "made", rows)
    write_outcomes(tmp_path / "made", outcomes(THREE, rows))

    assert len(pools.read(tmp_path).pools[0].texts) == 110


def test_a_pool_too_small_to_measure_is_named(tmp_path) -> None:
    rows = prompts(dataset="a") + prompts(99, dataset="b")
    write_prompts(tmp_path / "pair", rows)
    write_outcomes(tmp_path / "pair", outcomes(PAIR, rows))

    found = pools.read(tmp_path)

    assert [pool.name for pool in found.pools] == ["pair-a"]
    assert found.notes == ("pair-b is left out: 99 prompts, at least 100 are needed",)


def test_models_that_cost_the_same_leave_nothing_to_save(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts())
    write_outcomes(tmp_path / "made", outcomes((("a", 0.5, 0.1), ("b", 0.6, 0.1), ("c", 0.7, 0.1)), prompts()))

    with pytest.raises(InvalidPool, match="made is left out: its models cost the same"):
        pools.read(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("d0", "cheap", "1.2", "0.1"), "line 2: quality is '1.2'; it must be a number from 0 to 1."),
        (("d0", "cheap", "nan", "0.1"), "line 2: quality is 'nan'; it must be a number from 0 to 1."),
        (("d0", "cheap", "0.5", "-1"), "line 2: cost_usd is '-1'; it must be a number from 0 up."),
        (("d0", "cheap", "0.5", "inf"), "line 2: cost_usd is 'inf'; it must be a number from 0 up."),
        (("d0", "cheap"), "line 2: the row has too few columns."),
    ],
)
def test_a_value_out_of_range_is_named_by_file_and_line(tmp_path, row, message) -> None:
    write_prompts(tmp_path / "made", prompts())
    write_outcomes(tmp_path / "made", [row])

    with pytest.raises(InvalidPool) as refused:
        pools.read(tmp_path)

    assert str(refused.value).endswith(f"outcomes.csv, {message}")


def test_two_outcomes_of_one_model_for_one_prompt_are_refused(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts())
    write_outcomes(tmp_path / "made", outcomes(THREE, prompts()[:1]) * 2)

    with pytest.raises(InvalidPool, match="line 5: the model 'dear' has two outcomes for the prompt 'd0'"):
        pools.read(tmp_path)


def test_a_missing_folder_is_named(tmp_path) -> None:
    with pytest.raises(InvalidPool, match="nowhere is no folder"):
        pools.read(tmp_path / "nowhere")


def test_a_folder_without_pools_says_what_a_pool_is(tmp_path) -> None:
    with pytest.raises(InvalidPool, match=r"holds no pool: no folder in it has prompts.csv and outcomes.csv"):
        pools.read(tmp_path)


def test_the_table_that_is_missing_is_named(tmp_path) -> None:
    write_prompts(tmp_path / "made", prompts())

    with pytest.raises(InvalidPool, match=r"made lacks outcomes.csv \(or outcomes.csv.gz\)"):
        pools.read(tmp_path)


def test_the_column_that_is_missing_is_named(tmp_path) -> None:
    write(tmp_path / "made" / "prompts.csv", ("prompt_id", "prompt"), [("d0", "hello")])

    with pytest.raises(InvalidPool, match=r"prompts.csv lacks the column category"):
        pools.read(tmp_path)


def test_a_damaged_archive_is_named(tmp_path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "prompts.csv.gz").write_bytes(b"no archive")

    with pytest.raises(InvalidPool, match=r"prompts.csv.gz cannot be read"):
        pools.read(tmp_path)


def test_prompts_that_say_the_same_share_a_fold() -> None:
    groups = pools.group_of_equal(["What is  this?", "what IS this", "Another"] + [f"text {n}" for n in range(97)])

    fold = pools.folds(groups, 5, seed=3)

    assert groups[:3].tolist() == [0, 0, 1]
    assert fold[0] == fold[1]
    # 99 groups in 5 folds: four of 20 and one of 19, which one prompt more makes 100 prompts.
    assert sorted(np.bincount(fold).tolist()) in ([19, 20, 20, 20, 21], [20, 20, 20, 20, 20])


def test_tokens_are_read_where_every_outcome_states_them(tmp_path) -> None:
    headings = ("prompt_id", "model", "quality", "cost_usd", "in_tokens", "out_tokens")
    rows = [(*outcome, 7, 20) for outcome in outcomes(THREE, prompts())]
    for name, stated in (("all", rows), ("some", [*rows[:-1], (*rows[-1][:-1], "")])):
        write_prompts(tmp_path / name, prompts())
        write(tmp_path / name / "outcomes.csv", headings, stated)

    found = {pool.name: pool for pool in pools.read(tmp_path).pools}

    assert found["all"].tokens is not None
    assert found["all"].tokens[0].tolist() == [[7, 20]] * 3
    assert found["some"].tokens is None
