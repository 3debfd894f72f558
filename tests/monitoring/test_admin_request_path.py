import pytest
from django.test import Client
from django.utils import timezone

from experiments.models import Experiment
from routing.models import PolicyVersion
from tests import factories

pytestmark = pytest.mark.django_db


def page_of(request_id: object, client: Client) -> str:
    answer = client.get(f"/admin/routing/ledgerentry/{request_id}/change/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_request_leads_to_its_attempts_ratings_policy_and_experiment(admin_client: Client) -> None:
    team, now = factories.team(), timezone.now()
    policy = PolicyVersion.objects.create(
        source="staff", document={}, content_hash="0" * 64, created_by="casey", created_at=now, state="active"
    )
    experiment = Experiment.objects.create(
        name="Hybrid for all",
        control_strategy="complexity",
        test_strategy="hybrid",
        arms=[{"name": "control"}, {"name": "test"}],
        created_by="casey",
        started_at=now,
        phase_started_at=now,
    )
    entry = factories.ledger_entry(
        team,
        policy_version=policy.version,
        experiment_id=experiment.pk,
        experiment_arm="test",
        experiment_phase=1,
        attempts=[
            {"provider": "acme", "model": "small", "state": "failed", "code": "timeout"},
            {
                "provider": "openai",
                "model": "gpt-small",
                "state": "succeeded",
                "latency_ms": 1200,
                "input_tokens": 1000,
                "output_tokens": 200,
                "cost_nano_usd": 1_000_000,
            },
        ],
    )
    rating = factories.feedback(team, ledger_request_id=entry.pk, quality_score=5, user_id="kim")

    text = page_of(entry.pk, admin_client)

    assert "acme/small</td><td>failed: timeout</td><td>-</td><td>-</td><td>-</td><td>unknown</td>" in text
    # 1,000,000 nano-dollars are a tenth of a cent.
    assert "succeeded</td><td>1,200 ms</td><td>1,000</td><td>200</td><td>$0.001000</td>" in text
    assert (
        f'<a href="/admin/routing/policyversion/{policy.version}/change/">policy {policy.version}</a> (active)' in text
    )
    assert f'<a href="/admin/experiments/experiment/{experiment.pk}/change/">Hybrid for all</a>, arm test' in text
    assert f'<a href="/admin/feedback/responsefeedback/{rating.pk}/change/">5 of 5 stars</a> by kim' in text


def test_a_cached_answer_says_that_nobody_was_asked(admin_client: Client) -> None:
    entry = factories.ledger_entry(factories.team(), is_cache_hit=True, attempt_count=0)

    text = page_of(entry.pk, admin_client)

    assert "No provider was asked: the answer came from the cache." in text
    assert "<dt>Experiment</dt><dd>none</dd> <dt>Ratings</dt><dd>none</dd>" in text
