"""An environment without daemons: a chain, a store, a creator, and accounts that take tasks and send results."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.task import UNIT, Kind, Output, Result, Submission, Task, TaskId
from node_runtime.runner.result_document import FILE_NAME, ResultDocument
from node_runtime.spec.read import read_specs
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import SubstrateChain, connect

REWARD = 3
ENDOWED = ("Alice", "Bob", "Charlie", "Dave", "Eve")
FOUND = {"a_annotations.json": '{"file": "a.txt", "label": "cat"}'}
QUESTION = "annotation_type: classification\nquestion: Which animal?\nclass_labels: [cat, dog]\n"


@dataclass(frozen=True, kw_only=True)
class People:
    """Creators and workers by the names of development accounts. ``folder`` holds their files."""

    url: str
    folder: Path
    store: LocalStore
    _chains: dict[str, SubstrateChain] = field(default_factory=dict)

    def __getitem__(self, name: str) -> SubstrateChain:
        if name not in self._chains:
            self._chains[name] = connect(self.url, f"//{name}")
            if name not in ENDOWED:
                self["Alice"].pay(self._chains[name].account, 100 * UNIT)
        return self._chains[name]

    @property
    def creator(self) -> SubstrateChain:
        return self["Alice"]

    def wealth(self, name: str) -> int:
        balance = self.creator.balance(self[name].account)
        return balance.free + balance.held

    def offer(self, terms: str = "validation: manual\n", *, creator: str = "Alice") -> TaskId:
        """Submit an annotation task for ``REWARD`` with these additional lines of YAML."""
        bundle = self.folder / "bundle"
        (bundle / "annotation_files").mkdir(parents=True, exist_ok=True)
        (bundle / "annotation_files" / "a.txt").write_text("miaow")
        (bundle / "start_task.sh").write_text("exit 1\n")
        file = self.folder / "task.yaml"
        file.write_text(f"kind: annotation\nname: animals\nbundle: bundle/\nreward: {REWARD}\n{QUESTION}{terms}")
        (task,) = submit(read_specs(file), self[creator], self.store, say=lambda _: None).tasks
        return task.id

    def task(self, number: TaskId) -> Task:
        task = self.creator.task(number)
        assert task is not None
        return task

    def deliver(self, worker: str, task: TaskId, files: Mapping[str, str] = FOUND) -> SubmissionId:
        """Take the task as the worker and send these files as its outputs."""
        return self.send(worker, task, self[worker].assign_task(task).epoch, files)

    def send(self, worker: str, task: TaskId, epoch: int, files: Mapping[str, str] = FOUND) -> SubmissionId:
        outputs = self.stored(f"{worker}-{task}-outputs", files)
        document = ResultDocument(
            task=task,
            epoch=epoch,
            worker=self[worker].account,
            kind=Kind.ANNOTATION,
            inputs=(),
            stages=(),
            outputs={"outputs": outputs},
            log=self.stored(f"{worker}-{task}-logs", {"work.log": "done\n"}),
        )
        digest = self.stored(f"{worker}-{task}-result", {FILE_NAME: document.encode().decode()})
        result = Result(digest=digest, outputs=(Output(name="outputs", digest=outputs),), uri="cas:")
        return self[worker].send_task_result(task, epoch, result)

    def stored(self, name: str, files: Mapping[str, str]) -> Digest:
        for path, text in files.items():
            file = self.folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return self.store.put(self.folder / name)

    def submission(self, task: TaskId, number: SubmissionId) -> Submission:
        return next(one for one in self.creator.submissions(task) if one.id == number)

    def run(self, *arguments: str, key: str = "//Alice", **changed: str) -> subprocess.CompletedProcess[str]:
        """Run a command without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "node_runtime", *arguments],
            env=self.environment(key) | changed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,  # reached only after a failure
            check=False,
        )

    def environment(self, key: str) -> dict[str, str]:
        named = {"CHAIN": self.url, "KEY": key, "STORAGE": str(self.folder / "store")}
        return os.environ | {f"NODE_RUNTIME_{name}": value for name, value in named.items()}

    def close(self) -> None:
        for chain in self._chains.values():
            chain.close()


@contextmanager
def open_people(url: str, folder: Path) -> Iterator[People]:
    people = People(url=url, folder=folder, store=LocalStore(folder / "store"))
    try:
        yield people
    finally:
        people.close()
