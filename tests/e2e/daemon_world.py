"""A world for the daemon's end-to-end tests: a real embedded chain, a real store, real containers, one creator.

The algo and the metric of every task here are two small images that run a shell script out of the task's data sample,
so a test says in a few lines of shell what its containers do, and images are built once for all tests.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from node_runtime.chain.client import SubstrateChain, connect
from node_runtime.document import FILE_NAME, Document, Image, Limits, ModelOf
from node_runtime.ports import AssetStore
from node_runtime.results import ResultDocument
from node_runtime.storage.local import LocalStore
from node_runtime.task import (
    UNIT,
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Assignment,
    AssignmentState,
    Digest,
    Kind,
    Label,
    Review,
    Spec,
    Submission,
    TaskId,
    Terms,
    Visibility,
)
from tests.devnet import RunningDevnet, launch_devnet

T = TypeVar("T")

DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY entry.sh /entry.sh
ENTRYPOINT ["sh", "/entry.sh"]
"""
MIB = 1 << 20
REWARD = 10 * UNIT
TRAIN = "echo trained > /sandbox/model/model"
WAITS = "until test -e /tmp/go; do sleep 0.1; done"  # until the test lets it go: `DaemonProcess.let_go`
PREDICT = "echo predicted > /sandbox/pred/pred"
SCORE = """echo '{"all": 0.9375}' > /sandbox/pred/perf.json"""


@dataclass(kw_only=True)
class World:
    """What a creator has. ``folder`` is free for its files."""

    folder: Path
    devnet: RunningDevnet
    storage: Path
    chain: SubstrateChain
    store: AssetStore
    timeout: int = 600  # seconds a container may run; only a test of time itself may come near
    attempt: int = 1800  # seconds a worker has for everything
    slots: int = 1
    window: int = 0  # ms of review
    assignee: Account | None = None
    _made: int = field(default=0)

    def train(
        self,
        script: str = TRAIN,
        *,
        dockerfile: str = DOCKERFILE,
        before_submitting: Callable[[Asset], None] | None = None,
        sample: Asset | None = None,
    ) -> TaskId:
        """A training task whose container runs `script`, or the one in a node's private ``sample``.

        ``before_submitting`` is given its data sample.
        """
        algo = self._image(AssetKind.ALGO, "script.sh", dockerfile)
        data = sample or self._sample({"script.sh": script})
        if before_submitting is not None:
            before_submitting(data)
        document = Document(
            kind=Kind.TRAINING,
            name="training",
            algo=Image(source=str(algo.ref)),
            data=(str(data.ref),),
            limits=self._limits(),
        )
        return self._submit(document, algo, data)

    def score(self, *, predict: str = PREDICT, metric: str = SCORE) -> TaskId:
        """A cross-validation of an imported model, whose two containers run these scripts."""
        algo = self._image(AssetKind.ALGO, "script.sh", DOCKERFILE)
        judge = self._image(AssetKind.METRIC, "metric.sh", DOCKERFILE)
        data = self._sample({"script.sh": predict, "metric.sh": metric})
        opener = self._asset(AssetKind.OPENER, {"opener.py": "# reads nothing\n"})
        model = self._asset(AssetKind.MODEL, {"model": "imported\n"})
        document = Document(
            kind=Kind.SCORING,
            name="scoring",
            algo=Image(source=str(algo.ref)),
            metric=Image(source=str(judge.ref)),
            opener=str(opener.ref),
            data=(str(data.ref),),
            models=(ModelOf(asset=str(model.ref)),),
            limits=self._limits(),
        )
        return self._submit(document, algo, judge, data, opener, model)

    def tamper(self, asset: Asset) -> None:
        """Change one byte of what is stored under the asset's digest, as a bad disk or a bad neighbour would."""
        (stored,) = [path for path in self.storage.rglob(f"{asset.ref.digest}*") if path.is_file()]
        content = bytearray(stored.read_bytes())
        content[-1] ^= 1
        stored.chmod(0o644)
        stored.write_bytes(content)

    def logs_of(self, submission: Submission) -> dict[str, str]:
        """The logs of a result by name, fetched as its creator would."""
        result = self.folder / f"result-{submission.id}"
        self.store.fetch(submission.result.digest, result)
        document = ResultDocument.decode((result / "result.json").read_bytes())
        logs = self.folder / f"logs-{submission.id}"
        self.store.fetch(Digest(document.log), logs)
        return {path.name: path.read_text(errors="replace") for path in logs.iterdir()}

    def restart_chain(self, meanwhile: Callable[[], object]) -> None:
        """Kill the chain's process, do something `meanwhile`, start it again on the same port."""
        self.devnet.kill()
        meanwhile()
        self.devnet = launch_devnet(self.storage.parent / "chain", port=self.devnet.port)

    def submission(self, task: TaskId) -> Submission:
        return wait_for(lambda: next(iter(self.chain.submissions(task)), None), f"a result of task {task}")

    def failure(self, worker: Account, task: TaskId) -> Assignment:
        """The worker's attempt, once the chain shows it failed."""

        def failed() -> Assignment | None:
            attempt = self.chain.assignment(worker, task)
            return attempt if attempt is not None and attempt.state is AssignmentState.FAILED else None

        return wait_for(failed, f"a failure of task {task}")

    def wait_for_attempt(self, worker: Account, task: TaskId, state: AssignmentState) -> Assignment:
        def reached() -> Assignment | None:
            attempt = self.chain.assignment(worker, task)
            return attempt if attempt is not None and attempt.state is state else None

        return wait_for(reached, f"task {task} to be {state}")

    def _limits(self) -> Limits:
        return Limits(cpus=0.5, memory=64 * MIB, timeout=self.timeout, outputs=8 * MIB)

    def _submit(self, document: Document, *assets: Asset) -> TaskId:
        self.chain.register_assets([asset for asset in assets if asset.ref.owner == self.chain.account])
        file = self.folder / FILE_NAME
        file.write_bytes(document.encode())
        digest = self.store.put(file)
        terms = Terms(
            kind=document.kind,
            reward=REWARD,
            bond=UNIT,
            slots=self.slots,
            max_rejects=1,
            max_failures=3,
            review=Review(judge=self.chain.account, window=self.window),
            deadline=self.chain.now() + 3_600_000,
            timeout=self.attempt * 1000,
            assignee=self.assignee,
        )
        references = tuple(asset.ref for asset in assets)
        spec = Spec(digest=digest, uri=self.store.uri(digest), assets=references, models=(), parents=(), objectives=())
        return self.chain.create_task(terms, spec)

    def _image(self, kind: AssetKind, script: str, dockerfile: str) -> Asset:
        entry = f'exec sh /sandbox/data/*/{script} "$@"\n'
        return self._asset(kind, {"Dockerfile": dockerfile, "entry.sh": entry})

    def _sample(self, files: dict[str, str]) -> Asset:
        return self._asset(AssetKind.DATA_SAMPLE, files)

    def _asset(self, kind: AssetKind, files: dict[str, str]) -> Asset:
        self._made += 1
        folder = self.folder / f"asset-{self._made}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        digest = self.store.put(folder)
        return Asset(
            ref=AssetRef(owner=self.chain.account, digest=digest),
            kind=kind,
            label=Label.TRAIN if kind is AssetKind.DATA_SAMPLE else None,
            visibility=Visibility.SHARED,
            uri=self.store.uri(digest),
        )


@contextmanager
def open_world(folder: Path, *options: str) -> Iterator[World]:
    """All of it in `folder`, its chain with these command line options; gone after the ``with``, whatever happened."""
    creator, storage = folder / "creator", folder / "store"
    creator.mkdir(parents=True)
    with ExitStack() as stack:
        devnet = launch_devnet(folder / "chain", *options)
        stack.callback(devnet.end)
        chain = stack.enter_context(closing(connect(devnet.url, "//Alice")))
        world = World(folder=creator, devnet=devnet, storage=storage, chain=chain, store=LocalStore(storage))
        stack.callback(lambda: world.devnet.end())  # it may have been started again
        yield world


def wait_for(look: Callable[[], T | None], what: str, *, seconds: float = 300) -> T:
    """What `look` answers once it isn't None or False; fails the test after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")
