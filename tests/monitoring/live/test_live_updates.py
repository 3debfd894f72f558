"""What viewers are sent without asking: snapshots in time, and events when they happen."""

from datetime import timedelta

from django.utils import timezone

from tests import factories
from tests.monitoring.live.conftest import hear


async def test_a_request_is_in_one_of_the_next_snapshots_with_its_money_and_why(open_live):
    team = factories.team("alpha")
    _, secret = factories.api_key(team)

    async with open_live(key=secret) as socket:
        assert (await hear(socket, "snapshot"))["decisions"] == []
        factories.ledger_entry(team, created_at=timezone.now(), reasoning="simple prompt")
        snapshot = await hear(socket, "snapshot")
        while not snapshot["decisions"]:
            snapshot = await hear(socket, "snapshot")

    # 0.001 dollars were spent where the baseline would have cost 0.003.
    assert (snapshot["total_decisions"], snapshot["cost_usd"], snapshot["savings_usd"]) == (1, 0.001, 0.002)
    assert snapshot["savings_rate"] == 0.6667
    assert snapshot["rates"]["requests_per_second"] == 0.02
    assert snapshot["latency_ms"]["p50"] is not None
    [decision] = snapshot["decisions"]
    assert (decision["model"], decision["reasoning"], decision["team"]) == ("gpt-small", "simple prompt", "alpha")


async def test_a_failover_is_told_once_to_those_who_watch_its_team(open_live):
    team = factories.team("alpha")
    _, secret = factories.api_key(team)
    factories.ledger_entry(team, created_at=timezone.now(), is_fallback=True, served_model="known-before")

    async with open_live(key=secret) as socket:
        before = await hear(socket, "snapshot")
        new = factories.ledger_entry(team, created_at=timezone.now(), is_fallback=True)
        event = await hear(socket, "event")
        after = await hear(socket, "snapshot")

    assert [notice["kind"] for notice in before["events"]] == ["failover"]
    assert (event["id"], event["title"]) == (f"failover:{new.request_id}", "Failover to openai/gpt-small")
    assert len(after["events"]) == 2


async def test_requests_of_yesterday_are_in_the_feed_but_not_in_today(open_live):
    team = factories.team("alpha")
    _, secret = factories.api_key(team)
    factories.ledger_entry(team, created_at=timezone.now() - timedelta(days=1))

    async with open_live(key=secret) as socket:
        snapshot = await hear(socket, "snapshot")

    assert (snapshot["total_decisions"], len(snapshot["decisions"])) == (0, 1)
