import json
from collections.abc import Callable

import pytest
import time_machine
from django.core.management.base import CommandError

from learning.services import outcome_import, table_files
from routing.models import PolicyVersion
from tests.learning import rated_models
from tests.learning.rated_models import NOW

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def at_one_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def outcomes() -> None:
    """Thirty prompts that the large model answers well and the small one does not."""
    rated_models.catalog()
    rows = [
        f"What is {number} times {number + 7}?,{model},{quality},0.001"
        for number in range(30)
        for model, quality in (("gpt-small", 0), ("gpt-large", 1))
    ]
    content = "\n".join(["prompt,model,quality,cost", *rows]).encode()
    source = table_files.from_bytes(content, "sums.csv")
    outcome_import.import_outcomes(source, name="sums", team=None, actor="ada", now=NOW)


@pytest.mark.usefixtures("outcomes")
def test_train_stores_a_candidate_and_tells_what_it_knows(optimizer: Run) -> None:
    shown = optimizer("train")
    assert "openai/gpt-large  30        1.000" in shown
    assert "60 outcomes of 30 prompts in 1 categories" in shown
    policy = PolicyVersion.objects.get()
    assert f"Policy {policy.version} is stored; the gate says: held." in shown
    assert policy.created_by == "command line"
    assert "holds this very predictor already" in optimizer("train")


@pytest.mark.usefixtures("outcomes")
def test_dry_run_tells_the_same_and_writes_nothing(optimizer: Run) -> None:
    told = json.loads(optimizer("train", "--dry-run", "--json"))
    assert (told["outcomes"], told["policy_version"], told["verdict"]) == (60, None, None)
    assert PolicyVersion.objects.count() == 0
    assert "This was a dry run" in optimizer("train", "--dry-run")


def test_without_evidence_the_cure_is_named(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="Import evaluation outcomes of several models, or calibrate"):
        optimizer("train")
