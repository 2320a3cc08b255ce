"""`make demo`: the main job once, from a checkout: submit, train, score, pay; leaves nothing running."""

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from examples.steps import Steps, errors_told
from node_runtime.cli.listing import Table
from node_runtime.cli.output import line, lines, render, styled, table
from node_runtime.cli.progress import NodesStatus
from node_runtime.creator.submit import Submitted, submit
from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT, Balance, Submission, SubmissionState, Task, TaskId, TaskState
from node_runtime.domain.units import number
from node_runtime.errors import FailureCategory, InputError, TaskFailed
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import CREATOR, NetworkFile
from node_runtime.platform.locks import try_locked
from node_runtime.platform.paths import home
from node_runtime.platform.signals import ignore_closed_output, interrupt_on_signals
from node_runtime.ports.store import AssetStore
from node_runtime.spec.read import read_specs
from node_runtime.stores import open_store
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.substrate.keys import load_key

CHECKOUT = Path(__file__).parents[1]
EXAMPLE = Path("assets/digits")
RESULTS = Path("demo-results")
TIMEOUT = 600.0  # seconds for both tasks, the building of their image included


@dataclass(frozen=True, kw_only=True)
class Finished:
    task: Task
    name: str
    submission: Submission
    seconds: float


def main(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's chain and storage on disk afterwards.")] = False,
) -> None:
    """Run the main job once: submit, train, score, pay. Nothing is left running."""
    with errors_told():
        interrupt_on_signals()
        with try_locked(home() / "demo"):
            _run_alone(CHECKOUT, home() / "demo", keep=keep)


def _run_alone(checkout: Path, folder: Path, *, keep: bool) -> None:
    example, network_folder = checkout / EXAMPLE, folder / "network"
    take_down(network_folder, lambda _: None)  # of a demo that was killed
    steps = Steps(6)
    with steps.step("read the handwritten digits of scikit-learn, split into Train and Test samples"):
        subprocess.run([sys.executable, str(example / "make_data.py")], check=True, stdout=subprocess.DEVNULL)
    try:
        with steps.step("bring up Docker, the chain and a node"):
            settings = NetworkSettings(folder=network_folder, port=0, slots=1, fresh=True)
            network = bring_up(settings, steps.say)
        _main_job(network, example / "train-and-score.yaml", checkout / RESULTS, steps)
    finally:
        with steps.last_step("stop what was started"):
            take_down(network_folder, ignore_closed_output(steps.say))
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
    _say_last_words(steps.seconds)


def _main_job(network: NetworkFile, file: Path, target: Path, steps: Steps) -> None:
    chain, store = connect(network.chain, CREATOR), open_store(network.storage)
    steps.watch(NodesStatus(chain, store, ("bob",)))
    try:
        before = {account: chain.balance(account) for account in _accounts(chain).values()}
        with steps.step("submit assets/digits/train-and-score.yaml"):
            submitted = submit(read_specs(file), chain, store, say=steps.say)
        with steps.step("the node trains, then scores, in containers (at first it builds their image)"):
            finished = _follow(submitted, chain, steps)
        with steps.step("fetch the model and its score"):
            _fetch(finished, store, target)
            steps.say(f"{RESULTS}/model and {RESULTS}/{PERF}")
        render(tasks_table(finished))
        render(_balances_table(chain, before, finished))
    finally:
        chain.close()


def _follow(submitted: Submitted, chain: SubstrateChain, steps: Steps) -> list[Finished]:
    """Wait until every task is final, telling each change of state. A task's seconds count from its opening."""
    began = time.monotonic()
    names = {task.id: task.name for task in submitted.tasks}
    opened: dict[TaskId, float] = {}
    told: set[str] = set()
    finished: list[Finished] = []
    while len(finished) < len(names):
        if time.monotonic() - began > TIMEOUT:
            raise InputError("the tasks did not end in time", remedy="see the node's log named above")
        for task in [chain.task(task_id) for task_id in names if all(one.task.id != task_id for one in finished)]:
            assert task is not None  # it was created above, and is kept for days
            now = time.monotonic()
            if task.state is not TaskState.WAITING:
                opened.setdefault(task.id, now)
            news = f"task {task.id} '{names[task.id]}': {'taken by the node' if task.counters.live else task.state}"
            if news not in told:
                steps.say(f"{now - began:5.1f} s  {news}")
                told.add(news)
            if task.state.final or task.counters.failures:
                finished.append(_finished(task, names[task.id], chain, now - opened[task.id]))
        time.sleep(0.1)
    return finished


def _finished(task: Task, name: str, chain: SubstrateChain, seconds: float) -> Finished:
    accepted = [one for one in chain.submissions(task.id) if one.state is SubmissionState.ACCEPTED]
    if not accepted:
        raise _failure(task, name, chain)
    return Finished(task=task, name=name, submission=accepted[0], seconds=seconds)


def _failure(task: Task, name: str, chain: SubstrateChain) -> TaskFailed:
    categories = [attempt.category for attempt in chain.attempts(task.id) if attempt.category is not None]
    category = categories[0] if categories else FailureCategory.NODE_ERROR
    return TaskFailed(
        category, f"task {task.id} '{name}' is {task.state}: {category}", remedy="see the node's log named above"
    )


def _fetch(finished: list[Finished], store: AssetStore, target: Path) -> None:
    """Every output of every task, verified, under its name; a former demo's are replaced."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for one in finished:
        for output in one.submission.result.outputs:
            store.fetch(output.digest, target / f".{output.name}")
            _unwrap(target / f".{output.name}", target / output.name)


def _unwrap(tree: Path, target: Path) -> None:
    """A tree of a single file of that name, as perf.json is, becomes the file itself."""
    inside = list(tree.iterdir())
    if [entry.name for entry in inside] == [target.name]:
        inside[0].rename(target)
        tree.rmdir()
    else:
        tree.rename(target)


def tasks_table(finished: list[Finished]) -> Table:
    made = table("task", "kind", "worker", "status", "accuracy", "standing", "seconds", right=("accuracy", "seconds"))
    made.title = "tasks"
    for one in finished:
        score = one.submission.score
        accuracy, standing = (f"{score.value:.4f}", score.standing.value) if score is not None else ("", "")
        made.add_row(
            f"{one.task.id} {one.name}",
            one.task.terms.kind,
            one.submission.worker[:6] + "…",
            one.submission.state,
            accuracy,
            standing,
            f"{one.seconds:.1f}",
        )
    return made


def _balances_table(chain: SubstrateChain, before: dict[Account, Balance], finished: list[Finished]) -> Table:
    earned = sum(one.task.terms.reward for one in finished)
    made = table("account", "before", "after", "change", right=("before", "after", "change"))
    made.title = f"balances in UNIT: {number(earned)} of rewards, the rest is fees"
    for name, account in _accounts(chain).items():
        then, now = _wealth(before[account]), _wealth(chain.balance(account))
        made.add_row(f"{name} {account[:6]}…", f"{then:,.4f}", f"{now:,.4f}", f"{now - then:+,.4f}")
    return made


def _accounts(chain: SubstrateChain) -> dict[str, Account]:
    return {
        "alice, creator": chain.account,
        "bob, worker": Account(load_key("//Bob", password_file=None, development=True).ss58_address),
    }


def _wealth(balance: Balance) -> float:
    """In UNIT, for people."""
    return (balance.free + balance.held) / UNIT


def _say_last_words(seconds: float) -> None:
    line("")
    told = f": {seconds:.0f} s in all. The model is {RESULTS}/model, its score {RESULTS}/{PERF}."
    render(styled(("the main job works", "bold green"), told))
    lines(
        "Next: .venv/bin/node-runtime up, and in another terminal\n"
        "      .venv/bin/node-runtime submit assets/digits/train-and-score.yaml"
    )


if __name__ == "__main__":
    typer.run(main)
