"""The validation strategies AutoAccept, ManualAccept and CustomAccept, and the verdicts of validators.

A validator that crashes, exceeds its timeout or returns no valid verdict decides nothing: it raises `Undecided`, and
the result stays under review.
"""

import queue
import reprlib
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeAlias

from node_runtime.creator.agreement_report import Agreed
from node_runtime.creator.review import MAX_REASON, check_reason
from node_runtime.domain.assets import Account, SubmissionId
from node_runtime.domain.task import Submission, Task
from node_runtime.domain.units import read_duration
from node_runtime.errors import InputError, NodeRuntimeError
from node_runtime.runner.result_document import ResultDocument

DAY = "24h"
MINUTES_10 = 600.0  # seconds


class Undecided(NodeRuntimeError):
    """A result could not be judged (exit code 1); no transaction is sent for it."""


class AnswersEnded(Exception):
    """The person who judges has ended the input: this result and the others are left for later."""


@dataclass(frozen=True)
class Verdict:
    """The decision on a result. A rejection needs a ``reason`` for the worker, cut to 256 bytes of UTF-8."""

    accept: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A downloaded result. ``folder`` holds its outputs by name, ``result.json`` and ``logs/``, verified by digest.

    For annotations, ``mistakes`` lists violations of the schema and ``agreed`` the agreement with other results.
    """

    task: Task
    submission: Submission
    document: ResultDocument
    folder: Path
    mistakes: str = ""
    agreed: tuple[Agreed, ...] = ()


Judge: TypeAlias = Callable[[Received], Verdict | None]
"""Returns None to leave the result for later; a `NodeRuntimeError` leaves it undecided."""
Validator: TypeAlias = Callable[[Path], object]
"""Takes the folder of a result; returns a `Verdict`, ``True``, or ``False`` with a reason."""


@dataclass(frozen=True, kw_only=True)
class AutoAccept:
    """Accepts every complete result that conforms to the task.

    A task created with it needs no validation: the chain accepts results at once.
    """


@dataclass(frozen=True, kw_only=True)
class ManualAccept:
    """A person decides: ``accept`` and ``reject`` (with reasons) by number, ``ask`` for all others.

    Without any of them the person at the terminal is prompted. ``window`` is the review window of a task created with
    it; a result that is undecided at its end counts as accepted.
    """

    accept: Collection[SubmissionId] = frozenset()
    reject: Mapping[SubmissionId, str] = field(default_factory=dict)
    ask: Judge | None = None
    window: str = DAY

    def __post_init__(self) -> None:
        read_duration(self.window)
        for number, reason in self.reject.items():
            check_reason(reason)
            if number in self.accept:
                raise InputError(f"submission {number} can't be both accepted and rejected", remedy="name it once")

    @property
    def named(self) -> frozenset[SubmissionId]:
        return frozenset(self.accept) | frozenset(self.reject)


@dataclass(frozen=True)
class CustomAccept:
    """A program decides: a callable in this process, or a script in the sandbox (see `script.py`).

    A callable is trusted: it runs in a thread of this process, which is abandoned after the timeout. A script, a file
    or a folder, has access to the result only. ``timeout`` in seconds, ``memory`` of a script in bytes. ``judge`` is
    the account that reviews a task created with it within ``window``, its creator if None.
    """

    validator: Validator | Path | str
    _: KW_ONLY
    timeout: float = MINUTES_10
    memory: int = 1 << 30
    judge: Account | None = None
    window: str = DAY

    def __post_init__(self) -> None:
        read_duration(self.window)


Strategy: TypeAlias = AutoAccept | ManualAccept | CustomAccept


def call_validator(validator: Validator, folder: Path, *, timeout: float) -> Verdict:
    """Call a validator. Raises `Undecided` when it raises, exceeds ``timeout``, or returns no verdict."""
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()

    def call() -> None:
        try:
            answers.put(validator(folder))
        except BaseException as error:
            answers.put(_Raised(error))

    threading.Thread(target=call, name="validator", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise Undecided(f"the validator gave no answer within {timeout:g} s") from None
    if isinstance(answer, _Raised):
        error = answer.error
        raise Undecided(f"the validator raised {type(error).__name__}: {error}") from error
    return verdict_of(answer)


@dataclass(frozen=True)
class _Raised:
    error: BaseException


def verdict_of(answer: object) -> Verdict:
    """Convert a validator's return value to a verdict. Raises `Undecided` unless it is unambiguous."""
    found = _read(answer)
    if found is None or type(found.accept) is not bool or type(found.reason) is not str:
        raise Undecided(
            f"the validator answered {reprlib.repr(answer)}, which is no verdict",
            remedy="let it answer True, or False and a reason, e.g. (False, 'every box is empty')",
        )
    if not found.accept and not found.reason.strip():
        raise Undecided("the validator rejects without a reason", remedy="let it say in a sentence what is wrong")
    return Verdict(accept=found.accept, reason=_cut(found.reason.strip()))


def _read(answer: object) -> Verdict | None:
    match answer:
        case Verdict():
            return answer
        case bool():
            return Verdict(answer)
        case (bool() as accept, str() as reason):
            return Verdict(accept, reason)
        case _:
            return None


def _cut(reason: str) -> str:
    """Truncate the reason to the length that the chain stores."""
    encoded = reason.encode(errors="replace")
    if len(encoded) <= MAX_REASON:
        return encoded.decode()
    return encoded[: MAX_REASON - 3].decode(errors="ignore") + "…"
