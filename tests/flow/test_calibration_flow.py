import threading

from django.db.models import Sum

from accounts.models import ApiKey
from learning.models import Calibration, EvaluationOutcome
from learning.services import calibration, calibration_ledger, calibration_planning, calibration_run, table_files
from learning.services.calibration_costs import CostBook
from learning.services.calibration_planning import Request
from learning.services.calibration_run import Tools
from learning.services.gateway_client import GatewayClient
from learning.services.graders import references, registry
from learning.services.graders.base import Context
from routing.models import LedgerEntry
from routing.services import database_clock, snapshot
from tests import factories
from tests.flow.client import Caller, World

PROMPTS = ["Why is the sky blue?", "Why is the sea blue?", "Why is the sun hot?"]
REFERENCES = references.load(
    table_files.from_bytes("".join(["prompt,reference\n", *(f"{text},helpful\n" for text in PROMPTS)]).encode(), "refs")
)


def work(row: Calibration, caller: Caller, budget_nano_usd: int) -> int:
    """Confirm a budget, work until the run ends, and return the sum of the calibration's rows in the ledger."""
    stopping = threading.Event()
    gateway = GatewayClient(caller.gateway.url, caller.secret, calibration_ledger.label(row), 20, stopping)
    book = CostBook(snapshot.load(), max_output_tokens=row.max_output_tokens, judge=None)
    grader = registry.build(row.grader, Context(row.grader_settings, gateway, REFERENCES))
    key = ApiKey.objects.get(pk=caller.key.pk)
    calibration.begin(row, budget_nano_usd=budget_nano_usd, api_key=key, now=database_clock.now())
    calibration_run.run(row, Tools(gateway, grader, book, database_clock.now, stopping))
    total = LedgerEntry.objects.filter(session_id=calibration_ledger.label(row)).aggregate(Sum("cost_nano_usd"))
    return int(total["cost_nano_usd__sum"] or 0)


async def test_calibration_spends_what_the_ledger_says_and_never_more_than_its_budget(world: World) -> None:
    models = [world.model(), world.model("details")]
    team = factories.team(prompt_retention_days=30)
    caller = world.caller(team)
    for prompt in PROMPTS:
        await caller.ask(models[0], prompt=prompt)
    row = calibration_planning.plan(
        Request(team, "reference", {"mode": "contains"}, models, max_output_tokens=22),
        snapshot=snapshot.load(),
        references=REFERENCES,
        actor="ada",
        now=database_clock.now(),
        seed=1,
    ).calibration

    in_ledger = work(row, caller, row.estimated_nano_usd)

    # The budget is what the answers are expected to cost; the most that the last ones could have cost is more.
    assert row.state == "stopped"
    assert 0 < row.spent_nano_usd == in_ledger <= row.estimated_nano_usd
    assert EvaluationOutcome.objects.count() < 6

    in_ledger = work(row, caller, 10**9)

    assert (row.state, row.failures) == ("completed", [])
    assert row.spent_nano_usd == in_ledger
    assert len(world.exchanges()) == 3 + 6
    outcomes = EvaluationOutcome.objects.all()
    assert {(outcome.model, outcome.quality, outcome.output_tokens) for outcome in outcomes} == {
        (models[0], 1.0, 22),
        (models[1], 1.0, 22),
    }
    assert sum(outcome.cost_nano_usd or 0 for outcome in outcomes) == in_ledger
    again = calibration_planning.plan(
        Request(team, "reference", {"mode": "contains"}, models),
        snapshot=snapshot.load(),
        references=REFERENCES,
        actor="ada",
        now=database_clock.now(),
        seed=1,
    )
    # What the calibration asked was kept like all prompts of the team, and is not taken for traffic.
    assert set(again.calibration.request_ids) == set(row.request_ids)
