"""The admin's page of experiments: it says what was found in words, and people decide there."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from experiments.admin import path
from experiments.models import Experiment, ExperimentSnapshot
from experiments.services import analyses, control
from routing.selectors import policies as policy_selectors
from tests import factories
from tests.experiments.settled_traffic import (
    COMPLEXITY_AGAINST_HYBRID,
    TWO_DAYS_LATER,
    ask,
    begin,
    half_the_cost,
)

pytestmark = pytest.mark.django_db

LIST = "admin:experiments_experiment_changelist"
ADD = "admin:experiments_experiment_add"
# What a browser sends of the form as it is shown, but for the name.
FORM = {
    **COMPLEXITY_AGAINST_HYBRID,
    "on_winner": "report",
    "unit": "user",
    "traffic_percent": "0",
    "test_percent": "50",
    "min_effect": "10",
    "alpha": "5",
    "power": "80",
}


def page_of(experiment: Experiment, step: str = "change") -> str:
    return reverse(f"admin:experiments_experiment_{step}", args=(experiment.pk,))


def shown(client: Client, url: str, **fields: str) -> str:
    """Return the text of a page, or of where sending fields leads."""
    answer = client.post(url, fields, follow=True) if fields else client.get(url)
    return answer.content.decode()


def colleague(django_user_model, *permissions: str) -> Client:
    """Return the browser of somebody on the staff who has these permissions."""
    user = django_user_model.objects.create_user("bo", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def staff(django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("ada"))
    return client


@pytest.fixture
def decided():
    """An experiment at its planned size, of which the test costs half."""
    experiment = begin(sample_size=100)
    half_the_cost(experiment)
    return experiment


@pytest.fixture
def won(decided):
    return control.complete(decided, actor="schedule", reason="cheaper_within_margins", now=TWO_DAYS_LATER)


def test_the_list_says_what_is_compared_and_what_was_found(staff, decided) -> None:
    analyses.refresh(decided, now=TWO_DAYS_LATER)
    begin(name="Nobody came")

    page = shown(staff, reverse(LIST))

    assert "<strong>hybrid</strong> against complexity" in page
    assert "\N{MINUS SIGN}50.0%" in page
    assert "Hybrid wins: cheaper, and no worse than allowed" in page
    assert 'aria-label="Progress of Cheaper?"' in page
    assert "Waiting for the first request" in page
    assert "Nobody came" not in shown(staff, f"{reverse(LIST)}?q=cheaper")


def test_the_page_says_the_decision_first_and_then_its_figures(staff, decided) -> None:
    page = shown(staff, page_of(decided))

    assert page.index("Hybrid wins: cheaper, and no worse than allowed") < page.index("<table")
    assert "Test costs 50.0% less than control" in page
    # 50 requests of $0.0001 each in test, which at the control's rate would have cost twice that.
    assert "$0.00500" in page
    assert "$0.000200" in page
    assert "p = 1.0000" in page
    assert "cheaper</span>" in page
    assert "not measured</span>" in page
    assert "It ends by itself within the hour. Complete ends it now." in page


def test_reading_the_page_looks_at_what_came_in_since(staff) -> None:
    now = timezone.now()
    experiment = begin(now=now)
    ask(experiment, "control", 3, 200_000, created_at=now, settled_at=now)
    shown(staff, page_of(experiment))
    ask(experiment, "test", 4, 100_000, created_at=now, settled_at=now)

    assert "control 3, test 4" in shown(staff, page_of(experiment))
    assert [look.requests for look in ExperimentSnapshot.objects.order_by("id")] == [3, 7]


def test_an_experiment_without_requests_says_how_to_send_one(staff) -> None:
    page = shown(staff, page_of(begin(traffic_percent=20.0)))

    assert "20% of the users who ask for the model" in page
    assert "curl http://testserver/v1/chat/completions" in page
    assert f'x-optimizer-experiment: {Experiment.objects.get().pk}"' in page
    assert '"user": "user-1"' in page


def test_the_page_says_what_is_missing_before_a_decision(staff) -> None:
    experiment = begin(guardrails=[{"metric": "quality", "margin": 0.05}])
    ask(experiment, "control", 15, 200_000)
    ask(experiment, "test", 12, 100_000)

    page = shown(staff, page_of(experiment))

    assert "Not enough is known yet" in page
    assert '27 <span class="muted">(needs 100)</span>' in page
    assert 'control 15, test 12 <span class="muted">(needs 20)</span>' in page
    assert "not measured, though a winner must keep it" in page
    assert "no verdict yet" in page


def test_a_wrong_split_is_explained(staff) -> None:
    experiment = begin()
    ask(experiment, "control", 300, 200_000)
    ask(experiment, "test", 100, 100_000)

    page = shown(staff, page_of(experiment))

    assert "The split went wrong, so nothing can be concluded" in page
    assert "Something loses requests of one arm" in page
    assert "300 users: 75.0%, planned 50%" in page


def test_earlier_phases_are_shown_with_what_they_found(staff, decided) -> None:
    control.change_weights(decided, {"control": 0.8, "test": 0.2}, now=TWO_DAYS_LATER)

    page = shown(staff, page_of(decided))

    assert "All figures above are of phase 2" in page
    assert "Test costs 50.0% less than control" in page
    assert "Send it requests" in page


def test_the_traffic_is_divided_anew_in_a_new_phase(staff, decided) -> None:
    page = shown(staff, page_of(decided, "split"), test_percent="20")

    assert "Phase 2 has begun: 20% of the traffic goes by the test." in page
    assert [arm["weight"] for arm in Experiment.objects.get().arms] == [0.8, 0.2]


def test_a_long_path_is_thinned_out_and_keeps_both_ends(decided) -> None:
    looked = analyses.refresh(decided, now=TWO_DAYS_LATER)
    look = ExperimentSnapshot.objects.get()
    ExperimentSnapshot.objects.bulk_create(
        ExperimentSnapshot(
            experiment=looked,
            phase=1,
            taken_at=TWO_DAYS_LATER - timedelta(minutes=300 - number),
            requests=number,
            units=number,
            analysis=look.analysis,
            is_final=False,
            trigger="schedule",
        )
        for number in range(300)
    )

    points = path.points(looked)

    # The newest analysis is drawn although its snapshot was stored before the others here.
    assert len(points) == path.MOST_POINTS + 1
    assert (points[0].at, points[-2].requests, points[-1].at) == (TWO_DAYS_LATER, 299, TWO_DAYS_LATER)
    assert points[-1].as_json()["change"] == pytest.approx(-50)


def test_completing_says_what_it_would_decide_and_asks_why(staff, decided) -> None:
    question = shown(staff, page_of(decided, "complete"))
    unexplained = shown(staff, page_of(decided, "complete"), reason=" ")

    assert "With what is known now, the decision is: Test costs 50.0% less than control" in question
    assert "This field is required." in unexplained
    assert Experiment.objects.get().status == "running"

    ended = shown(staff, page_of(decided, "complete"), reason="the month is over")

    stored = Experiment.objects.get()
    assert (stored.status, stored.ended_by, stored.end_reason) == ("completed", "ada", "the month is over")
    assert "The experiment is completed: Hybrid wins: cheaper, and no worse than allowed." in ended
    assert "by ada: the month is over" in ended


def test_cancelling_ends_it_without_a_decision(staff, decided) -> None:
    ended = shown(staff, page_of(decided, "cancel"), reason="the wrong team")

    assert Experiment.objects.get().winner is None
    assert "Cancelled without a decision" in ended
    assert "the wrong team" in ended


def test_the_winner_is_promoted_with_a_reason(staff, won) -> None:
    question = shown(staff, page_of(won, "promote"))
    promoted = shown(staff, page_of(won, "promote"), arm="test", reason="as agreed")

    assert "Everything is routed by complexity at present" in question
    assert '<option value="test" selected>test: hybrid</option>' in question
    active = policy_selectors.active(None)
    assert active is not None
    assert (active.document["strategy"], active.activations.get().reason) == ("hybrid", "as agreed")
    assert f"Policy {active.version} routes now." in promoted
    assert page_of(won, "promote") not in promoted


def test_without_a_winner_a_person_must_choose_the_arm(staff) -> None:
    experiment = control.complete(begin(), actor="ada", now=TWO_DAYS_LATER)

    question = shown(staff, page_of(experiment, "promote"), arm="", reason="a hunch")

    assert "which arm is to route is your decision, not that of the data" in question
    assert policy_selectors.active(None) is None


def test_what_is_over_is_not_ended_again(staff, won) -> None:
    page = shown(staff, page_of(won, "cancel"), reason="too late")

    assert "The experiment is completed: Cancel is for another state." in page
    assert Experiment.objects.get().status == "completed"


def test_what_stands_in_the_way_is_said(staff, won) -> None:
    page = shown(staff, page_of(won, "promote"), arm="control", reason="back")

    assert "No policy is active, so that everything is routed by complexity already." in page


def test_who_may_only_look_is_shown_no_buttons_and_refused(django_user_model, decided) -> None:
    looking = colleague(django_user_model, "view_experiment")

    page = shown(looking, page_of(decided))

    assert "Hybrid wins" in page
    assert page_of(decided, "complete") not in page
    statuses = [
        looking.post(url, {"reason": "no"}).status_code
        for url in (page_of(decided, "complete"), page_of(decided, "cancel"), reverse(ADD))
    ]
    assert statuses == [403, 403, 403]


def test_who_may_not_look_sees_nothing(django_user_model, decided) -> None:
    assert colleague(django_user_model).get(page_of(decided)).status_code == 403


def test_promoting_takes_the_right_to_change_policies_as_well(django_user_model, won) -> None:
    changing = colleague(django_user_model, "view_experiment", "change_experiment", "add_experiment")

    assert page_of(won, "promote") not in shown(changing, page_of(won))
    assert changing.post(page_of(won, "promote"), {"arm": "test", "reason": "no"}).status_code == 403
    assert "let the winner route" not in shown(changing, reverse(ADD))


def test_nothing_is_done_without_the_token_of_the_page(django_user_model, decided) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_superuser("ada"))

    assert client.post(page_of(decided, "complete"), {"reason": "forged"}).status_code == 403
    assert client.post(page_of(decided), {"status": "completed"}).status_code == 403
    assert Experiment.objects.get().status == "running"


def test_the_page_itself_changes_nothing_and_unknown_ones_do_not_exist(staff, decided) -> None:
    assert staff.post(page_of(decided), {"status": "completed"}).status_code == 405
    decided.pk += 1
    assert staff.get(page_of(decided)).status_code == 404


def test_a_new_experiment_starts_after_what_it_needs_was_seen(staff) -> None:
    factories.team("builders")
    preview = staff.post(reverse(ADD), {**FORM, "sample_size": "20000", "quality_margin": "3"})

    page = preview.content.decode()
    assert Experiment.objects.count() == 0
    assert "typical traffic" in page
    assert "Chance at the planned size" in page

    seen = preview.context["form"].fingerprint
    started = shown(staff, reverse(ADD), **FORM, sample_size="20000", quality_margin="3", previewed=seen, _start="1")

    experiment = Experiment.objects.get()
    assert "The experiment runs: requests can join within a second." in started
    assert (experiment.created_by, experiment.sample_size, experiment.team) == ("ada", 20_000, None)
    assert experiment.guardrails == [{"metric": "quality", "margin": 0.03}]
    assert experiment.arms[1]["weight"] == 0.5


def test_what_was_changed_since_is_shown_again_before_it_starts(staff) -> None:
    seen = staff.post(reverse(ADD), FORM).context["form"].fingerprint

    page = shown(staff, reverse(ADD), **{**FORM, "min_effect": "1"}, previewed=seen, _start="1")

    assert "Start the experiment" in page
    assert Experiment.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"test_strategy": "complexity"}, "Both arms route alike"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"namespace": "checkout"}, "give a traffic_percent as well"),
        ({"mode": "fixed"}, "mode fixed needs a sample_size"),
        ({"quality_margin": "nan"}, "Enter a number."),
    ],
)
def test_what_cannot_be_started_is_marked(staff, changed, told) -> None:
    page = shown(staff, reverse(ADD), **{**FORM, **changed})

    assert told in page
    assert "Nothing was started" in page
    assert Experiment.objects.count() == 0


def test_a_full_namespace_is_told_as_it_starts(staff) -> None:
    begin(namespace="checkout", traffic_percent=80.0)
    asked = {**FORM, "namespace": "checkout", "traffic_percent": "30"}
    seen = staff.post(reverse(ADD), asked).context["form"].fingerprint

    page = shown(staff, reverse(ADD), **asked, previewed=seen, _start="1")

    assert "checkout" in page
    assert Experiment.objects.count() == 1


def test_the_time_left_is_told_at_the_present_pace(staff) -> None:
    experiment = begin(now=timezone.now() - timedelta(hours=48))
    for number in range(60):
        # Users differ in cost, by up to five times, so that chance is not to be told from a tenth.
        ask(experiment, "control", 1, 200_000 * (1 + number % 5), first_user=number)
        ask(experiment, "test", 1, 190_000 * (1 + number % 5), first_user=number)

    page = shown(staff, page_of(experiment))

    assert "No winner yet" in page
    assert "at the present pace" in page
