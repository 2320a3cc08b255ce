"""How can results be judged? AutoAccept, ManualAccept and CustomAccept, the three strategies that DecentralML knows.

A strategy that crashes, hangs or answers something else than a verdict has not judged: it raises `Undecided`, and what
it was asked about stays under review.
"""

import queue
import reprlib
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeAlias

from node_runtime.creator.annotators import Agreed
from node_runtime.creator.review import MAX_REASON, check_reason
from node_runtime.errors import InputError, NodeRuntimeError
from node_runtime.results import ResultDocument
from node_runtime.task import Account, Submission, SubmissionId, Task
from node_runtime.units import read_duration

DAY = "24h"
MINUTES_10 = 600.0  # seconds


class Undecided(NodeRuntimeError):
    """A result could not be judged (exit code 1): the chain is told nothing about it."""


@dataclass(frozen=True)
class Verdict:
    """``reason`` is what the worker reads of a rejection, 1 to 256 bytes of UTF-8; longer ones are cut."""

    accept: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A result to be judged. ``folder`` holds its outputs by their names, ``result.json`` and ``logs/``, verified.

    Of annotations ``mistakes`` says where they don't keep to the task's schema, ``agreed`` who else found the same.
    """

    task: Task
    submission: Submission
    document: ResultDocument
    folder: Path
    mistakes: str = ""
    agreed: tuple[Agreed, ...] = ()


Judge: TypeAlias = Callable[[Received], Verdict | None]
"""None leaves the result for later; what raises one of our errors leaves it undecided."""
Validator: TypeAlias = Callable[[Path], object]
"""Given the folder of a result; answers a `Verdict`, ``True``, or ``False`` and a reason."""


@dataclass(frozen=True, kw_only=True)
class AutoAccept:
    """Whatever came whole, and is what the task asks for, is accepted.

    A task created with it needs no validating: the chain accepts at once.
    """


@dataclass(frozen=True, kw_only=True)
class ManualAccept:
    """A person decides. What ``accept`` and ``reject`` (with the reason) name is decided; ``ask`` is asked of the rest.

    Without any of them the person at the terminal is asked. ``window`` is how long a task created with it gives its
    creator: at the end silence accepts.
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
    """A program decides: a callable in this process, or a script run in the sandbox (see `script.py`).

    A callable is trusted: it runs in a thread of this process with all its rights, and one that hangs is left behind.
    A script, a file or a folder, sees nothing but the result. ``timeout`` in seconds, ``memory`` of a script in bytes.
    ``judge`` is who judges a task created with it, its creator if None, within ``window``.
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
    """Let a callable judge. Raises `Undecided` when it raises, takes longer than ``timeout``, or answers rubbish."""
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
    """What a validator's answer means. Nothing that isn't clearly an acceptance is one: raises `Undecided`."""
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
    """As much of it as the chain takes."""
    encoded = reason.encode(errors="replace")
    if len(encoded) <= MAX_REASON:
        return encoded.decode()
    return encoded[: MAX_REASON - 3].decode(errors="ignore") + "…"
