"""Figures as people read them."""

import pytest

from experiments.admin import pictures, words


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "$0.00"),
        (0.0001234, "$0.000123"),
        (0.48, "$0.480"),
        (1234.5, "$1,234.50"),
        (-0.0132, "\N{MINUS SIGN}$0.0132"),
        (1e-15, "$0.000000000000"),
    ],
)
def test_amounts_keep_three_digits_that_count_below_a_dollar(usd, written) -> None:
    assert words.dollars(usd) == written


@pytest.mark.parametrize(
    ("hours", "written"),
    [(0.5, "30 minutes"), (3.24, "3.2 hours"), (24, "24 hours"), (60, "2.5 days"), (2400, "100 days")],
)
def test_time_is_written_in_the_unit_that_fits(hours, written) -> None:
    assert words.hours(hours) == written


@pytest.mark.parametrize(
    ("metric", "effect", "written"),
    [
        # ln(1 / 0.9), ln(1.2) and ln(1 / 0.95): effects are sized on the logarithmic scale.
        ("cost_per_reference_cost", 0.1053605, "10%"),
        ("latency", 0.1823216, "20%"),
        ("quality", 0.0512933, "5%"),
        ("error_rate", 0.02, "2 points"),
    ],
)
def test_effects_to_find_are_written_as_they_were_asked_for(metric, effect, written) -> None:
    assert words.found_effect(metric, effect) == written


def test_changes_have_a_sign_unless_they_round_to_nothing() -> None:
    assert [words.signed_percent(share) for share in (0.123, -0.5, -0.0001, 65.488)] == [
        "+12.3%",
        "\N{MINUS SIGN}50.0%",
        "0.0%",
        "+6,549%",
    ]
    assert words.interval(-0.005, 0.012, words.points) == "\N{MINUS SIGN}0.5 to +1.2 points"
    assert words.interval(None, 0.1, words.signed_percent) == "\N{EN DASH} to +10.0%"
    assert words.interval(None, None, words.signed_percent) == ""


def test_small_p_values_are_not_written_as_zero() -> None:
    assert [words.p_sentence(value) for value in (0.00001, 0.0421)] == ["p < 0.0001", "p = 0.0421"]


def test_a_picture_has_zero_in_its_middle_and_its_reach_at_its_edges() -> None:
    drawn = pictures.change(-0.5, -0.6, -0.4, worst=0.2, reach=0.5, label="Cost: \N{MINUS SIGN}50.0%")

    # 168 wide with an edge of 6: zero at 84, the reach at the left edge, and what lies beyond there as well.
    assert '<line class="zero" x1="84.0"' in drawn
    assert '<line class="reach" x1="6.0" x2="21.6"' in drawn
    assert '<circle cx="6.0"' in drawn
    assert 'aria-label="Cost: \N{MINUS SIGN}50.0%"' in drawn
    assert pictures.change(None, None, None, label="") == ""
