"""The whole command on a small made-up pool: from the folder to the report, the pictures and the figures."""

import csv
import json
import random
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from benchmarks.routing import command, fit_time, goals, options
from benchmarks.routing.bandit import BREAK_EVEN, WAYS, Streamed, Summed
from benchmarks.routing.goals import Verdict
from learning.domain.training_set import NotEnoughEvidence

PROMPTS = 120
# The cheap model is as good on half of the categories and useless on the other half; the middle one is in between.
QUALITY = {
    "easy": {"cheap": 0.8, "middle": 0.8, "dear": 0.8},
    "hard": {"cheap": 0.2, "middle": 0.5, "dear": 0.8},
}
NOISE = 0.15
COST = {"cheap": 0.001, "middle": 0.004, "dear": 0.01}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "made"
    folder.mkdir()
    rng = random.Random(4)
    with (folder / "prompts.csv").open("w", newline="") as prompts, (folder / "outcomes.csv").open("w") as outcomes:
        asked, answered = csv.writer(prompts), csv.writer(outcomes)
        asked.writerow(("prompt_id", "category", "prompt"))
        answered.writerow(("prompt_id", "model", "quality", "cost_usd"))
        for number in range(PROMPTS):
            category = rng.choice(("easy", "hard"))
            asked.writerow((number, category, f"An {category} question, number {number}"))
            for model, quality in QUALITY[category].items():
                answered.writerow((number, model, quality + rng.uniform(-NOISE, NOISE), COST[model]))
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    files = ["--out", str(out), "--json", str(out / "f.json")]
    asked = [str(data), "--folds", "2", "--bootstrap", "5", "--prices", "break-even", *files]
    assert command.main(asked, train=trained, trainer=lambda: trained) == 0
    return out


class CategoryMeans:
    """Expects of a model on a category what it did there on the prompts that were seen."""

    encoder = "none"

    def __init__(self, read, rows):
        self.model_names = read.model_names
        self._of = {
            task: read.pool.quality[[row for row in rows if read.pool.tasks[row] == task]].mean(axis=0)
            for task in QUALITY
        }

    def forecast(self, vector, *, text, task, pattern):
        raise NotImplementedError

    def forecast_many(self, vectors, *, texts, tasks, patterns):
        means = np.array([self._of[task] for task in tasks])
        return means, np.full(means.shape, 0.01)


def trained(read, rows, observed, seed):
    if not len(rows):
        raise NotEnoughEvidence("nothing was seen")
    return CategoryMeans(read, rows)


def figures(run):
    (pool,) = json.loads((run / "f.json").read_text())
    return {row["name"]: row["figures"] for row in pool["scored"]}


def test_the_predictor_finds_what_the_category_tells(run) -> None:
    # The oracle also knows the noise, which nobody can: the category alone closes about three quarters of the area.
    area = figures(run)["predictor, by value"]["area"]

    assert 0.5 < area["low"] <= area["value"] < 1.0


def test_every_router_of_the_report_is_measured(run) -> None:
    assert list(figures(run)) == [
        "best single model",
        "cheapest model",
        "random mix",
        "same models, prompts shuffled",
        "complexity strategy",
        "keyword pattern mean",
        "category mean",
        "predictor, by tolerance",
        "predictor, by value",
        "oracle",
    ]


def test_streams_are_measured_in_every_way_the_pool_is_large_enough_for(run) -> None:
    (pool,) = json.loads((run / "f.json").read_text())

    assert [way["way"] for way in pool["streamed"]] == ["cold, 5 % exploration", "cold, 2 % exploration"]
    # Two slopes of the hull of three fixed models, half and twice of each.
    assert [len(way["streams"]) for way in pool["streamed"]] == [6, 6]


def test_a_picture_is_drawn(run) -> None:
    root = ET.parse(run / "routing-made.svg").getroot()

    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "made: 120 prompts, 3 models"
    assert {"random mix", "category mean", "predictor, by value", "oracle", "3 dear"} <= set(texts)


def test_a_folder_that_is_none_is_refused_by_name(tmp_path, capsys) -> None:
    assert command.main([str(tmp_path / "nowhere")]) == 2

    assert "nowhere is no folder. DATA names a folder with pools in it." in capsys.readouterr().err


def test_a_pool_that_is_not_there_is_refused_with_those_that_are(data, capsys) -> None:
    assert command.main([str(data), "--pool", "other"]) == 2

    assert "There is no pool other; there are made." in capsys.readouterr().err


def test_a_missed_goal_is_not_reached() -> None:
    assert not Verdict("made", "area closed", 0.2, 0.1999).is_reached
    assert not Verdict("made", "area closed", 0.2, float("nan")).is_reached
    assert Verdict("made", "area closed", 0.2, 0.2).is_reached


def test_gains_of_a_grid_are_summed_before_they_are_divided() -> None:
    streams = (streamed(gain=1.0, oracle_gain=10.0), streamed(gain=3.0, oracle_gain=10.0))

    assert Summed(WAYS["warm-5"].name, BREAK_EVEN, streams).gain == pytest.approx(0.2)


def streamed(*, gain, oracle_gain):
    return Streamed(
        price=1.0,
        gain=gain,
        oracle_gain=oracle_gain,
        last_gain=gain,
        last_oracle_gain=oracle_gain,
        relative_quality=1.0,
        saved=0.0,
        relative_worth=0.0,
        least_propensity=0.01,
    )


def test_goals_of_known_pools_name_figures_that_are_measured(run) -> None:
    named = {name for targets in goals.FULL_INFORMATION.values() for name in targets}

    assert named - {"apgr"} <= set(figures(run)["category mean"])


def test_a_quick_run_measures_less() -> None:
    asked = options.parse(["folder", "--quick"])

    assert (asked.most_prompts, asked.settings.bootstrap, asked.given) == (1000, 50, "--quick")
    assert asked.planned == ((WAYS["warm-5"], "break-even"), (WAYS["cold-5"], "break-even"))


def test_uniform_prices_are_measured_for_the_way_that_is_judged() -> None:
    asked = options.parse(["folder"])

    assert [way for way, grid in asked.planned if grid == "uniform"] == [WAYS["warm-5"]]
    assert [way for way, grid in asked.planned if grid == "break-even"] == list(WAYS.values())


@pytest.mark.parametrize("wrong", [["--folds", "1"], ["--bootstrap", "none"], ["--way", "hot"], []])
def test_a_wrong_option_is_refused(wrong) -> None:
    with pytest.raises(SystemExit):
        options.parse([*wrong, *(["folder"] if wrong else [])])


def test_what_a_training_takes_is_told_without_any_data() -> None:
    (of_all, of_one) = fit_time.measure(60, seed=1, say=lambda words: None, models=2)

    assert (of_all.outcomes, of_one.outcomes) == ("of all models", "of one model each")
    assert min(of_all.seconds, of_all.peak_mib, of_all.median_ms) > 0
    assert of_all.median_ms <= of_all.p99_ms
    assert fit_time.table([of_all]).splitlines()[2].startswith("| 60 | 2 | of all models |")


def test_a_missing_folder_is_asked_for(capsys) -> None:
    with pytest.raises(SystemExit):
        options.parse([])

    assert "DATA is missing" in capsys.readouterr().err
    assert options.parse(["--fit-time"]).is_fit_timed
