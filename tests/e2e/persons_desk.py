"""Fixtures of tests with people: a creator that offers bundles, and a worker with a folder who runs commands."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from substrateinterface import Keypair

from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Visibility
from node_runtime.domain.document import FILE_NAME, asset_ref
from node_runtime.domain.task import AssignmentState, TaskId
from node_runtime.kinds import read_document
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.restructuring import RestructuringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.e2e.daemon_world import World
from tests.e2e.persons_terminal import PersonsTerminal, at_terminal

REWARD = 3
TERMS = f"reward: {REWARD}\nvalidation: manual\nlimits: {{cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}}\n"
CLASSES = "annotation_type: classification\nquestion: Which animal?\nclass_labels: [cat, dog]\n"
BOXES = "annotation_type: object_detection\nquestion: Where are coins?\nclass_labels: [coin, bolt]\n"
ASKS = """\
set -e
for file in annotation_files/*; do
    name=$(basename "$file")
    printf '%s Is %s one of %s? ' "$QUESTION" "$name" "$CLASS_LABELS"
    read -r answer
    printf '{"file": "%s", "label": "%s"}' "$name" "$answer" > "outputs/${name%.*}_annotations.json"
done
"""
KNOWS = ASKS.replace("read -r answer", "answer=cat")
CAT = {"one_annotations.json": '{"file": "one.txt", "label": "cat"}'}


@dataclass(kw_only=True)
class Desk:
    """The environment of a creator, and of the worker Charlie, who uses ``folder``."""

    world: World
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    key: str = "//Charlie"

    @property
    def account(self) -> Account:
        return Account(Keypair.create_from_uri(self.key).ss58_address)

    def wealth(self) -> int:
        balance = self.world.chain.balance(self.account)
        return balance.free + balance.held

    def offer(self, script: str = KNOWS, *, asked: str = CLASSES, terms: str = TERMS) -> TaskId:
        bundle = self.world.folder / "bundle"
        (bundle / "annotation_files").mkdir(parents=True)
        (bundle / "start_task.sh").write_text(f"#!/bin/sh\n{script}")
        self._file_to_annotate(bundle / "annotation_files", asked)
        return self.submit(f"kind: annotation\nname: animals\nbundle: bundle/\n{asked}{terms}")

    def _file_to_annotate(self, folder: Path, asked: str) -> None:
        if asked == BOXES:
            (folder / "one.png").write_bytes(picture(8, 6))
        else:
            (folder / "one.txt").write_text("miaow")

    def submit(self, text: str) -> TaskId:
        file = self.world.folder / "task.yaml"
        file.write_text(text)
        (task,) = submit(read_specs(file), self.world.chain, self.world.store, say=print).tasks
        return task.id

    def with_another_bundle(self, task: TaskId, folder: Path) -> TaskId:
        """Create the task again with a bundle that `submit` would refuse."""
        chain, store = self.world.chain, self.world.store
        found, spec = chain.task(task), chain.spec(task)
        assert found is not None
        assert spec is not None
        document = read_document(store.read_file(spec.digest, FILE_NAME, limit=1 << 20))
        assert isinstance(document, AnnotationDocument | TrainingDocument | RestructuringDocument)
        assert document.bundle is not None
        ref = AssetRef(owner=chain.account, digest=store.put(folder))
        asset = Asset(ref=ref, kind=AssetKind.BUNDLE, label=None, visibility=Visibility.SHARED, uri="cas:")
        chain.register_assets([asset])
        file = self.world.folder / FILE_NAME
        file.write_bytes(document.model_copy(update={"bundle": str(ref)}).encode())
        others = tuple(one for one in spec.assets if one != asset_ref(document.bundle))
        return chain.create_task(found.terms, replace(spec, digest=store.put(file), assets=(*others, ref)))

    def hurried(self, task: TaskId, *, timeout: int) -> TaskId:
        """Create the task again with less time, in ms, than a YAML allows."""
        found, spec = self.world.chain.task(task), self.world.chain.spec(task)
        assert found is not None
        assert spec is not None
        return self.world.chain.create_task(replace(found.terms, timeout=timeout), spec)

    def types(self, *arguments: str, key: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "node_runtime", *arguments],
            cwd=self.folder,
            env=self.environment | ({"NODE_RUNTIME_KEY": key} if key else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def done(self, *arguments: str, key: str | None = None) -> str:
        """Run a command that must succeed; return its output."""
        ended = self.types(*arguments, key=key)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def refused(self, *arguments: str, code: int, key: str | None = None) -> str:
        ended = self.types(*arguments, key=key)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stderr

    def by_hand(self, task: TaskId) -> None:
        """Run the script by the printed command line."""
        line = f"cd task-{task} && . .node-runtime/task.env && ./start_task.sh"
        subprocess.run(["sh", "-c", line], cwd=self.folder, check=True, timeout=240)

    def by_hand_instead(self, task: TaskId) -> None:
        """Write the outputs without the script."""
        for name, text in CAT.items():
            (self.folder / f"task-{task}" / "outputs" / name).write_text(text)

    def state(self, task: TaskId) -> AssignmentState | None:
        attempt = self.world.chain.assignment(self.account, task)
        return None if attempt is None else attempt.state

    def outputs(self, task: TaskId) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / f"task-{task}" / "outputs").iterdir()}


def picture(width: int, height: int) -> bytes:
    """Return a grey PNG with one IDAT chunk, by the W3C PNG specification."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(width) for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    folder = tmp_path / "charlie"
    folder.mkdir()
    named = {"CHAIN": world.devnet.url, "KEY": "//Charlie", "STORAGE": world.storage, "HOME": tmp_path / "home"}
    environment = os.environ | {f"NODE_RUNTIME_{name}": str(value) for name, value in named.items()}
    return Desk(world=world, folder=folder, environment=environment)


@pytest.fixture
def sit(desk: Desk, docker_engine: DockerHost) -> Iterator[Callable[..., PersonsTerminal]]:
    """Return a function that starts a command at a terminal."""
    with ExitStack() as stack:
        desk.environment["DOCKER_HOST"] = docker_engine.url

        def start(*arguments: str) -> PersonsTerminal:
            return stack.enter_context(at_terminal(*arguments, folder=desk.folder, environment=desk.environment))

        yield start
