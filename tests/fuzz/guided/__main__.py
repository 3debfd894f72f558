"""``python -m tests.fuzz.guided <minutes> <seed> <target>...``: searches the targets one after another.

Started by ``python -m tests.fuzz``, which has prepared the environment: what is instrumented has to be imported under
the fuzzer's eyes, once for all targets. Ends with 1 after a finding, with 2 where the fuzzer is not installed.
"""

import logging
import sys
from contextlib import redirect_stderr
from importlib.util import find_spec
from io import StringIO

import django

from tests.fuzz.guided import campaign, catalog
from tests.fuzz.guided.target import Target


def main() -> int:
    minutes, seed, *names = sys.argv[1:]
    if find_spec("atheris") is None:
        print("guided: NOT RUN: atheris is not installed; `make fuzz` does it, for Python 3.11 to 3.13 on Linux.")  # noqa: T201
        return 2
    failed = 0
    for name, target in _instrumented(names).items():
        found = campaign.run(name, target, seconds=max(1, round(float(minutes) * 60 / len(names))), seed=int(seed))
        print(found, flush=True)  # noqa: T201
        failed += bool(found.reason)
    return int(failed > 0)


def _instrumented(names: list[str]) -> dict[str, Target]:
    import atheris

    modules = sorted({module for name in names for module in catalog.instrumented(name)})
    # It names every module; what goes wrong is an exception all the same.
    with redirect_stderr(StringIO()), atheris.instrument_imports(include=modules, enable_loader_override=False):
        django.setup()
        targets = {name: catalog.load(name) for name in names}
    logging.disable(logging.CRITICAL)
    return targets


if __name__ == "__main__":
    sys.exit(main())
