"""From evaluation outcomes and ratings to a policy that decides prompt by prompt."""

import json
import uuid
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest
import time_machine

from accounts.models import Team
from accounts.selectors import TeamInfo
from jobs.services.runs import SomeFailed
from learning import tasks
from learning.domain.training_set import NotEnoughEvidence, TrainingSet
from learning.models import EvaluationSet, PolicyEvaluation
from learning.services import outcome_import, promotion, table_files, training, training_evidence
from routing.domain import policy as policy_domain
from routing.domain.decision import Controls
from routing.models import PolicyVersion, PredictorModel, PromptEmbedding
from routing.services import decisions, embeddings, policies, snapshot
from routing.services.decisions import Plan
from routing.services.embeddings import NotedVector
from routing.services.wish import Wish
from tests import factories
from tests.learning import rated_models

pytestmark = pytest.mark.django_db

NOW = rated_models.NOW
SMALL, LARGE = "openai/gpt-small", "openai/gpt-large"
NAMES = ("Ada", "Bert", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ida", "Jon")
THINGS = ("apples", "marbles", "coins", "books", "stamps")


def sums() -> list[str]:
    return [
        f"{name} has {7 * i + 3} {thing}, buys {5 * j + 4} more and gives away {i + j + 2}. How many are left?"
        for i, name in enumerate(NAMES)
        for j, thing in enumerate(THINGS)
    ]


def greetings() -> list[str]:
    return [f"Write a friendly note that thanks {name} for the lovely {thing}." for name in NAMES for thing in THINGS]


@cache
def outcomes() -> bytes:
    """The small model cannot calculate, and writes as well as the large one; prompts have no task."""
    rows = [(prompt, model, float(model == LARGE)) for prompt in sums() for model in (SMALL, LARGE)]
    rows += [(prompt, model, 1.0) for prompt in greetings() for model in (SMALL, LARGE)]
    return "\n".join(
        json.dumps({"prompt": prompt, "model": model, "quality": quality, "cost": 0.001})
        for prompt, model, quality in rows
    ).encode()


def some_outcomes() -> bytes:
    """Those of 25 of the prompts, too few for a forest."""
    return b"\n".join(outcomes().splitlines()[::8] + outcomes().splitlines()[1::8])


@pytest.fixture(autouse=True)
def catalog() -> None:
    rated_models.catalog()


def imported(content: bytes | None = None, team: Team | None = None) -> EvaluationSet:
    source = table_files.from_bytes(outcomes() if content is None else content, "outcomes.jsonl")
    found = outcome_import.import_outcomes(source, name="sums", team=team, actor="ada", now=NOW)
    return found.evaluation_set


def gathered(team: Team | None = None, *, now: datetime = NOW) -> TrainingSet:
    return training_evidence.gather(team, now=now, report=lambda message: None)


def rated(team: Team, *, days_ago: float = 0, text: str = "Why?", **fields: object) -> uuid.UUID:
    """Rate a request whose vector was kept."""
    at = NOW - timedelta(days=days_ago) - timedelta(minutes=1)
    request_id = uuid.uuid4()
    embeddings.store([NotedVector(str(request_id), team.id, embeddings.encode(text), at)])
    values = {"requested_at": at, "created_at": at, **fields}
    factories.feedback(team, ledger_request_id=request_id, **values)
    return request_id


def decided(prompt: str) -> Plan:
    wish = Wish(
        body={"messages": [{"role": "user", "content": prompt}]},
        requested_model="auto:learning",
        controls=Controls(),
        team=TeamInfo(1, "search", "", None, None),
    )
    return decisions.plan(snapshot.load(), wish)


def test_imported_outcomes_become_decisions_prompt_by_prompt() -> None:
    imported()
    found = training.train(team=None, actor="ada", now=NOW)
    assert found.candidate is not None
    assert found.candidate.state == PolicyVersion.State.CANDIDATE
    promotion.promote_by_hand(version=found.candidate.version, team=None, actor="ada", reason="warm start", now=NOW)

    calculation = decided("Kim has 41 pears, buys 12 more and gives away 9. How many are left?")
    note = decided("Write a friendly note that thanks Kim for the lovely pears.")
    assert calculation.decision.chosen.model.full_name == LARGE
    assert note.decision.chosen.model.full_name == SMALL
    assert note.decision.strategy == "learning"

    # The gate was asked, and nothing was learned since.
    assert PolicyEvaluation.objects.get().candidate == found.candidate
    again = training.train(team=None, actor="ada", now=NOW)
    assert (again.candidate, PolicyVersion.objects.count(), PredictorModel.objects.count()) == (None, 1, 1)


def test_candidate_differs_from_the_active_policy_by_its_predictor_and_the_value_of_quality() -> None:
    active = active_policy()
    imported(some_outcomes())
    found = training.train(team=None, actor="ada", now=NOW).candidate
    assert found is not None
    assert {**found.document, "usd_per_quality": None} == active.document
    # What keeps to the active policy's tolerance of a tenth.
    assert found.predictor is not None
    [allowed] = [value for value in found.predictor.summary["quality_values"] if value["tolerance"] == 0.1]
    assert found.document["usd_per_quality"] == allowed["usd_per_quality"]
    assert found.source == PolicyVersion.Source.PREDICTOR
    assert found.note.startswith("50 outcomes of 25 prompts and 2 models; squared error on what it had not seen 0.")


def active_policy() -> PolicyVersion:
    document = policy_domain.document(strategy="learning", tolerance=0.1, exploration_share=0.03, random_share=0.02)
    active = policies.publish(team=None, document=document, source="staff", actor="ada", now=NOW)
    policies.activate(active, kind="staff", actor="ada", reason="begin", now=NOW)
    return active


def test_dry_run_stores_nothing() -> None:
    imported(some_outcomes())
    found = training.train(team=None, actor="ada", now=NOW, dry_run=True)
    assert found.summary["outcomes"] == 50
    assert (PolicyVersion.objects.count(), PredictorModel.objects.count()) == (0, 0)


def test_without_evidence_nothing_is_stored() -> None:
    with pytest.raises(NotEnoughEvidence, match="Outcomes of 0 models"):
        training.train(team=None, actor="ada", now=NOW)
    assert training.train_all(actor="schedule", now=NOW) == []
    assert PredictorModel.objects.count() == 0


def test_rating_counts_by_its_age_and_a_request_counts_once() -> None:
    team = factories.team()
    fresh = rated(team, days_ago=0, reward=0.25, task="sums", user_id="ada")
    factories.feedback(
        team,
        ledger_request_id=fresh,
        reward=0.75,
        user_id="bert",
        requested_at=NOW - timedelta(minutes=1),
        created_at=NOW - timedelta(seconds=1),
    )
    rated(team, days_ago=30, reward=1.0, text="How?")
    found = gathered()
    assert found.quality.tolist() == [0.5, 1.0]
    assert found.weight.tolist() == pytest.approx([1.0, 0.5], abs=1e-3)
    assert found.tasks == ["sums", None]
    assert found.texts == [None, None]
    assert np.allclose(found.vectors[1], embeddings.encode("How?"), atol=0.02)


def test_what_cannot_be_learned_from_is_left_out() -> None:
    team, alone = factories.team(), factories.team(learns_alone=True)
    rated(alone)
    rated(team, served_model="withdrawn")
    expired = rated(team)
    PromptEmbedding.objects.filter(request_id=expired).delete()
    assert len(gathered().quality) == 0
    assert len(gathered(alone).quality) == 1


def test_both_kinds_of_evidence_come_together() -> None:
    team = factories.team()
    imported(some_outcomes(), team=team)
    rated(team)
    found = gathered()
    assert (len(found.vectors), len(found.quality)) == (26, 51)
    assert found.model_names == (LARGE, SMALL)


def test_sets_that_are_switched_off_are_not_trained_on() -> None:
    stored = imported()
    EvaluationSet.objects.filter(pk=stored.pk).update(is_enabled=False)
    assert len(gathered().vectors) == 0


def test_team_that_learns_alone_has_its_own() -> None:
    alone = factories.team(learns_alone=True)
    imported(some_outcomes(), team=alone)
    [found] = training.train_all(actor="schedule", now=NOW)
    assert found.candidate is not None
    assert found.candidate.team == alone


def test_scope_that_fails_does_not_stop_the_others() -> None:
    broken = active_policy()
    PolicyVersion.objects.filter(pk=broken.pk).update(content_hash="0" * 64)
    imported(some_outcomes())
    alone = factories.team(learns_alone=True)
    with pytest.raises(SomeFailed, match=r"^Failed for all teams: InvalidPolicy: "):
        training.train_all(actor="schedule", now=NOW)
    assert PolicyVersion.objects.filter(team=alone).count() == 1


def test_task_trains_what_there_is() -> None:
    imported(some_outcomes())
    with time_machine.travel(NOW, tick=False):
        tasks.train_predictors()
    assert PolicyVersion.objects.get().created_by == "schedule"
