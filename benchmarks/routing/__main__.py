"""Makes ready what the product's code needs, then runs the command."""

import os
import sys


def run() -> int:
    """Run the command with the product's settings; return its exit code."""
    # The matrices are small: threads of a numeric library would cost more than they give. It reads this when loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
    import django

    django.setup()
    from benchmarks.routing.command import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
