"""The environment of the daemon's end-to-end tests: an embedded chain, a store, containers, one creator.

The algo and the metric of every task are two small images that run a shell script from the task's data sample, so a
test defines its containers in a few lines of shell, and images are built once for all tests.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Digest, Label, SubmissionId, Visibility
from node_runtime.domain.document import FILE_NAME, Document, Image, Limits, ModelOf
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.domain.task import (
    UNIT,
    Assignment,
    AssignmentState,
    Kind,
    PlanId,
    Review,
    Spec,
    Submission,
    SubmissionState,
    TaskId,
    Terms,
)
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import ResultDocument
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import SubstrateChain, connect
from tests.devnet import RunningDevnet, launch_devnet
from tests.later_devnet import LaterDevnet

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
WAITS = "until test -e /tmp/go; do sleep 0.1; done"  # until the test releases it: `DaemonProcess.let_go`
PREDICT = "echo predicted > /sandbox/pred/pred"
SCORE = """echo '{"all": 0.9375}' > /sandbox/pred/perf.json"""


@dataclass(kw_only=True)
class World:
    """The environment of a creator. ``folder`` is scratch space."""

    folder: Path
    chain_process: RunningDevnet | LaterDevnet
    storage: Path
    chain: SubstrateChain
    store: AssetStore
    timeout: int = 600  # timeout of a container in seconds; reached only by tests of timeouts
    attempt: int = 1800  # timeout of an attempt in seconds
    slots: int = 1
    window: int = 0  # ms of review
    assignee: Account | None = None
    plan: PlanId | None = None  # of the next tasks
    local: int | None = 8 * MIB  # the plan's local folder; None without one
    gpus: int | None = None  # of the next tasks
    permissions: Permissions = PUBLIC  # of the next samples
    rights: Permissions = PUBLIC  # given on what the next tasks make
    _made: int = field(default=0)

    def train(
        self,
        script: str = TRAIN,
        *,
        dockerfile: str = DOCKERFILE,
        before_submitting: Callable[[Asset], None] | None = None,
        sample: Asset | None = None,
        model: SubmissionId | None = None,
    ) -> TaskId:
        """Submit a training whose container runs `script`, or the script in a node's private ``sample``.

        ``before_submitting`` is called with its data sample, ``model`` is the result whose model it takes.
        """
        algo = self._image(AssetKind.ALGO, "script.sh", dockerfile)
        data = sample or self._sample({"script.sh": script})
        if before_submitting is not None:
            before_submitting(data)
        document = TrainingDocument(
            name="training",
            algo=Image(source=str(algo.ref)),
            data=(str(data.ref),),
            models=(ModelOf(submission=model),) if model is not None else (),
            limits=self._limits(),
        )
        return self._submit(document, algo, data)

    def score(self, *, predict: str = PREDICT, metric: str = SCORE, sample: Asset | None = None) -> TaskId:
        """Submit a cross-validation of an imported model; its two containers run these scripts, or a sample's."""
        algo = self._image(AssetKind.ALGO, "script.sh", DOCKERFILE)
        judge = self._image(AssetKind.METRIC, "metric.sh", DOCKERFILE)
        data = sample or self._sample({"script.sh": predict, "metric.sh": metric})
        opener = self._asset(AssetKind.OPENER, {"opener.py": "# reads nothing\n"})
        model = self._asset(AssetKind.MODEL, {"model": "imported\n"})
        document = ScoringDocument(
            name="scoring",
            algo=Image(source=str(algo.ref)),
            metric=Image(source=str(judge.ref)),
            opener=str(opener.ref),
            data=(str(data.ref),),
            models=(ModelOf(asset=str(model.ref)),),
            limits=self._limits(),
        )
        return self._submit(document, algo, judge, data, opener, model)

    def annotate(self, *, sample: Asset, start: str = "exec sh data/*/script.sh\n") -> TaskId:
        """Submit an annotation of a picture of 64 × 48 pixels on a node's private ``sample``, which has the script."""
        algo = self._image(AssetKind.ALGO, "script.sh", DOCKERFILE)
        picture = "GIF89a@\x000\x00"  # a GIF header up to the size
        bundle = self._asset(AssetKind.BUNDLE, {"start_task.sh": start, "annotation_files/a.gif": picture})
        asked = Annotation(type=AnnotationType.OBJECT_DETECTION, question="Where are the coins?", labels=("coin",))
        document = AnnotationDocument(
            name="annotation",
            layout="bundle",
            algo=Image(source=str(algo.ref)),
            bundle=str(bundle.ref),
            annotation=asked,
            data=(str(sample.ref),),
            limits=self._limits(),
        )
        return self._submit(document, algo, bundle, sample)

    def tamper(self, asset: Asset) -> None:
        """Change one stored byte of the asset, as a disk fault or an attacker would."""
        (stored,) = [path for path in self.storage.rglob(f"{asset.ref.digest}*") if path.is_file()]
        content = bytearray(stored.read_bytes())
        content[-1] ^= 1
        stored.chmod(0o644)
        stored.write_bytes(content)

    def logs_of(self, submission: Submission) -> dict[str, str]:
        """Return the logs of a result by name, fetched as the creator does."""
        result = self.folder / f"result-{submission.id}"
        self.store.fetch(submission.result.digest, result)
        document = ResultDocument.decode((result / "result.json").read_bytes())
        logs = self.folder / f"logs-{submission.id}"
        self.store.fetch(Digest(document.log), logs)
        return {path.name: path.read_text(errors="replace") for path in logs.iterdir()}

    @property
    def devnet(self) -> RunningDevnet:
        """Return the chain's process, which can be killed and restarted."""
        assert isinstance(self.chain_process, RunningDevnet)
        return self.chain_process

    def restart_chain(self, meanwhile: Callable[[], object]) -> None:
        """Kill the chain's process, call `meanwhile`, and restart it on the same port."""
        self.devnet.kill()
        meanwhile()
        self.chain_process = launch_devnet(self.storage.parent / "chain", port=self.devnet.port)

    def submission(self, task: TaskId) -> Submission:
        return wait_for(lambda: next(iter(self.chain.submissions(task)), None), f"a result of task {task}")

    def model_of(self, task: TaskId) -> str:
        """Wait for the task's result, which has to be accepted; return the content of its model."""
        submission = self.submission(task)
        assert submission.state is SubmissionState.ACCEPTED
        digest = submission.result.output("model")
        assert digest is not None
        folder = self.folder / f"model-{task}"
        self.store.fetch(digest, folder)
        return (folder / "model").read_text()

    def failure(self, worker: Account, task: TaskId) -> Assignment:
        """Wait until the worker's attempt has failed on chain; return it."""

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
        local = None if self.plan is None else self.local
        return Limits(cpus=0.5, memory=64 * MIB, timeout=self.timeout, outputs=8 * MIB, local=local, gpus=self.gpus)

    def _submit(self, document: Document, *assets: Asset) -> TaskId:
        own = [asset for asset in assets if asset.ref.owner == self.chain.account]
        self.chain.register_assets([asset for asset in own if asset.label is None])
        self.chain.register_assets([asset for asset in own if asset.label is not None], self.permissions)
        file = self.folder / FILE_NAME
        file.write_bytes(document.encode())
        digest = self.store.put(file)
        terms = Terms(
            kind=Kind(document.kind),
            reward=REWARD,
            bond=UNIT,
            slots=self.slots,
            max_rejects=1,
            max_failures=3,
            review=Review(judge=self.chain.account, window=self.window),
            deadline=self.chain.now() + 3_600_000,
            timeout=self.attempt * 1000,
            plan=self.plan,
            assignee=self.assignee,
        )
        references = tuple(asset.ref for asset in assets)
        spec = Spec(
            digest=digest,
            uri=self.store.uri(digest),
            assets=references,
            models=document.recorded_models(),
            parents=(),
            objectives=(),
            roles=document.task_roles(),
            rights=self.rights,
        )
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
            (folder / name).parent.mkdir(exist_ok=True)
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
    """Set up the environment in `folder`, its chain with these command line options; tear it down at the end."""
    creator, storage = folder / "creator", folder / "store"
    creator.mkdir(parents=True)
    with ExitStack() as stack:
        devnet = launch_devnet(folder / "chain", *options)
        stack.callback(devnet.end)
        chain = stack.enter_context(closing(connect(devnet.url, "//Alice")))
        world = World(folder=creator, chain_process=devnet, storage=storage, chain=chain, store=LocalStore(storage))
        stack.callback(lambda: world.devnet.end())  # it may have been restarted
        yield world


def wait_for(look: Callable[[], T | None], what: str, *, seconds: float = 300) -> T:
    """Poll `look` until it returns neither None nor False, and return that; fail the test after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")
