from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import latency_histogram
from routing.domain.latency_histogram import RELATIVE_ERROR, Percentiles

latencies = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60)


@given(latencies)
def test_percentiles_are_within_the_stated_error_of_the_exact_ones(measured):
    found = latency_histogram.percentiles(Counter(map(latency_histogram.bucket_of, measured)))

    exact = numpy.percentile(measured, [50, 95, 99], method="linear")
    assert [found.p50, found.p95, found.p99] == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)


@given(st.integers(0, 2**31 - 1))
def test_a_bucket_is_named_after_its_lowest_latency_and_at_most_a_thirty_second_wide(latency_ms):
    bucket = latency_histogram.bucket_of(latency_ms)

    assert latency_histogram.bucket_of(bucket) == bucket
    assert 0 <= latency_ms - bucket <= bucket / 32


def test_percentiles_of_nothing_are_unknown():
    assert latency_histogram.percentiles({}) == Percentiles(None, None, None)


def test_short_latencies_are_exact():
    assert latency_histogram.percentiles({3: 1, 63: 1}) == pytest.approx(Percentiles(33.0, 60.0, 62.4))
