from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.traffic import Traffic, total, total_by

groups = st.lists(
    st.tuples(
        st.sampled_from(["openai", "claude", None]),
        st.builds(
            Traffic,
            requests=st.integers(0, 10**6),
            cost_nano_usd=st.integers(0, 10**18),
            savings_nano_usd=st.integers(-(10**18), 10**18),
        ),
    )
)


@given(groups)
def test_the_parts_add_up_to_the_whole_to_the_nano_dollar(parts):
    assert total(total_by(parts, lambda label: label).values()) == total(traffic for _, traffic in parts)


def test_the_busiest_part_comes_first():
    parts = [("a", Traffic(requests=1)), ("b", Traffic(requests=2)), ("a", Traffic(requests=3))]

    assert list(total_by(parts, lambda label: label)) == ["a", "b"]


def test_rates_and_averages_of_nothing_are_unknown_and_not_zero():
    nothing = Traffic()

    assert (nothing.savings_rate, nothing.success_rate, nothing.avg_cost_usd, nothing.avg_latency_ms) == (None,) * 4


def test_a_loss_is_a_negative_rate():
    # 3 nano-dollars spent where the baseline costs 2.
    assert Traffic(baseline_cost_nano_usd=2, savings_nano_usd=-1).savings_rate == Decimal("-0.5")


def test_averages_leave_simulated_and_untimed_requests_out():
    traffic = Traffic(requests=4, simulated_requests=1, cost_nano_usd=1_000_000_000, latency_ms=250, timed_requests=2)

    # One dollar over the three real requests; 250 ms over the two that were timed.
    assert traffic.avg_cost_usd == Decimal("0.333333333")
    assert traffic.avg_latency_ms == Decimal("125.0")
