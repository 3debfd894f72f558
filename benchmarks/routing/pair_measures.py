"""Measures of routers between two models, as RouteLLM defines them.

Source: Ong et al., RouteLLM: Learning to Route LLMs with Preference Data, 2024, section 3.1, and the reference
implementation in lm-sys/RouteLLM, ``routellm/evals/evaluate.py``.

PGR, the performance gap recovered, is (quality - the cheap model's) / (the dear model's - the cheap model's). APGR is
its mean over all shares of calls to the dear model, by the trapezoidal rule; a random router has 0.5. CPT(x) is the
least share of calls at which PGR reaches x.
"""

import numpy as np

from benchmarks.routing.pools import FloatArray


def apgr(calls: FloatArray, quality: FloatArray, cheap: float, dear: float) -> float:
    """Return the average performance gap recovered.

    Args:
        calls: Shares of calls to the dear model, of any settings of the router; 0 and 1 are added.
        quality: The mean quality at each.
        cheap: Mean quality of the cheap model.
        dear: Mean quality of the dear model.
    """
    share, recovered = _curve(calls, quality, cheap, dear)
    return float(np.trapezoid(recovered, share))


def cpt(recovery: float, calls: FloatArray, quality: FloatArray, cheap: float, dear: float) -> float:
    """Return the least share of calls to the dear model that recovers this share of the gap, between settings on a
    line; arguments as of ``apgr``."""
    share, recovered = _curve(calls, quality, cheap, dear)
    first = int(np.argmax(recovered >= recovery))
    if first == 0:
        return float(share[0])
    part = (recovery - recovered[first - 1]) / (recovered[first] - recovered[first - 1])
    return float(share[first - 1] + part * (share[first] - share[first - 1]))


def _curve(calls: FloatArray, quality: FloatArray, cheap: float, dear: float) -> tuple[FloatArray, FloatArray]:
    share = np.concatenate(([0.0], calls, [1.0]))
    recovered = (np.concatenate(([cheap], quality, [dear])) - cheap) / (dear - cheap)
    order = np.lexsort((recovered, share))
    return share[order], recovered[order]
