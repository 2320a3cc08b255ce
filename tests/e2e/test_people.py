"""Can a person take a task, work on it by hand or in its container, send what they made, and be paid?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from substrateinterface import Keypair

from node_runtime.creator.submit import submit
from node_runtime.spec import read_specs
from node_runtime.task import UNIT, Account, AssignmentState, SubmissionState, TaskId
from tests.docker_engine import DockerHost
from tests.e2e.daemon_world import World
from tests.e2e.persons_terminal import PersonsTerminal, at_terminal

REWARD = 3
PICTURE = bytes.fromhex(  # a grey PNG of 8 × 6 pixels
    "89504e470d0a1a0a0000000d4948445200000008000000060800000000"
)
TERMS = f"reward: {REWARD}\nvalidation: manual\nlimits: {{cpus: 0.5, memory: 64MiB, timeout: 60s, outputs: 8MiB}}\n"
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
    """A creator's world, and Charlie, who works in ``folder``."""

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

    def types(self, *arguments: str, key: str | None = None) -> "subprocess.CompletedProcess[str]":
        """A command without a terminal."""
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
        """What a command that has to succeed prints."""
        ended = self.types(*arguments, key=key)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def refused(self, *arguments: str, code: int, key: str | None = None) -> str:
        ended = self.types(*arguments, key=key)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stderr

    def by_hand(self, task: TaskId) -> None:
        """Runs the script as the printed line says."""
        line = f"cd task-{task} && . .node-runtime/task.env && ./start_task.sh"
        subprocess.run(["sh", "-c", line], cwd=self.folder, check=True, timeout=60)

    def state(self, task: TaskId) -> AssignmentState | None:
        attempt = self.world.chain.assignment(self.account, task)
        return None if attempt is None else attempt.state

    def outputs(self, task: TaskId) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / f"task-{task}" / "outputs").iterdir()}


def picture(width: int, height: int) -> bytes:
    """A grey PNG. Format: W3C PNG specification, with one IDAT."""
    import struct
    import zlib

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
    """Starts a command at a terminal."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        desk.environment["DOCKER_HOST"] = docker_engine.url

        def start(*arguments: str) -> PersonsTerminal:
            return stack.enter_context(at_terminal(*arguments, folder=desk.folder, environment=desk.environment))

        yield start


def test_by_hand_from_the_list_to_the_payment(desk: Desk) -> None:
    before, task = desk.wealth(), desk.offer()
    listed = json.loads(desk.done("list", "--role", "open", "--kind", "annotation", "--json"))
    assert [view["task"]["id"] for view in listed] == [task]
    told = desk.done("assign", str(task))
    for words in ("0.3 UNIT of yours", "question  Which animal?", "labels    cat, dog", "send by", "start_task.sh"):
        assert words in told
    assert desk.outputs(task) == {}
    desk.by_hand(task)
    assert "is sent, as submission" in desk.done("send-result", str(task))
    (submission,) = desk.world.chain.submissions(task)
    assert submission.state is SubmissionState.UNDER_REVIEW
    assert "was sent before" in desk.done("send-result", str(task))
    desk.done("accept", str(task), key="//Alice")
    assert desk.wealth() > before + (REWARD - 1) * UNIT
    assert set(desk.world.logs_of(submission)) == {"by-hand.log"}


@pytest.mark.docker
@pytest.mark.slow
def test_in_the_container_a_question_is_answered_at_the_terminal_and_the_answer_is_sent(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    before, task = desk.wealth(), desk.offer(ASKS)
    terminal = sit("work", str(task))
    settings = terminal.settings()
    terminal.waits_for('Which animal? Is one.txt one of ["cat", "dog"]?')
    assert terminal.settings() != settings
    terminal.types("cat\r")
    terminal.waits_for("Send 1 file of outputs/")
    assert terminal.settings() == settings
    terminal.types("y\r")
    assert terminal.ends() == 0, terminal.seen
    assert desk.outputs(task) == CAT
    (submission,) = desk.world.chain.submissions(task)
    assert "Which animal?" in desk.world.logs_of(submission)["work.log"]
    desk.done("accept", str(task), key="//Alice")
    assert desk.wealth() > before + (REWARD - 1) * UNIT
    assert not (desk.folder.parent / "home" / "work").exists() or not any((desk.folder.parent / "home/work").iterdir())


@pytest.mark.docker
@pytest.mark.slow
def test_interrupted_work_keeps_the_hold_and_what_was_done(desk: Desk, sit: Callable[..., PersonsTerminal]) -> None:
    task = desk.offer("echo half > outputs/half.txt; " + ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for("Is one.txt")
    terminal.types("\x03")
    assert terminal.ends() == 1, terminal.seen
    assert "start_task.sh was interrupted" in terminal.seen
    for command in (f"work {task}", f"send-result {task}", f"report-failure {task} task_error", f"hand-back {task}"):
        assert f"node-runtime {command}" in terminal.seen
    assert desk.state(task) is AssignmentState.LIVE
    assert desk.outputs(task) == {"half.txt": "half\n"}
    assert "is handed back" in desk.done("hand-back", str(task))
    assert desk.state(task) is AssignmentState.HANDED_BACK


@pytest.mark.docker
@pytest.mark.slow
def test_a_closed_terminal_ends_the_container_and_keeps_what_was_done(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    task = desk.offer("ls outputs; echo half > outputs/half.txt; " + ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for("Is one.txt")
    terminal.closes()
    assert terminal.ends() == 1, terminal.seen
    assert desk.outputs(task) == {"half.txt": "half\n"}
    again = sit("work", str(task))
    again.waits_for("half.txt")
    again.waits_for("Is one.txt")
    again.types("cat\r")
    again.waits_for("outputs/half.txt belongs to no file")
    assert again.ends() == 2, again.seen
    (desk.folder / f"task-{task}" / "outputs" / "half.txt").unlink()
    assert "is sent" in desk.done("send-result", str(task))


@pytest.mark.docker
@pytest.mark.slow
def test_without_a_terminal_it_works_unattended_and_sends_when_told_beforehand(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    task = desk.offer(f"exit 3\n{KNOWS}")
    assert "start_task.sh exited with 3" in desk.refused("work", str(task), "--yes", code=1)
    script = desk.folder / f"task-{task}" / "start_task.sh"
    script.write_text(script.read_text().replace("exit 3", ""))
    assert f"not sent; when you want to: node-runtime send-result {task}" in desk.done("work", str(task))
    assert "is sent" in desk.done("work", str(task), "--yes")
    assert desk.outputs(task) == CAT
    assert "has sent its result already" in desk.refused("work", str(task), code=3)
