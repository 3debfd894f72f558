"""``python -m tests.access``: prints who may ask what; with ``--write`` into docs/ACCESS.md."""

import argparse
from pathlib import Path

from tests.access.page import text

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ACCESS.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.access", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/ACCESS.md instead of printing")
    if parser.parse_args().write:
        PAGE.write_text(text())
    else:
        print(text(), end="")  # noqa: T201


if __name__ == "__main__":
    main()
