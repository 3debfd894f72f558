"""How many prompts of each kind a sample takes."""

from collections.abc import Mapping


def allocate(available: Mapping[str, int], size: int) -> dict[str, int]:
    """Divide a sample among strata: half of it evenly, so that rare kinds are seen at all, the rest in proportion.

    No stratum gives more than it has. The proportional half is rounded by largest remainders, ties by name, so that
    equal counts give equal samples.

    Args:
        available: Members of each stratum, 0 or more.
        size: Members wanted in all; the result has as many, or all there are.
    """
    strata = sorted(name for name, count in available.items() if count > 0)
    if not strata:
        return {}
    even = max(1, size // (2 * len(strata)))
    taken: dict[str, int] = {}
    room = size
    for name in strata:
        taken[name] = min(available[name], even, room)
        room -= taken[name]
    left = {name: available[name] - taken[name] for name in strata}
    total = sum(left.values())
    room = min(room, total)
    shares = {name: divmod(room * left[name], total) if total else (0, 0) for name in strata}
    for name in strata:
        taken[name] += shares[name][0]
    rest = room - sum(whole for whole, _ in shares.values())
    for name in sorted(strata, key=lambda name: (-shares[name][1], name))[:rest]:
        taken[name] += 1
    return taken
