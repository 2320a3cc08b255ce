"""DecentralML's functions for listing, assigning, sending, validating and federating.

``docs/decentralml.md`` documents each parameter, unsupported ones included.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.creator.results import TaskResult
from node_runtime.creator.results import list_task_results as list_results
from node_runtime.creator.review import accept, reject
from node_runtime.creator.tasks import AccountRole, TaskFilter, TaskView, list_tasks
from node_runtime.creator.validation.judges import open_judge, person_for
from node_runtime.creator.validation.strategies import ManualAccept, Strategy
from node_runtime.creator.validation.validate import Desk, Validated, validate
from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.task import Kind, Submission, TaskId, TaskState
from node_runtime.errors import InputError
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say, print_line

from .boundary import in_python, python_function
from .create import Account
from .parameters import check_storage, is_named_only, strategy_of
from .session import Substrate

if TYPE_CHECKING:
    from node_runtime.contributor import Assigned
    from node_runtime.creator.federation import Federated


@python_function
def list_task(
    substrate: Substrate,
    kind: str | None = None,
    status: str | None = None,
    role: str = "open",
    *,
    sudoaccount: Account = None,
    passphrase: str | None = None,
) -> tuple[TaskView, ...]:
    """List tasks that are ``open``, ``mine`` (created), ``worker`` (assigned) or ``judge`` (to review) for the account.

    ``kind`` and ``status`` are names like ``annotation`` and ``open``. Raises `InputError`.
    """
    named = sudoaccount is not None or passphrase is not None
    chain = substrate.account(sudoaccount, passphrase) if named else substrate.reader()
    try:
        wanted = AccountRole(role)
        kinds = Kind(kind) if kind is not None else None
        state = TaskState(status) if status is not None else None
    except ValueError as error:
        raise InputError(str(error), remedy="see docs/decentralml.md for the words") from None
    if wanted is not AccountRole.OPEN and not named:
        raise InputError(f"role={role!r} without sudoaccount: whose tasks?", remedy="name an account as sudoaccount=…")
    return list_tasks(chain, substrate.store, role=wanted, only=TaskFilter(kind=kinds, state=state))


@python_function
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
    from node_runtime.contributor import assign  # imported on use, to keep the creator's imports few

    chain = substrate.account(sudoaccount, passphrase)
    folder = Path(into).expanduser() if into is not None else None
    return assign(chain, substrate.store, TaskId(task_id), into=folder, say=say)


@python_function
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
    """Check the outputs at ``result_path``, upload and submit them; return the submission's number.

    ``submission_id`` is the return value of `assign_task`, or the task's number. ``result`` is a note to the creator,
    stored with the logs.
    """
    from node_runtime.contributor.send import BY_HAND, Witnessed, send_result

    access = check_storage(result_storage_type, result_storage_credentials, "result", substrate.storage)
    number = submission_id if isinstance(submission_id, int) else submission_id.task.id
    path = Path(result_path).expanduser().absolute()
    outputs = path.parent if path.parent.name == OUTPUTS else path  # the tutorial names outputs/model
    chain = substrate.account(keypair, passphrase)
    with scratch_folder() as scratch:
        logs = scratch / "by-hand.log"
        logs.write_text(f"{BY_HAND}\n{result}\n")
        witnessed = Witnessed(logs=scratch) if result else Witnessed()
        store = substrate.store_of(chain.account, access)
        return send_result(chain, store, TaskId(number), outputs, witnessed=witnessed, say=say).submission


@python_function
def list_task_results(substrate: Substrate, task_id: int) -> tuple[TaskResult, ...]:
    """Return all results of a task with their documents, oldest first."""
    return list_results(substrate.reader(), substrate.store, TaskId(task_id))


@python_function
def validate_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    strategy: str | Strategy,
    *,
    folder: str | Path | None = None,
    wait: bool = False,
    say: Say = print_line,
) -> tuple[Validated, ...]:
    """Download and verify each result under review and apply the strategy; return the outcomes.

    ``folder`` keeps the results; ``wait`` also judges later ones. A result that can't be judged stays undecided.
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
            told=lambda one: say(in_python(str(one))),
            only=named.named,
            rejected=named.reject,
            wait=wait,
        )


@python_function
def accept_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    submission_id: int | None = None,
) -> Submission:
    """Accept a result, by default the only one under review; its worker is paid irrevocably."""
    chain = substrate.account(sudoaccount, passphrase)
    return accept(chain, TaskId(task_id), SubmissionId(submission_id) if submission_id is not None else None)


@python_function
def reject_task_results(
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_id: int,
    submission_id: int | None = None,
    reason: str = "",
) -> Submission:
    """Reject a result, by default the only one under review, with a reason for its worker."""
    chain = substrate.account(sudoaccount, passphrase)
    number = SubmissionId(submission_id) if submission_id is not None else None
    return reject(chain, TaskId(task_id), reason, number)


@python_function
def federate(substrate: Substrate, tasks: Sequence[int], out: str | Path) -> "Federated":
    """Write the sample-weighted average of the models in the tasks' accepted results to a new folder ``out``."""
    from node_runtime.creator.federation import Chosen
    from node_runtime.creator.federation import federate as average

    chosen = [Chosen(task=TaskId(number)) for number in tasks]
    return average(chosen, substrate.reader(), substrate.store, Path(out).expanduser())
