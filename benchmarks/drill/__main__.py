"""`make drill`: the compose file's processes under load through a deploy, kills, a backup and a restore.

Ends with what was lost. That is to be nothing: every exchange with a provider is in the ledger once and at its price,
every answer that a client got has a settled row, and what was restored elsewhere equals what was backed up.
"""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.drill import image
from benchmarks.drill.load import ANSWERED, BROKEN, REFUSED, Load, first_good_answer
from benchmarks.drill.stack import ROOT, STOP_ORDER, WEB, Stack, health, plain
from tests.services import start_postgres

# Long enough for leases of killed processes to end and their rows to be closed by the scheduled reconciler.
_RECONCILE_SECONDS = 120.0
# Uvicorn ends itself by the signal that it was sent, after it has drained.
_CLEAN = (0, -signal.SIGTERM)
_FIRST, _SECOND = "drill-1", "drill-2"


class Drill:
    """One run; ``lost`` collects what was lost, in sentences."""

    def __init__(self, stack: Stack, load: Load, tally: Path, phase_seconds: float) -> None:
        self._stack = stack
        self._load = load
        self._tally = tally
        self._phase_seconds = phase_seconds
        self.lost: list[str] = []
        self.total: Counter[str] = Counter()

    async def run(self) -> None:
        await self._look_at_the_way_in()
        watcher = asyncio.create_task(self._revive())
        self._load.start()
        await self._phase("load alone")
        await self._deploy()
        await asyncio.to_thread(self._back_up_under_load)
        await self._phase("after the backup")
        for name in ("web-a", "web-b", "worker", "beat", "redis", "postgres", "nginx"):
            await self._kill(name)
        await self._phase("load alone")
        await self._load.stop()
        await self._reconcile()
        watcher.cancel()
        # Leases of running processes change by the second; what is compared must hold still.
        self._stop_in_order(before="redis")
        self._restore_and_compare()
        self._stop_in_order(before=None)

    async def _look_at_the_way_in(self) -> None:
        """Check by hand what nginx must do: redirect, pass streams on as they come, open WebSockets."""
        connector = aiohttp.TCPConnector(ssl=self._stack.tls())
        headers = {"Authorization": f"Bearer {self._load.secret}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            plain_url = f"http://127.0.0.1:{self._stack.ports['redirect']}/health"
            async with session.get(plain_url, allow_redirects=False) as response:
                self._require(response.status == 308, f"plain HTTP was answered {response.status}, not redirected")
            body = {"model": "fake/slow", "stream": True, "messages": [{"role": "user", "content": "slowly"}]}
            async with session.post(f"{self._stack.url}/v1/chat/completions", json=body) as response:
                began, moments = time.monotonic(), []
                async for _piece in response.content.iter_any():
                    moments.append(time.monotonic() - began)
                self._load.answered_ids.append(response.headers["x-request-id"])
            spread = moments[-1] - moments[0]
            self._require(
                spread > 1.0 and len(moments) > 5, f"a stream of 2 s came in {len(moments)} pieces of {spread:.1f} s"
            )
            async with session.ws_connect(
                f"{self._stack.url}/metrics/live", headers=headers, origin=self._stack.url
            ) as socket:
                message = await socket.receive_json(timeout=10)
                self._require(bool(message), "the WebSocket of live metrics said nothing")
            async with session.get(f"{self._stack.url}/metrics") as response:
                self._require(response.status == 404, "/metrics can be read from outside")
        say(f"nginx: redirects, streams in {len(moments)} pieces over {spread:.1f} s, opens WebSockets")

    async def _deploy(self) -> None:
        """Bring a next release in: migrate under load, then replace one replica after the other."""
        before = self._load.since()
        self._note(before)
        release = self._stack.release(_SECOND)
        migration = image.add_migration(release)
        await asyncio.to_thread(self._stack.run_once, "migrate", release)
        for name in WEB:
            code, seconds = await asyncio.to_thread(self._stack.stop, name)
            self._require(code in _CLEAN, f"{name} ended with {code}")
            say(f"  {name} drained and ended in {seconds:.1f} s")
            await asyncio.to_thread(self._stack.start, name, release)
        for name in ("worker", "beat"):
            await asyncio.to_thread(self._stack.stop, name)
            await asyncio.to_thread(self._stack.start, name, release)
        versions = {str(health(self._stack.ports[name])["version"]) for name in WEB}
        self._require(versions == {_SECOND}, f"the replicas are of {versions}")
        await self._go_on()
        outcomes = self._show(f"rolling deploy to {_SECOND} with {migration}")
        self._require(outcomes[REFUSED] + outcomes[BROKEN] == 0, "the deploy was felt by clients")

    async def _kill(self, name: str) -> None:
        release = await asyncio.to_thread(self._stack.kill, name)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(self._stack.start, name, release)
        seconds = await first_good_answer(self._load, seconds=30.0)
        self._require(seconds is not None, f"no good answer within 30 s after the end of {name}")
        await self._go_on()
        self._show(f"{name} killed and started again, ready after {seconds or 0.0:.1f} s")

    async def _go_on(self) -> None:
        self._require(await self._load.go_on(self._phase_seconds), "clients got no answers for a minute")

    async def _revive(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for told in await asyncio.to_thread(self._stack.revive):
                say(f"  {told}")

    async def _phase(self, name: str) -> None:
        await self._go_on()
        outcomes = self._show(name)
        self._require(outcomes[REFUSED] + outcomes[BROKEN] == 0, f"{name}: requests failed")

    async def _reconcile(self) -> None:
        """Wait for the scheduled reconciler to close what killed processes left; nobody helps it."""
        began = time.monotonic()
        while True:
            facts = await asyncio.to_thread(self._account)
            if not facts["states"].get("pending") or time.monotonic() - began > _RECONCILE_SECONDS:
                break
            await asyncio.sleep(3.0)
        say(
            f"reconciled {time.monotonic() - began:.0f} s after the load: {facts['rows']} rows {facts['states']}, "
            f"{facts['exchanges']} exchanges, {facts['cost']} nano-dollars"
        )
        self.lost += facts["lost"]

    def _account(self) -> dict[str, Any]:
        ids = self._stack.folder / "answered"
        ids.write_text("\n".join(self._load.answered_ids))
        found: dict[str, Any] = json.loads(
            self._stack.run_module("benchmarks.drill.account", str(self._tally), str(ids))
        )
        return found

    def _back_up_under_load(self) -> None:
        with start_postgres() as url:
            self._restore(self._back_up(), url)
        say("a backup made under load was restored elsewhere")

    def _restore_and_compare(self) -> None:
        backup = self._back_up()
        with start_postgres() as url:
            elsewhere = self._restore(backup, url)
            differences = [
                table for table, here in _tables(self._stack.libpq()).items() if elsewhere.get(table) != here
            ]
        self.lost += [f"{table} differs in what was restored" for table in differences]
        self._require(len(elsewhere) > 50, f"only {len(elsewhere)} tables were restored")
        say(f"a backup was restored elsewhere: {len(elsewhere)} tables compared, {len(differences)} differ")

    def _back_up(self) -> Path:
        folder = self._stack.folder / "backups"
        environment = self._stack.libpq() | {"BACKUP_DIR": str(folder)}
        subprocess.run([ROOT / "scripts/backup.sh"], env=environment, check=True, stdout=subprocess.DEVNULL)
        # A second would be needed for another name.
        time.sleep(1.0)
        return max(folder.glob("*.dump"))

    def _restore(self, backup: Path, url: str) -> dict[str, str]:
        host, _, rest = url.rpartition("@")[2].partition(":")
        environment = plain() | {"PATH": self._stack.libpq()["PATH"], "PGHOST": host, "PGUSER": "optimizer"}
        environment |= {"PGPORT": rest.partition("/")[0], "PGDATABASE": "restored"}
        script = [str(ROOT / "scripts/restore.sh"), str(backup), "restored"]
        subprocess.run(script, env=environment, check=True, stdout=subprocess.DEVNULL)
        return _tables(environment)

    def _stop_in_order(self, *, before: str | None) -> None:
        ends = []
        for name in STOP_ORDER:
            if name == before:
                break
            if name in self._stack.running:
                code, seconds = self._stack.stop(name)
                self._require(code in _CLEAN, f"{name} ended with {code}")
                ends.append(f"{name} {seconds:.1f} s")
        say(f"stopped in order: {', '.join(ends)}")

    def _show(self, name: str) -> Counter[str]:
        outcomes = self._load.since()
        self._note(outcomes)
        say(
            f"{name}: {outcomes[ANSWERED]} answered, {outcomes[REFUSED]} refused with 503 or the like, "
            f"{outcomes[BROKEN]} broken off"
        )
        return outcomes

    def _note(self, outcomes: Counter[str]) -> None:
        self.total.update(outcomes)

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.lost.append(otherwise)


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def fake_upstream(tally: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.fake_upstream", "--tally", str(tally), "--slow-chunk-seconds", "0.1"]
    # That a killed replica hangs up is no news.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def _tables(environment: dict[str, str]) -> dict[str, str]:
    """Return rows and checksum of every table."""
    query = (
        "SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text)), '''')) "
        "FROM %I t', tablename, tablename) FROM pg_tables WHERE schemaname = 'public' \\gexec"
    )
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator", " "]
    done = subprocess.run(command, env=environment, input=query, text=True, capture_output=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


async def drill(folder: Path, phase_seconds: float) -> Drill:
    with ExitStack() as ends:
        stack = Stack(folder)
        ends.callback(stack.close)
        tally = folder / "tally"
        upstream = ends.enter_context(fake_upstream(tally))
        stack.prepare_stores()
        release = stack.release(_FIRST)
        stack.start("postgres", release)
        stack.start("redis", release)
        _create_database(stack)
        stack.run_once("migrate", release)
        secret = json.loads(stack.run_module("benchmarks.drill.seed", str(upstream)))["secret"]
        for name in (*WEB, "worker", "beat", "nginx"):
            stack.start(name, release)
        say(f"{', '.join(stack.running)} run from docker-compose.yml; PostgreSQL over TLS")
        run = Drill(stack, Load(stack.url, secret, stack.tls()), tally, phase_seconds)
        try:
            await run.run()
        finally:
            for problem, times in Counter(run._load.problems).most_common(8):
                say(f"  seen by clients {times} times: {problem}")
        return run


def _create_database(stack: Stack) -> None:
    """Make the database, as the image does on first use, and check that nobody gets in without TLS."""
    environment = stack.libpq()
    subprocess.run(["createdb", "optimizer"], env=environment, check=True)
    without = environment | {"PGSSLMODE": "disable"}
    done = subprocess.run(["psql", "--command", "SELECT 1"], env=without, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        raise SystemExit("PostgreSQL lets clients in without TLS.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument(
        "--phase-seconds", type=float, default=4.0, help="load between two blows (default: %(default)s)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and backups")
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.stderr.write("nginx was not found. On Debian: apt-get install nginx-light\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    try:
        run = asyncio.run(drill(folder, options.phase_seconds))
    finally:
        if options.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    total = run.total
    say(f"In all: {total[ANSWERED]} answered, {total[REFUSED]} refused, {total[BROKEN]} broken off by a kill.")
    say("Lost: nothing." if not run.lost else "LOST:\n" + "\n".join(f"  {each}" for each in run.lost))
    return 1 if run.lost else 0


if __name__ == "__main__":
    sys.exit(main())
