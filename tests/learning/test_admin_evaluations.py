"""The admin's page of evaluations: readable, and where people decide."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse

from learning.models import PolicyEvaluation
from learning.services import promotion
from routing.models import PolicyVersion
from routing.selectors import policies as policy_selectors
from tests import factories
from tests.learning.logged_traffic import LARGE, NOW, SMALL, activate, catalog, publish, write

pytestmark = pytest.mark.django_db

LIST = "admin:learning_policyevaluation_changelist"
PAGE = "admin:learning_policyevaluation_change"


def routing_now():
    return policy_selectors.active(None)


@pytest.fixture
def staff(django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("ada", password="x"))
    return client


@pytest.fixture
def dear():
    catalog()
    return activate(publish(LARGE))


def evaluation(dear, **options):
    write(factories.team("builders"), dear, users=options.get("users", 80), reward={SMALL: 0.4, LARGE: 0.8})
    return promotion.evaluate(publish(SMALL), now=NOW)


def act(client, evaluation, name, **fields):
    body = {"action": name, ACTION_CHECKBOX_NAME: evaluation.pk, **fields}
    return client.post(reverse(LIST), body, follow=True)


def test_the_list_says_what_was_decided_and_why(staff, dear) -> None:
    evaluation(dear)

    page = staff.get(reverse(LIST)).content.decode()

    assert "rejected" in page
    assert "Quality differs by" in page


def test_the_page_shows_conditions_estimates_and_intervals(staff, dear) -> None:
    found = evaluation(dear)

    page = staff.get(reverse(PAGE, args=[found.pk])).content.decode()

    difference = found.estimates["quality"]["difference"]["dr"]
    assert "✗ Quality differs by" in page
    assert "✓ The candidate is byte for byte what was published" in page
    assert f"{difference['value']:.4f} ({difference['low']:.4f} to {difference['high']:.4f})" in page
    assert page.count("<svg") >= 18
    assert "users they weigh as" in page


def test_estimates_that_mean_nothing_are_not_shown(staff, dear) -> None:
    found = evaluation(dear, users=4)

    page = staff.get(reverse(PAGE, args=[found.pk])).content.decode()

    assert "The log says too little; see the conditions." in page
    assert f"{found.estimates['quality']['difference']['dr']['value']:.4f} (" not in page


def test_a_decision_by_hand_asks_for_a_reason_first(staff, dear) -> None:
    found = promotion.evaluate(publish(SMALL), now=NOW)

    question = act(staff, found, "promote").content.decode()

    assert f"Route by policy {found.candidate_id}?" in question
    assert "the gate&#x27;s verdict was held" in question
    assert routing_now().version == dear.version


def test_a_person_promotes_with_a_reason(staff, dear) -> None:
    found = promotion.evaluate(publish(SMALL), now=NOW)

    act(staff, found, "promote", confirmed="yes", reason="we know better")

    active = routing_now()
    assert active.version == found.candidate_id
    assert [(row.actor, row.reason) for row in active.activations.all()] == [("ada", "we know better")]


def test_a_person_rejects_with_a_reason_once(staff, dear) -> None:
    found = promotion.evaluate(publish(SMALL), now=NOW)

    act(staff, found, "reject", confirmed="yes", reason="a broken import")
    again = act(staff, found, "reject", confirmed="yes", reason="a broken import").content.decode()

    kept = PolicyEvaluation.objects.get(verdict="rejected")
    assert (kept.decided_by, kept.reasons[0]["text"]) == ("ada", "a broken import")
    assert "is neither a candidate nor on trial" in again
    page = staff.get(reverse(PAGE, args=[kept.pk])).content.decode()
    assert "not known" in page


def test_one_evaluation_is_decided_on_at_a_time(staff, dear) -> None:
    first = promotion.evaluate(publish(SMALL), now=NOW)
    second = promotion.evaluate(publish(SMALL), now=NOW)
    body = {"action": "reject", ACTION_CHECKBOX_NAME: [first.pk, second.pk], "confirmed": "yes", "reason": "both"}

    page = staff.post(reverse(LIST), body, follow=True).content.decode()

    assert "Select one policy evaluation." in page
    assert PolicyVersion.objects.filter(state="rejected").count() == 0


def test_staff_without_the_permission_only_look(dear, django_user_model) -> None:
    found = promotion.evaluate(publish(SMALL), now=NOW)
    user = django_user_model.objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.add(*user.user_permissions.model.objects.filter(codename="view_policyevaluation"))
    client = Client()
    client.force_login(user)

    act(client, found, "reject", confirmed="yes", reason="because")

    assert client.get(reverse(PAGE, args=[found.pk])).status_code == 200
    assert PolicyVersion.objects.get(version=found.candidate_id).state == "candidate"
