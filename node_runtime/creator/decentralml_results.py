"""How do tasks go on by DecentralML's functions, from the list to the payment? Its names and parameters, in its order.

Each parameter, and what became of those that have no meaning here, stands in ``docs/decentralml.md``.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.creator.asking import person_for, print_safely
from node_runtime.creator.decentralml import Account
from node_runtime.creator.judging import open_judge
from node_runtime.creator.offers import check_storage, is_named_only, strategy_of
from node_runtime.creator.results import TaskResult
from node_runtime.creator.results import list_task_results as list_results
from node_runtime.creator.review import accept, reject
from node_runtime.creator.strategies import ManualAccept, Strategy
from node_runtime.creator.substrate import Substrate
from node_runtime.creator.tasks import Role, TaskView, list_tasks
from node_runtime.creator.validate import Desk, Validated, validate
from node_runtime.errors import InputError
from node_runtime.ports import Say
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.task import Kind, Submission, SubmissionId, TaskId, TaskState

if TYPE_CHECKING:
    from node_runtime.contributor import Assigned
    from node_runtime.creator.federation import Federated


def list_task(
    substrate: Substrate,
    kind: str | None = None,
    status: str | None = None,
    role: str = "open",
    *,
    sudoaccount: Account = None,
    passphrase: str | None = None,
) -> tuple[TaskView, ...]:
    """The tasks that may be taken (``open``), or that this account created (``mine``), took (``worker``) or judges.

    ``kind`` and ``status`` are words like ``annotation`` and ``open``. Raises `InputError`.
    """
    named = sudoaccount is not None or passphrase is not None
    chain = substrate.account(sudoaccount, passphrase) if named else substrate.reader()
    try:
        wanted = Role(role)
        kinds = Kind(kind) if kind is not None else None
        state = TaskState(status) if status is not None else None
    except ValueError as error:
        raise InputError(str(error), remedy="see docs/decentralml.md for the words") from None
    if wanted is not Role.OPEN and not named:
        raise InputError(f"role={role!r} without sudoaccount: whose tasks?", remedy="name an account as sudoaccount=…")
    return list_tasks(chain, substrate.store, role=wanted, kind=kinds, state=state)


def assign_task(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    *,
    into: str | Path | None = None,
    say: Say = lambda _: None,
) -> "Assigned":
    """Take a task and download its assets, verified, into the folder ``into`` (``task-ID`` if None)."""
    from node_runtime.contributor import assign  # it is not the creator's, so nothing of it is loaded without need

    chain = substrate.account(sudoaccount, passphrase)
    folder = Path(into).expanduser() if into is not None else None
    return assign(chain, substrate.store, TaskId(task_id), into=folder, say=say)


def send_task_result(
    substrate: Substrate,
    keypair: Account,
    submission_id: "int | Assigned",
    result: str | None,
    result_path: str | Path,
    result_storage_type: str | None = "local",
    result_storage_credentials: object = None,
    *,
    passphrase: str | None = None,
    say: Say = lambda _: None,
) -> SubmissionId:
    """Check the outputs at ``result_path``, upload them and submit them; answers the submission's number.

    ``submission_id`` is what `assign_task` answered, or the task's number. ``result`` is a word to the creator, kept
    with the logs.
    """
    from node_runtime.contributor.send import BY_HAND, Witnessed, send_result

    check_storage(result_storage_type, result_storage_credentials, "result")
    number = submission_id if isinstance(submission_id, int) else submission_id.task.id
    path = Path(result_path).expanduser().absolute()
    outputs = path.parent if path.parent.name == OUTPUTS else path  # of a model the tutorial names its folder in there
    chain = substrate.account(keypair, passphrase)
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        logs = Path(scratch) / "by-hand.log"
        logs.write_text(f"{BY_HAND}\n{result}\n")
        witnessed = Witnessed(logs=Path(scratch)) if result else Witnessed()
        return send_result(chain, substrate.store, TaskId(number), outputs, witnessed=witnessed, say=say).submission


def list_task_results(substrate: Substrate, task_id: int) -> tuple[TaskResult, ...]:
    """All results of a task, oldest first, with their documents."""
    return list_results(substrate.reader(), substrate.store, TaskId(task_id))


def validate_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    strategy: str | Strategy,
    *,
    folder: str | Path | None = None,
    wait: bool = False,
    say: Say = print_safely,
) -> tuple[Validated, ...]:
    """Download what is under review, verified, and let the strategy judge each; answers what became of them.

    ``folder`` keeps the results, ``wait`` also judges those still to come. What can't be judged stays undecided.
    """
    chosen = strategy_of(strategy)
    if is_named_only(chosen):
        raise InputError("CustomAccept has no validator", remedy="give CustomAccept(callable, or path of a script)")
    desk = Desk(
        chain=substrate.account(sudoaccount, passphrase),
        store=substrate.store,
        folder=Path(folder).expanduser() if folder is not None else None,
    )
    named = chosen if isinstance(chosen, ManualAccept) else ManualAccept()
    with open_judge(chosen, ask=person_for(chosen, say=say), say=say) as judge:
        return validate(
            desk,
            TaskId(task_id),
            judge,
            told=lambda one: say(str(one)),
            only=named.named,
            rejected=named.reject,
            wait=wait,
        )


def accept_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    submission_id: int | None = None,
) -> Submission:
    """Accept a result, the only one under review if none is named: its worker is paid, for good."""
    chain = substrate.account(sudoaccount, passphrase)
    return accept(chain, TaskId(task_id), SubmissionId(submission_id) if submission_id is not None else None)


def reject_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    submission_id: int | None = None,
    reason: str = "",
) -> Submission:
    """Reject a result, the only one under review if none is named, with a reason that its worker reads."""
    chain = substrate.account(sudoaccount, passphrase)
    number = SubmissionId(submission_id) if submission_id is not None else None
    return reject(chain, TaskId(task_id), reason, number)


def federate(substrate: Substrate, tasks: Sequence[int], out: str | Path) -> "Federated":
    """Average the models of the tasks' accepted results here, weighted by their samples, into a new folder ``out``."""
    from node_runtime.creator.federation import Chosen
    from node_runtime.creator.federation import federate as average

    chosen = [Chosen(task=TaskId(number)) for number in tasks]
    return average(chosen, substrate.reader(), substrate.store, Path(out).expanduser())
