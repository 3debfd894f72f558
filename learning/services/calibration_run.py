"""Works a calibration off: several questions at once over HTTP, everything else in the thread that called.

What is done is what the evaluation set holds, so that a run goes on where the last one stopped. A question is begun
only while all that is spent, the most that those under way can cost and the most it can cost itself stay within the
budget.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from learning.services import calibration, calibration_ledger, evaluation_prompts, judge_agreement, replay_prompts
from learning.services.calibration import Clock
from learning.services.calibration_costs import CostBook
from learning.services.gateway_client import CallFailed, GatewayClient, Question
from learning.services.graders.base import Grade, GradedAnswer, Grader, GradingFailed
from learning.services.replay_prompts import ReplayPrompt
from routing.services.writers_turn import writers_turn

State = Calibration.State
RENEW_SECONDS = 5
# So many failures with no success between them are no accident of a prompt: somebody must look.
FAILURES_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with; ``stopping`` is set by whoever wants it paused, and ends the waits of ``gateway``."""

    gateway: GatewayClient
    grader: Grader
    book: CostBook
    now: Clock
    stopping: threading.Event
    workers: int = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a calibration is; ``done`` counts answers graded or failed, of ``total``."""

    done: int
    total: int
    failed: int
    spent_nano_usd: int


@dataclass(frozen=True, slots=True)
class _Unit:
    prompt: ReplayPrompt
    prompt_hash: str
    model: str
    key: str
    worst_nano_usd: int


@dataclass(slots=True)
class _Result:
    """What came of a unit: a grade for the answer of the last request, or why there is none."""

    unit: _Unit
    request_ids: tuple[str, ...] = ()
    answer_id: str = ""
    grade: Grade | None = None
    code: str = ""
    message: str = ""
    is_fatal: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, ``why`` in words where it did not complete."""

    calibration: Calibration
    why: str = ""


def run(row: Calibration, tools: Tools, on_progress: Callable[[Progress], None] = lambda _progress: None) -> Ended:
    """Work on a calibration that ``calibration.begin`` has taken, until it is done, paused, cancelled or out of budget.

    Answers that fail are recorded and passed over; the next run tries them again.
    """
    working = _Run(row, tools, on_progress)
    try:
        state = working.work()
    except BaseException:
        tools.stopping.set()
        calibration.end(row, State.PAUSED, tools.now())
        raise
    calibration.end(row, state, tools.now())
    return Ended(row, working.why)


class _Run:
    def __init__(self, row: Calibration, tools: Tools, on_progress: Callable[[Progress], None]) -> None:
        self.why = ""
        self._row = row
        self._tools = tools
        self._on_progress = on_progress
        self._halted = ""
        outcomes = EvaluationOutcome.objects.filter(evaluation_set_id=row.evaluation_set_id)
        self._done = set(outcomes.values_list("prompt_hash", "model"))
        self._finished = self._graded = len(self._done)
        self._total = len(row.request_ids) * len(row.model_names)
        self._failed = 0
        self._in_a_row = 0
        self._tries = Counter((failure["request_id"], failure["model"]) for failure in row.failures)
        self._running: dict[Future[_Result], _Unit] = {}
        self._spending = calibration_ledger.SpendingBook(row)
        self._spending.reload()
        self._renewed_at = tools.now()

    def work(self) -> str:
        self._report()
        units = self._units()
        upcoming = next(units, None)
        with ThreadPoolExecutor(self._tools.workers, thread_name_prefix="calibration") as pool:
            while True:
                while upcoming is not None and self._may_begin(upcoming):
                    self._running[pool.submit(self._ask_and_grade, upcoming)] = upcoming
                    upcoming = next(units, None)
                if not self._running:
                    break
                self._collect()
        # Requests whose answer never came have ended by now, or are counted with their reservation.
        self._spending.reload()
        self._save_spending()
        if not self._halted and self._finished < self._total:
            self.why = (
                f"{self._total - self._finished} answers could not be asked for: their prompts are kept no longer"
            )
        return self._halted or State.COMPLETED

    def _units(self) -> Iterator[_Unit]:
        for prompt in replay_prompts.read(self._row.request_ids, self._tools.now()):
            prompt_hash = evaluation_prompts.hash_of(prompt.text)
            for model in self._row.model_names:
                if (prompt_hash, model) not in self._done:
                    costs = self._tools.book.of(prompt.messages, model)
                    yield _Unit(prompt, prompt_hash, model, self._key(prompt, model), costs.worst)

    def _key(self, prompt: ReplayPrompt, model: str) -> str:
        """Name the question, so that it is paid once however often it is sent; after a failure it is another one."""
        tries = self._tries[(prompt.request_id, model)]
        digest = hashlib.blake2b(f"{prompt.request_id} {model} {tries}".encode(), digest_size=16).hexdigest()
        return f"{calibration_ledger.label(self._row)}-{digest}"

    def _may_begin(self, unit: _Unit) -> bool:
        if self._tools.stopping.is_set() and not self._halted:
            self._halt(State.PAUSED, "it was interrupted")
        if self._halted or len(self._running) >= self._tools.workers:
            return False
        committed = self._spending.total_nano_usd + sum(other.worst_nano_usd for other in self._running.values())
        if committed + unit.worst_nano_usd <= self._row.budget_nano_usd:
            return True
        if not self._running:
            self._halt(State.STOPPED, "what is left does not cover the most that the next answer can cost")
        return False

    def _halt(self, state: str, why: str) -> None:
        self._halted, self.why = state, why

    def _ask_and_grade(self, unit: _Unit) -> _Result:
        """Runs in a thread of its own, without a database connection."""
        question = Question(unit.model, unit.prompt.messages, self._row.max_output_tokens, unit.key)
        try:
            reply = self._tools.gateway.ask(question)
        except CallFailed as error:
            return _Result(unit, error.request_ids, code=error.code, message=str(error), is_fatal=error.is_fatal)
        result = _Result(unit, reply.request_ids, answer_id=reply.request_ids[-1])
        if reply.served_model != unit.model:
            result.code, result.message = "served_elsewhere", f"{reply.served_model} answered in its place."
            return result
        given = GradedAnswer(
            unit.key, unit.prompt.request_id, unit.prompt.text, reply.text, unit.model, unit.prompt.task
        )
        try:
            result.grade = self._tools.grader.grade(given)
            result.request_ids += result.grade.request_ids
        except GradingFailed as error:
            result.request_ids += error.request_ids
            result.code, result.message, result.is_fatal = error.code, str(error), error.is_fatal
        return result

    def _collect(self) -> None:
        """Wait a second for answers and keep those that came; hold on to the calibration, or let go when told to."""
        finished, _ = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in finished:
            del self._running[future]
            self._keep(future.result())
            self._report()
        now = self._tools.now()
        if (now - self._renewed_at).total_seconds() >= RENEW_SECONDS:
            self._renewed_at = now
            if not calibration.renew(self._row, now) and not self._halted:
                self._halt(State.CANCELLED, "it was cancelled")
                self._tools.stopping.set()

    def _keep(self, result: _Result) -> None:
        booked = self._spending.add(result.request_ids)
        if result.code.endswith("no_answer"):
            # The ledger may hold a request whose id never came back; its reservation counts until it ends.
            self._spending.reload()
        if result.grade is None:
            self._note_failure(result)
            self._save_spending()
            return
        self._finished += 1
        self._graded += 1
        self._in_a_row = 0
        judge_agreement.note(self._row, result.grade)
        outcome = _outcome(self._row, result, result.grade, booked.get(result.answer_id, {}))
        with writers_turn(), transaction.atomic():
            EvaluationOutcome.objects.bulk_create([outcome], ignore_conflicts=True)
            EvaluationSet.objects.filter(pk=self._row.evaluation_set_id).update(outcome_count=self._graded)
            self._save_spending()

    def _note_failure(self, result: _Result) -> None:
        if result.code == "stopped" or result.is_fatal:
            # Not the fault of this prompt or model: the same question is asked again when the run goes on.
            if not self._halted:
                self._halt(State.PAUSED, result.message)
            return
        self._finished += 1
        self._failed += 1
        self._in_a_row += 1
        self._row.failures.append(
            {
                "request_id": result.unit.prompt.request_id,
                "model": result.unit.model,
                "code": result.code,
                "message": result.message[:200],
            }
        )
        if self._in_a_row >= FAILURES_IN_A_ROW and not self._halted:
            self._halt(State.PAUSED, f"{self._in_a_row} answers failed in a row, the last one thus: {result.message}")

    def _save_spending(self) -> None:
        self._row.spent_nano_usd = self._spending.total_nano_usd
        self._row.save(update_fields=["spent_nano_usd", "failures", "judge_agreement"])

    def _report(self) -> None:
        self._on_progress(Progress(self._finished, self._total, self._failed, self._spending.total_nano_usd))


def _outcome(row: Calibration, result: _Result, grade: Grade, answer: Mapping[str, Any]) -> EvaluationOutcome:
    """Return what is kept of a graded answer; ``answer`` is its row in the ledger."""
    return EvaluationOutcome(
        evaluation_set_id=row.evaluation_set_id,
        prompt_hash=result.unit.prompt_hash,
        encrypted_prompt=evaluation_prompts.encrypt(result.unit.prompt.text),
        task=result.unit.prompt.task,
        model=result.unit.model,
        quality=grade.quality,
        cost_nano_usd=answer.get("cost_nano_usd"),
        output_tokens=answer.get("output_tokens"),
    )
