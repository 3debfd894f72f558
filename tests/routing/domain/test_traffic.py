from decimal import Decimal

from routing.domain.traffic import Labels, Traffic, largest_first, total


def test_the_parts_add_up_to_the_whole():
    parts = [Traffic(requests=1, cost_nano_usd=10**18), Traffic(requests=2, savings_nano_usd=-7, latency_ms=9)]

    assert total(parts) == Traffic(requests=3, cost_nano_usd=10**18, savings_nano_usd=-7, latency_ms=9)
    assert total([]) == Traffic()


def test_the_busiest_part_comes_first():
    counts = {"a": 1, "c": 2, "b": 2}
    parts: dict[Labels, Traffic] = {(label,): Traffic(requests=count) for label, count in counts.items()}

    assert list(largest_first(parts)) == [("b",), ("c",), ("a",)]


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
