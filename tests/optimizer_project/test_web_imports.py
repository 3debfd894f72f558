import importlib.util
import subprocess
import sys

from django.conf import settings

# What only experiments' pages and training ask for; together they take longer to load than all else.
HEAVY = ("wordllama", "sklearn", "scipy.special", "scipy.optimize", "scipy.linalg")
CODE = f"""
import sys
import optimizer_project.asgi
from routing.services import embeddings
embeddings.encode("hi")
print(*(set({HEAVY}) & sys.modules.keys()))
"""


def test_a_web_process_loads_no_library_that_its_requests_do_not_need():
    assert all(importlib.util.find_spec(name) for name in HEAVY)

    loaded = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
        text=True,
    )

    assert loaded.stdout.split() == []
