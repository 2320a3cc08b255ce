"""A creator whose programs try to get a node's private bytes out, and everything the creator can see of them.

The programs are Python scripts that arrive as the tasks' openers: one image of an algo and one of a metric run them.
"""

import base64
import bz2
import json
import lzma
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from node_runtime.config import load_config
from node_runtime.creator.results import fetch_result, read_document, staying
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Label, Visibility
from node_runtime.domain.document import Document, Image, ModelOf
from node_runtime.domain.permissions import PUBLIC
from node_runtime.domain.task import Assignment, AssignmentState, Submission, TaskId
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.substrate.client import connect
from node_runtime.worker.private_data import add_sample
from node_runtime.worker.status_file import StatusFile
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess, DaemonSettings, start
from tests.e2e.daemon_world import DOCKERFILE, World, open_world, wait_for

Relay: TypeAlias = Callable[[str], AbstractContextManager[str]]
"""Makes a chain's address into that of a relay in front of it."""

WINDOW = 16  # bytes of a private sample that count as a leak
ENTRY = 'exec python3 -B /sandbox/opener/__init__.py "$@"\n'
PRELUDE = """\
import glob, json, os, sys, time
STAGE = sys.argv[1] if len(sys.argv) > 1 else "metrics"
FILE = (glob.glob("/sandbox/data/*/secret-*") or [""])[0]
NAME = os.path.basename(FILE)
SECRET = open(FILE, "rb").read() if FILE else b""
def pred(data=b"predicted"):
    with open("/sandbox/pred/pred", "wb") as file: file.write(data)
def model(data=b"trained"):
    with open("/sandbox/model/model", "wb") as file: file.write(data)
def perf(**values):
    with open("/sandbox/pred/perf.json", "w") as file: json.dump(values, file)
def usual():
    pred() if STAGE == "predict" else model() if STAGE == "train" else perf(all=0.5)
"""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A private sample of random bytes in one file, whose name is random too."""

    name: str
    content: bytes
    asset: Asset

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """Windows of the content in every usual encoding; each longer piece of the content contains one of them."""
        raw = self.content
        packed = [zlib.compress(raw, level) for level in (0, 6, 9)] + [bz2.compress(raw), lzma.compress(raw)]
        texts = [raw.hex().encode(), raw.hex().upper().encode(), str(list(raw)).encode()]
        for phase in range(3):
            texts += [base64.b64encode(raw[phase:]), base64.urlsafe_b64encode(raw[phase:])]
        texts += [base64.b32encode(raw[phase:]) for phase in range(5)]
        texts += [raw.hex(" ").encode(), raw[::-1].hex().encode()]
        windows = [
            *(data[at : at + WINDOW] for data in (raw, raw[::-1]) for at in range(0, len(data), WINDOW)),
            *(data[at : at + WINDOW] for data in packed for at in range(32, len(data) - 48, WINDOW)),  # without headers
            *(text[at : at + 2 * WINDOW] for text in texts for at in range(0, len(text) - 4 * WINDOW, 2 * WINDOW)),
        ]
        random = (window for window in windows if len(set(window)) >= WINDOW // 2)  # not bzip2's table of used bytes
        return (self.name.encode(), *dict.fromkeys(random))

    def traces(self, content: bytes) -> list[bytes]:
        return [needle for needle in self.needles if needle in content]

    def files_with_traces(self, folder: Path) -> list[str]:
        """Return the files of a folder with a piece of the secret in their names or bytes."""
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return [str(path) for path in paths if self.traces(str(path).encode() + b"\n" + _content(path))]


def _content(path: Path) -> bytes:
    """Return the file's bytes; none of one that was removed meanwhile, as chunks of the live channel are."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the creator sees of one task: its accepted result, or the failure of the attempt."""

    task: TaskId
    submission: Submission | None
    failure: Assignment | None
    result: dict[str, Any] = field(default_factory=dict)
    files: Path = Path()
    stays: tuple[str, ...] = ()

    @property
    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.files / "perf.json").read_text())
        return found


@dataclass(kw_only=True)
class LeakWorld:
    """A chain, a store, a node with private samples and a hostile creator.

    ``secret`` must not leave the node, the owner lets models of ``given`` leave, ``removed`` is used and then removed.
    ``public`` are the folders of the store and the chain.
    """

    world: World
    daemon: DaemonProcess
    secret: Secret
    given: Secret
    removed: Secret
    algo: Asset
    metric: Asset
    public: tuple[Path, ...]

    def train(
        self,
        program: str,
        *,
        sample: Asset | None = None,
        algo: Asset | None = None,
        opener: Asset | None = None,
        composite: Literal[True] | None = None,
    ) -> TaskId:
        algo, data, opener = algo or self.algo, sample or self.secret.asset, opener or self._opener(program)
        document = TrainingDocument(
            name="training",
            algo=Image(source=str(algo.ref)),
            opener=str(opener.ref),
            data=(str(data.ref),),
            composite=composite,
            limits=self.world._limits(),
        )
        return self._submit(document, algo, opener, data)

    def score(self, program: str, *, sample: Asset | None = None, model: str = "imported\n") -> TaskId:
        opener, data = self._opener(program), sample or self.secret.asset
        imported = self.world._asset(AssetKind.MODEL, {"model": model})
        document = ScoringDocument(
            name="scoring",
            algo=Image(source=str(self.algo.ref)),
            metric=Image(source=str(self.metric.ref)),
            opener=str(opener.ref),
            data=(str(data.ref),),
            models=(ModelOf(asset=str(imported.ref)),),
            limits=self.world._limits(),
        )
        return self._submit(document, self.algo, self.metric, opener, data, imported)

    def image(self, dockerfile: str) -> Asset:
        return self.world._asset(AssetKind.ALGO, {"Dockerfile": dockerfile, "entry.sh": ENTRY})

    def shared_sample(self) -> Asset:
        return self.world._asset(AssetKind.DATA_SAMPLE, {"shared": secrets.token_hex(8)})

    def same_bytes(self, secret: Secret) -> Asset:
        """Return a shared sample of the creator with the private sample's digest."""
        ref = AssetRef(owner=self.world.chain.account, digest=secret.asset.ref.digest)
        kind, label = AssetKind.DATA_SAMPLE, Label.TRAIN
        return Asset(ref=ref, kind=kind, label=label, visibility=Visibility.SHARED, uri="cas:")

    def same_bytes_as_opener(self, secret: Secret) -> Asset:
        """Return an opener of the creator with the private sample's digest."""
        return replace(self.same_bytes(secret), kind=AssetKind.OPENER, label=None)

    def seen(self, task: TaskId) -> Seen:
        """Wait for the task's result or failure; return what the creator sees of it."""
        world = self.world

        def ended() -> Seen | None:
            submission = next(iter(world.chain.submissions(task)), None)
            attempt = world.chain.assignment(self.daemon.account, task)
            failed = attempt is not None and attempt.state is AssignmentState.FAILED
            if submission is None and not failed:
                return None
            return Seen(task=task, submission=submission, failure=attempt if failed else None)

        found = wait_for(ended, f"the end of task {task}")
        if found.submission is None:
            return found
        files = world.folder / f"seen-{task}"
        fetch_result(found.submission, world.store, files)
        return Seen(
            task=task,
            submission=found.submission,
            failure=None,
            result=json.loads((files / "result.json").read_text()),
            files=files,
            stays=staying(read_document(found.submission, world.store)),
        )

    def refused(self, task: TaskId) -> str:
        """Wait until the node refuses the task; return the reason."""

        def reason() -> str | None:
            state = StatusFile(self.daemon.work).read()
            return next((str(one.reason) for one in state.refused if one.task == task), None) if state else None

        return wait_for(reason, f"a refusal of task {task}")

    def public_traces(self, secret: Secret) -> list[str]:
        return [found for folder in self.public for found in secret.files_with_traces(folder)]

    def kept(self, digest: str) -> Path:
        return self.daemon.work / "private-logs" / digest

    def _opener(self, program: str) -> Asset:
        return self.world._asset(AssetKind.OPENER, {"opener.py": PRELUDE + program})

    def _submit(self, document: Document, *assets: Asset) -> TaskId:
        return self.world._submit(document, *assets)


@contextmanager
def open_leak_world(folder: Path, engine: DockerHost, *, through: Relay | None = None) -> Iterator[LeakWorld]:
    """Open the world with a node of two slots, which reaches the chain ``through`` this relay, if any."""
    with ExitStack() as stack:
        world = stack.enter_context(open_world(folder))
        url = stack.enter_context(through(world.devnet.url)) if through is not None else world.devnet.url
        settings = DaemonSettings(chain=url, storage=world.storage, engine=engine, slots=2)
        daemon = start(settings, folder / "node", view=world.chain)
        stack.callback(daemon.clean_up)
        stack.callback(daemon.kill)
        wait_for(lambda: daemon.ready() or daemon.process.poll() is not None, "the daemon to be ready")
        assert daemon.process.poll() is None, daemon.log_text()
        world.assignee = daemon.account
        owner = stack.enter_context(closing(connect(world.devnet.url, settings.key)))
        config = load_config(folder / "node" / "node.yaml")

        def secret(name: str) -> Secret:
            sample, file = folder / name, f"secret-{secrets.token_hex(12)}"
            sample.mkdir()
            (sample / file).write_bytes(content := os.urandom(1024))
            asset = add_sample(config, owner, sample, Label.TRAIN, PUBLIC).asset
            return Secret(name=file, content=content, asset=asset)

        programs = {"Dockerfile": DOCKERFILE, "entry.sh": ENTRY}
        yield LeakWorld(
            world=world,
            daemon=daemon,
            secret=secret("secret"),
            given=secret("given"),
            removed=secret("removed"),
            algo=world._asset(AssetKind.ALGO, programs),
            metric=world._asset(AssetKind.METRIC, {**programs, "metric": ""}),
            public=(world.storage, folder / "chain"),
        )
