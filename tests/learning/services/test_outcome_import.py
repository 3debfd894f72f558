import gzip
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from accounts.models import Team
from learning.models import EvaluationOutcome, EvaluationSet
from learning.selectors.outcomes import OutcomeRow, training_outcomes
from learning.services import evaluation_sets, outcome_import, table_files
from learning.services.outcome_import import AlreadyImported, BadRows, Imported
from learning.services.table_files import InvalidFile, Source
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CSV = b"prompt,model,quality,cost\nWhy?,gpt,1,0.001\nWhy?,other,0.5,\nHow?,gpt,0,0.002\n"


def load(content: bytes = CSV, *, team: Team | None = None, **arguments: Any) -> Imported:
    source = table_files.from_bytes(content, "file.csv")
    return outcome_import.import_outcomes(source, name="benchmark", team=team, actor="ada", now=NOW, **arguments)


def test_file_becomes_an_enabled_set() -> None:
    imported = load()
    stored = EvaluationSet.objects.get()
    assert (stored.name, stored.source, stored.is_enabled, stored.created_by) == ("benchmark", "import", True, "ada")
    assert (stored.prompt_count, stored.outcome_count) == (2, 3)
    assert (imported.report.rows, imported.report.bad_rows, imported.duplicates) == (3, 0, 0)


def test_outcomes_are_given_to_training_as_they_were() -> None:
    load()
    assert set(training_outcomes(None)) == {
        OutcomeRow("Why?", None, "gpt", 1.0),
        OutcomeRow("Why?", None, "other", 0.5),
        OutcomeRow("How?", None, "gpt", 0.0),
    }
    costs = EvaluationOutcome.objects.values_list("quality", "cost_nano_usd")
    assert set(costs) == {(1.0, 1_000_000), (0.5, None), (0.0, 2_000_000)}


def test_prompts_are_not_in_the_database_in_the_clear() -> None:
    load(b"prompt,model,quality,cost\nthe secret plan,gpt,1,0\n")
    row = EvaluationOutcome.objects.get()
    assert b"secret" not in bytes(row.encrypted_prompt)
    assert "secret" not in row.prompt_hash


def test_models_of_the_catalog_get_their_full_names_and_others_are_told() -> None:
    provider = factories.provider("openai", priority=1)
    factories.language_model(provider, "gpt", canonical_name="openai/gpt-canonical")
    factories.language_model(factories.provider("reseller", priority=2), "gpt", canonical_name="")
    report = load(
        b"prompt,model,quality,cost\na,gpt,1,0\nb,openai/gpt,1,0\nc,openai/gpt-canonical,1,0\n"
        b"d,reseller/gpt,1,0\ne,unheard-of,1,0\n"
    ).report
    assert report.models == {"openai/gpt": 3, "reseller/gpt": 1, "unheard-of": 1}
    assert report.unknown_models == ["unheard-of"]


def test_last_row_for_a_prompt_and_model_counts() -> None:
    many = b"".join(b"p%d,gpt,0,0\n" % number for number in range(600))
    imported = load(b"prompt,model,quality,cost\n" + many + b"p0,gpt,1,0.5\np599,gpt,1,0.5\n")
    assert (imported.duplicates, imported.evaluation_set.outcome_count) == (2, 600)
    assert {row.prompt for row in training_outcomes(None) if row.quality == 1} == {"p0", "p599"}
    costs = EvaluationOutcome.objects.filter(quality=1).values_list("cost_nano_usd", flat=True)
    assert list(costs) == [500_000_000] * 2


def test_one_bad_row_keeps_the_whole_file_out() -> None:
    with pytest.raises(BadRows) as refused:
        load(CSV + b"Bad,gpt,2,0\n")
    assert [(error.line, error.message) for error in refused.value.report.errors] == [
        (5, "quality is '2': it must be a number from 0 to 1.")
    ]
    assert EvaluationSet.objects.count() == 0


def test_good_rows_are_taken_where_that_is_asked_for() -> None:
    imported = load(CSV + b"Bad,gpt,2,0\n", skip_bad=True)
    assert (imported.report.bad_rows, imported.evaluation_set.outcome_count) == (1, 3)


def test_first_twenty_errors_are_told_and_all_are_counted() -> None:
    with pytest.raises(BadRows, match="30 of 33 rows") as refused:
        load(CSV + b"Bad,gpt,nan,0\n" * 30)
    assert [error.line for error in refused.value.report.errors] == list(range(5, 25))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"prompt;model;quality;cost\na;b;1;0\n", r"lacks prompt, model, quality, cost\. Found: 'prompt;model"),
        (b'{"prompt": "a", "model": "b"}\n', "lacks quality, cost"),
        (b"prompt,model,quality,cost\n", "holds no outcome"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "lacks prompt"),
    ],
)
def test_other_file_is_refused_and_leaves_nothing(content: bytes, why: str) -> None:
    with pytest.raises(InvalidFile, match=why):
        load(content)
    assert EvaluationSet.objects.count() == 0


def test_file_of_bad_rows_only_holds_nothing_to_take() -> None:
    with pytest.raises(InvalidFile, match="holds no outcome"):
        load(b"prompt,model,quality,cost\na,b,2,0\n", skip_bad=True)


def test_file_naming_a_model_on_each_row_is_taken_for_a_mistake() -> None:
    rows = b"".join(b"p,m%d,1,0\n" % number for number in range(1_001))
    with pytest.raises(InvalidFile, match="more than 1000 models: is that its model column"):
        load(b"prompt,model,quality,cost\n" + rows)


def test_same_content_is_imported_once_packed_or_not() -> None:
    first = load().evaluation_set
    with pytest.raises(AlreadyImported, match=f"as set {first.pk} .*outcomes delete {first.pk}"):
        load(gzip.compress(CSV))
    assert EvaluationSet.objects.count() == 1


def test_two_teams_may_import_the_same_content() -> None:
    load(team=factories.team())
    load(team=factories.team())
    assert EvaluationSet.objects.filter(is_enabled=True).count() == 2


def test_file_that_changes_between_check_and_import_leaves_nothing() -> None:
    contents = iter([CSV, CSV.replace(b"Why?", b"When")])
    first = table_files.from_bytes(CSV, "f")
    changing = Source("f", lambda: table_files.from_bytes(next(contents), "f").open(), first.size)
    with pytest.raises(InvalidFile, match="changed while it was read"):
        outcome_import.import_outcomes(changing, name="f", team=None, actor="ada", now=NOW)
    assert (EvaluationSet.objects.count(), EvaluationOutcome.objects.count()) == (0, 0)


def test_import_that_was_broken_off_is_not_trained_on_and_cannot_be_switched_on() -> None:
    half = EvaluationSet.objects.create(
        name="half", source="import", is_enabled=False, created_at=NOW, created_by="ada"
    )
    with pytest.raises(evaluation_sets.SetInUse, match="not complete"):
        evaluation_sets.set_enabled(half, is_enabled=True)
    assert list(training_outcomes(None)) == []
    assert load().evaluation_set.is_enabled


def test_check_stores_nothing() -> None:
    report = outcome_import.check(table_files.from_bytes(CSV, "f"), team=None)
    assert (report.good_rows, report.models) == (3, {"gpt": 2, "other": 1})
    assert EvaluationSet.objects.count() == 0


def test_deleted_set_is_gone_with_its_outcomes() -> None:
    evaluation_sets.delete(load().evaluation_set)
    assert (EvaluationSet.objects.count(), EvaluationOutcome.objects.count()) == (0, 0)


def test_scopes_learn_from_their_own_sets_and_the_shared_ones() -> None:
    alone, together = factories.team(learns_alone=True), factories.team()
    for name, team in (("shared", None), ("alone", alone), ("together", together)):
        load(b"prompt,model,quality,cost\n%s,gpt,1,0\n" % name.encode(), team=team)
    assert {row.prompt for row in training_outcomes(None)} == {"shared", "together"}
    assert {row.prompt for row in training_outcomes(alone)} == {"shared", "alone"}


def test_switched_off_set_is_not_trained_on() -> None:
    evaluation_sets.set_enabled(load().evaluation_set, is_enabled=False)
    assert list(training_outcomes(None)) == []


def test_prompts_of_a_lost_key_are_left_out(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    load()
    settings.SECRET_KEY = "another key " * 10
    assert list(training_outcomes(None)) == []
    assert "3 evaluation outcomes cannot be read" in caplog.text


def test_rows_are_written_a_batch_at_a_time(django_assert_max_num_queries: Any) -> None:
    rows = b"".join(b"p%d,gpt,0,0\n" % number for number in range(1_500))
    largest = 999 // 8 if connection.vendor == "sqlite" else 500
    batches = -(-500 // largest) * 3
    # Each batch is a savepoint and its statements; the rest are look-ups, the set and its counts.
    with django_assert_max_num_queries(batches + 30):
        load(b"prompt,model,quality,cost\n" + rows)
