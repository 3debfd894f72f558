"""Chooses the stores of a test run before Django's settings are read.

TEST_BACKEND=sqlite (the default) runs without any server; TEST_BACKEND=postgresql starts PostgreSQL and Redis once, and
the workers of pytest-xdist share them, each with a database of its own.
"""

import gc
import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.services import start_postgres, start_redis

SECRET_KEY = "only-for-tests-" * 5
_BACKENDS: dict[str, Callable[[ExitStack], dict[str, str]]] = {
    "sqlite": lambda _stack: {"DATABASE_URL": "", "REDIS_URL": ""},
    "postgresql": lambda stack: {
        # What vacuum finds out of a table that is empty between two tests would mislead the plans of the next one.
        "DATABASE_URL": stack.enter_context(start_postgres(vacuums_itself=False)),
        "REDIS_URL": stack.enter_context(start_redis()),
    },
}
_running = ExitStack()
# Folders and files whose tests ask no store, or one of their own, or speak a protocol above it: the second backend
# could say nothing new of them. What is written, counted and locked is tested on both.
_ONCE = {
    "domain",
    "providers",
    "access",
    "benchmarks",
    "docs",
    "fuzz",
    "test_admin_accounts.py",
    "test_admin_alerts.py",
    "test_admin_catalog.py",
    "test_admin_evaluations.py",
    "test_admin_experiments.py",
    "test_admin_export.py",
    "test_admin_features.py",
    "test_admin_feedback.py",
    "test_admin_history.py",
    "test_admin_learning.py",
    "test_admin_pages.py",
    "test_admin_reports.py",
    "test_admin_request_path.py",
    "test_admin_sql_page.py",
    "test_admin_start_page.py",
    "test_admin_team_page.py",
    "test_agent_framework.py",
    "test_alert_delivery.py",
    "test_api_insights.py",
    "test_browser.py",
    "test_catalog_prices.py",
    "test_browser_protection.py",
    "test_cli_alerts.py",
    "test_cli_apply.py",
    "test_cli_demo.py",
    "test_cli_doctor.py",
    "test_cli_every_command.py",
    "test_cli_insights.py",
    "test_cli_train.py",
    "test_curl.py",
    "test_decisions.py",
    "test_deployment_files.py",
    "test_embeddings.py",
    "test_experiment_words.py",
    "test_fault_invariants.py",
    "test_fault_report.py",
    "test_figures_middleware.py",
    "test_figures_server.py",
    "test_fuzzed_bodies.py",
    "test_hostile_connections.py",
    "test_hostile_prompts.py",
    "test_json_entry.py",
    "test_key_guesses.py",
    "test_live_admission.py",
    "test_live_frames.py",
    "test_live_redis_away.py",
    "test_live_viewer.py",
    "test_middleware.py",
    "test_monitoring_files.py",
    "test_openai_answers.py",
    "test_openai_errors.py",
    "test_pages.py",
    "test_rendering.py",
    "test_request_guard.py",
    "test_request_reading.py",
    "test_routing_controls.py",
    "test_savings_report_command.py",
    "test_scripts.py",
    "test_settings_refusals.py",
    "test_sqlite_conversion.py",
    "test_staff_roles.py",
    "test_staff_sessions.py",
    "test_start.py",
    "test_supervisor.py",
    "test_telemetry.py",
    "test_training.py",
    "test_worker_process.py",
}
# Besides files whose names say so: long runs over several processes, which is how production runs, and on its stores.
_ON_POSTGRESQL = {
    "test_ledger_on_the_loop.py",
    "test_live_experiment.py",
    "test_process_end.py",
    "test_redis_away.py",
    "test_two_workers.py",
    "test_vote_plan.py",
}


# Long, and mostly waiting: begun last, they would be what a worker alone is still at in the end.
_FIRST = {
    "faults",
    "test_database_away.py",
    "test_live_experiment.py",
    "test_process_end.py",
    "test_reconciled_kill.py",
    "test_reconciled_load.py",
    "test_start.py",
    "test_two_workers.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Start the servers and set the environment; workers inherit both from the process that started them."""
    # Nothing of what is imported and collected is garbage: looking for it takes a fifth of the collection.
    gc.disable()
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        if url := os.environ["REDIS_URL"]:
            # A database of its own for each, as of PostgreSQL: "gw0" takes number 1.
            os.environ["REDIS_URL"] = f"{url.rpartition('/')[0]}/{int(worker.removeprefix('gw')) + 1}"
        return
    backend = os.environ.get("TEST_BACKEND", "sqlite")
    if backend not in _BACKENDS:
        raise pytest.UsageError(f"TEST_BACKEND={backend!r} is not valid: use one of {', '.join(_BACKENDS)}.")
    data_dir = _running.enter_context(tempfile.TemporaryDirectory(prefix="optimizer-tests-"))
    # Empty rather than absent, so that neither the developer's shell nor an .env file decides what is tested.
    fixed = {"ENVIRONMENT": "test", "SECRET_KEY": SECRET_KEY, "SECRET_KEY_FALLBACKS": "", "DATA_DIR": data_dir}
    # One thread for linear algebra: two workers with two each would wait for one another.
    fixed |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    fixed |= {"POSTGRES_HOST": "", "DATABASE_REPLICA_URL": "", "DEBUG": "false", "OPTIMIZER_OPEN_API": "false"}
    os.environ.update(fixed | _BACKENDS[backend](_running))


def pytest_configure(config: pytest.Config) -> None:
    """Leave the test databases to the end of their server or folder: they begin as copies (tests/conftest.py)."""
    # Dropping one of PostgreSQL's would fail while a session in it is still ending.
    config.option.reuse_db = True


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import nothing that this backend leaves out, unless the command line asks for the very file."""
    asked_for = {Path(argument.partition("::")[0]).absolute() for argument in config.args}
    return True if _is_left_out(collection_path, config) and collection_path not in asked_for else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run on one backend only what the other could say nothing of, or nothing new; what takes longest comes first."""
    left_out = [item for item in items if _is_left_out(item.path, config)]
    skipped = set(left_out)
    kept = [item for item in items if item not in skipped]
    items[:] = sorted(kept, key=lambda item: not _FIRST & _names(item.path, config))
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """From the tests' beginning on, look through what they make for garbage, and through nothing older."""
    result = yield
    gc.freeze()
    gc.enable()
    return result


def _is_left_out(path: Path, config: pytest.Config) -> bool:
    on_postgresql = bool(os.environ.get("REDIS_URL"))
    elsewhere, ending = (_ONCE, "_on_sqlite.py") if on_postgresql else (_ON_POSTGRESQL, "_on_postgresql.py")
    return bool(elsewhere & _names(path, config)) or path.name.endswith(ending)


def _names(path: Path, config: pytest.Config) -> set[str]:
    """Return the names of the file and of its folders within the project."""
    return set(path.parts[len(config.rootpath.parts) :])
