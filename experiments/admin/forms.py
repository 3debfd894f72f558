"""Forms of experiments: everything in the terms of people, percent instead of shares."""

from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Team
from experiments.admin import words
from experiments.domain.plan import DEFAULT_MARGINS, MODES
from experiments.models import Experiment
from experiments.services.creation import CONTROL, TEST, Design
from routing.domain import strategies
from routing.models import PolicyVersion

_STRATEGIES = {
    strategies.COMPLEXITY: "complexity: by the prompt alone",
    "learning": "learning: by what ratings taught",
    "hybrid": "hybrid: learned where it is sure",
}
_MOST_VERSIONS = 100
_MARGINS = {
    "quality": "quality_margin",
    "latency": "latency_margin",
    "latency_p95": "latency_p95_margin",
    "error_rate": "error_rate_margin",
}
_MINIMA = ("requests", "units", "effective_units", "hours")


def _percent(
    label: str, help_text: str, *, initial: float | None = None, least: float = 0.1, most: float = 100.0
) -> Any:
    return forms.FloatField(
        label=label,
        help_text=help_text,
        initial=initial,
        required=initial is not None,
        min_value=least,
        max_value=most,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


def _margin(label: str, metric: str, *, unit: str = "%") -> Any:
    default = DEFAULT_MARGINS.get(metric)
    held = f"Empty: {100 * default:g}{unit} where it is measured." if default else "Empty: not looked at."
    return _percent(label, f"{held} A margin given here must be shown to hold before anything can win.")


def _least(label: str, default: str, field: type[forms.IntegerField] = forms.FloatField) -> Any:
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return field(label=label, help_text=f"Empty: {default}.", required=False, min_value=0, widget=widget)


class NewExperimentForm(forms.Form):
    """What an experiment compares, on which traffic, and how it is judged."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        max_length=5000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), label="What it is for"
    )
    control_strategy = forms.ChoiceField(
        label="Control",
        help_text="The way to route that the other is measured against.",
        widget=UnfoldAdminSelectWidget,
    )
    test_strategy = forms.ChoiceField(
        label="Test", help_text="The way to route on trial.", widget=UnfoldAdminSelectWidget
    )
    on_winner = forms.ChoiceField(
        label="When there is a winner", choices=Experiment.OnWinner.choices, widget=UnfoldAdminSelectWidget
    )
    team = forms.ModelChoiceField(
        Team.objects.filter(is_active=True),
        required=False,
        empty_label="all teams",
        label="Traffic of",
        widget=UnfoldAdminSelectWidget,
    )
    traffic_percent = _percent(
        "Share of traffic that joins by itself, in percent",
        "Of the users (or sessions, or requests) of the model auto. 0: requests join only by naming the experiment.",
        initial=0,
        least=0.0,
    )
    test_percent = _percent(
        "Of these by the test, in percent", "50 is quickest to decide.", initial=50, least=1.0, most=99.0
    )
    unit = forms.ChoiceField(
        label="Kept in one arm as a whole",
        choices=[(unit, f"each {noun}") for unit, noun in words.UNITS.items()],
        help_text="A user gets answers of one arm only. Choose requests only where no request follows from another.",
        widget=UnfoldAdminSelectWidget,
    )
    namespace = forms.CharField(
        max_length=64,
        required=False,
        help_text="Experiments with the same namespace share no user. Needs a share of traffic.",
        widget=UnfoldAdminTextInputWidget,
    )
    min_effect = _percent(
        "Smallest saving worth finding, in percent",
        "A smaller one takes more requests to tell from chance.",
        initial=10,
        least=0.5,
        most=90.0,
    )
    sample_size = forms.IntegerField(
        label="Planned requests, both arms together",
        required=False,
        min_value=1,
        max_value=10**12 - 1,
        help_text="It ends by itself at this size. Empty: it goes on until it is decided or ended.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    quality_margin = _margin("Quality may be lower by, in percent", "quality")
    latency_margin = _margin("Answers may take longer by, in percent", "latency")
    latency_p95_margin = _margin("Slow answers (95th percentile) may take longer by, in percent", "latency_p95")
    error_rate_margin = _margin("Errors may be more by, in percentage points", "error_rate", unit=" points")
    mode = forms.ChoiceField(
        required=False,
        choices=[("", "by the planned size"), *((mode, words.MODES[mode][0].lower()) for mode in MODES)],
        label="How it is judged",
        help_text="With a planned size group-sequential, else sequential. Both allow looking at any time.",
        widget=UnfoldAdminSelectWidget,
    )
    alpha = _percent(
        "Chance to name a winner among equals, in percent", "5 is usual.", initial=5, least=0.01, most=50.0
    )
    power = _percent("Chance to find the saving, in percent", "80 is usual.", initial=80, least=50.0, most=99.0)
    hours = _least("Hours before anything is decided", "24")
    requests = _least("Requests before anything is decided", "100", forms.IntegerField)
    units = _least("Users in each arm before anything is decided", "20", forms.IntegerField)
    effective_units = _least("The same as they weigh", "10")
    # What the requirements on the page were computed for; with anything else they are shown again first.
    previewed = forms.CharField(required=False, widget=forms.HiddenInput)

    GROUPS = (
        ("What is compared", ("name", "control_strategy", "test_strategy", "description", "on_winner")),
        ("On which traffic", ("team", "traffic_percent", "test_percent", "unit", "namespace")),
        ("How large", ("min_effect", "sample_size")),
        (
            "What a winner must keep",
            ("quality_margin", "latency_margin", "latency_p95_margin", "error_rate_margin"),
        ),
    )
    STATISTICS = ("mode", "alpha", "power", "hours", "requests", "units", "effective_units")

    def __init__(self, *args: Any, may_promote: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [*_STRATEGIES.items(), *_versions()]
        self._field("control_strategy").choices = self._field("test_strategy").choices = choices
        self._field("control_strategy").initial, self._field("test_strategy").initial = list(_STRATEGIES)[::2]
        if not may_promote:
            self._field("on_winner").choices = Experiment.OnWinner.choices[:1]

    def groups(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        """Return the fields that everybody needs, in groups with a title."""
        for title, names in self.GROUPS:
            yield title, [self[name] for name in names]

    def statistics(self) -> list[forms.BoundField]:
        """Return the fields that have good defaults."""
        return [self[name] for name in self.STATISTICS]

    def has_wrong_statistics(self) -> bool:
        """Whether one of these fields is marked, so that they must be seen."""
        return any(field.errors for field in self.statistics())

    @property
    def fingerprint(self) -> str:
        """What was entered, so that it can be told whether anything changed since."""
        return repr(sorted((name, str(value)) for name, value in self.cleaned_data.items() if name != "previewed"))

    def design(self) -> Design:
        """Return the valid form as the service takes it."""
        asked = self.cleaned_data
        test = asked["test_percent"] / 100
        kept = ("name", "description", "control_strategy", "test_strategy", "on_winner", "unit", "namespace", "mode")
        return Design(
            **{name: asked[name] for name in kept},
            traffic_percent=asked["traffic_percent"],
            weights={CONTROL: 1 - test, TEST: test},
            sample_size=asked["sample_size"],
            min_effect=asked["min_effect"] / 100,
            alpha=asked["alpha"] / 100,
            power=asked["power"] / 100,
            guardrails=[
                {"metric": metric, "margin": asked[name] / 100}
                for metric, name in _MARGINS.items()
                if asked[name] is not None
            ],
            minima={name: asked[name] for name in _MINIMA if asked[name] is not None},
        )

    def _field(self, name: str) -> Any:
        return self.fields[name]


class SplitForm(forms.Form):
    """How the traffic of a running experiment is to be divided."""

    test_percent = _percent(
        "By the test, in percent", "The rest goes by the control.", initial=50, least=1.0, most=99.0
    )

    @property
    def weights(self) -> dict[str, float]:
        """The shares of both arms."""
        test = self.cleaned_data["test_percent"] / 100
        return {CONTROL: 1 - test, TEST: test}


class ReasonForm(forms.Form):
    """Why somebody decides about an experiment; kept with it."""

    reason = forms.CharField(
        max_length=400, widget=UnfoldAdminTextInputWidget, help_text="Kept with the experiment, with your name."
    )


class PromotionForm(ReasonForm):
    """Which arm is to route."""

    arm = forms.ChoiceField(widget=UnfoldAdminSelectWidget, label="Let this arm route")
    field_order = ("arm", "reason")

    def __init__(self, *args: Any, choices: list[tuple[str, str]], winner: str | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["arm"]
        field.choices, field.initial = choices, winner


def _versions() -> list[tuple[str, str]]:
    """Return the policy versions that may route, newest first."""
    usable = PolicyVersion.objects.exclude(state=PolicyVersion.State.REJECTED).select_related("team")
    newest = usable.only("version", "state", "team__slug").order_by("-version")[:_MOST_VERSIONS]
    return [(f"policy:{row.version}", f"policy {row.version} ({_scope(row)}, {row.state})") for row in newest]


def _scope(row: PolicyVersion) -> str:
    return "shared" if row.team is None else row.team.slug
