"""Work in progress is told by `list`, `show`, `logs --follow` and `wait`, from the chain and the live channel."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import typer

from node_runtime.cli.progress import NodesStatus
from node_runtime.cli.session import Session
from node_runtime.cli.wait_news import PATIENCE
from node_runtime.cli.watching import wait_for
from node_runtime.creator.live import attempts_elsewhere
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.task import Assignment, TaskId
from node_runtime.errors import FailureCategory
from node_runtime.runner.live_chunk import Chunk
from node_runtime.runner.workspace import AttemptId
from node_runtime.worker.live import LiveChannel
from tests.background import LIMIT, in_background
from tests.e2e.persons_terminal import PersonsTerminal, at_terminal
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING, parsed
from tests.scenarios.test_results import sent, stored

AUTO = TRAINING.replace("manual", "auto")
AtDesk = Callable[..., AbstractContextManager[PersonsTerminal]]


@dataclass(kw_only=True)
class Teller:
    """A node at work on a task, which tells of it without a thread."""

    hold: Assignment
    folder: Path
    channel: LiveChannel
    printed: str = ""

    def stage(self, name: str) -> None:
        self.printed = ""
        log = self.folder / f"{name}.log"
        log.write_text("")
        self.channel.stage(self._attempt, name, began=self.hold.since, log=log)
        self.channel.publish()

    def prints(self, text: str) -> None:
        self.printed += text
        (self.folder / "train.log").write_text(self.printed)
        self.channel.publish()

    def ends(self) -> None:
        self.channel.end(self._attempt)
        self.channel.publish()

    @property
    def _attempt(self) -> AttemptId:
        return AttemptId(task=self.hold.task, epoch=self.hold.epoch)


def at_work(desk: Desk, task: TaskId, folder: Path, *, shows_logs: bool = True) -> Teller:
    """Take the task as the worker, and tell of it."""
    hold = desk.worker.assign_task(task)
    channel = LiveChannel(desk.store.live, desk.worker, genesis=desk.chain.genesis, interval=5.0)
    channel.close()  # it has no thread
    channel.begin(AttemptId(task=task, epoch=hold.epoch), shows_logs=lambda: shows_logs)
    return Teller(hold=hold, folder=folder, channel=channel)


@pytest.fixture
def at_desk(desk: Desk, environment: dict[str, str]) -> AtDesk:
    return partial(at_terminal, folder=desk.folder, environment=environment)


@contextmanager
def followed(desk: Desk, at_desk: AtDesk, folder: Path, text: str = AUTO) -> Iterator[tuple[Teller, PersonsTerminal]]:
    """A node at work, and `logs -f` at a terminal."""
    task = desk.submit(text).tasks[0].id
    node = at_work(desk, task, folder)
    node.stage("train")
    with at_desk("logs", "-f", str(task)) as person:
        person.waits_for("attempt 1: train.log")
        yield node, person


def test_list_and_show_tell_stage_elapsed_time_and_time_left(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    task = desk.submit(AUTO).tasks[0].id
    node = at_work(desk, task, tmp_path)
    for command in (("list",), ("show", str(task))):
        shown = nrt(*command).stdout
        assert "elapsed" in shown, "told by the chain alone"
        assert "train image" not in shown
    node.stage("train-image")
    for command in (("list",), ("show", str(task))):
        shown = nrt(*command).stdout
        assert "train image" in shown
        assert max(map(len, shown.splitlines())) <= 80 or command[0] == "show"
    (view,) = (one for one in parsed(nrt("list", "--json")) if one["task"]["id"] == task)
    (progress,) = view["progress"]
    assert (progress["stage"], progress["epoch"], progress["worker"]) == ("train-image", 1, desk.worker.account)
    assert progress["elapsed"] + progress["left"] == node.hold.due - node.hold.since
    assert parsed(nrt("show", str(task), "--json"))["task"]["progress"][0]["stage"] == "train-image"


def test_a_stage_told_by_another_key_or_of_an_earlier_chain_is_ignored(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    task = desk.submit(AUTO).tasks[0].id
    node = at_work(desk, task, tmp_path)
    made = Chunk(
        genesis=desk.chain.genesis, worker=node.hold.worker, task=task, epoch=1, number=0, stage="forged",
        began=node.hold.since,
    )  # fmt: skip
    earlier = made.model_copy(update={"began": node.hold.since - 1})  # development chains share their genesis
    for chunk in (made.signed_by(desk.chain), earlier.signed_by(desk.worker)):
        desk.store.live.put(str(made.name), chunk.encode())
        assert "forged" not in nrt("show", str(task)).stdout
    desk.store.live.put(str(made.name), made.signed_by(desk.worker).encode())
    assert "forged" in nrt("show", str(task)).stdout


def test_logs_are_followed_live_and_then_to_their_stored_end_once(desk: Desk, at_desk: AtDesk, tmp_path: Path) -> None:
    with followed(desk, at_desk, tmp_path) as (node, person):
        node.prints("epo")
        person.waits_for("epo")
        node.prints("ch 1\n")
        person.waits_for("epoch 1")
        sent(desk, node.hold)
        node.ends()
        assert person.ends() == 0
    assert person.seen.count("epoch 1") == 1
    assert person.seen.count("train.log") == 1
    assert person.seen.endswith("\\x1b[2J\n"), "the rest of the stored log, escaped"


def test_following_logs_says_who_judges_the_result_that_is_waited_for(
    desk: Desk, at_desk: AtDesk, tmp_path: Path
) -> None:
    with followed(desk, at_desk, tmp_path, TRAINING) as (node, person):
        number = node.hold.task
        submission = sent(desk, node.hold).id
        node.ends()
        person.waits_for(f"task {number} round-1: submission {submission} waits for you until")
        person.waits_for(f"node-runtime validate {number}")
        with at_desk("logs", "-f", str(number)) as later:
            later.waits_for(f"submission {submission} waits for you until")
            assert "its logs come once a node is at work" not in later.seen, "they are there"
            desk.chain.accept_task_results(number, submission)
            assert (person.ends(), later.ends()) == (0, 0)
    assert person.seen.count("waits for you until") == 1


def test_following_logs_says_why_nobody_takes_the_task(desk: Desk, at_desk: AtDesk) -> None:
    nobody = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"
    task = desk.submit(AUTO + f"assign_to: {nobody}\n").tasks[0].id
    with at_desk("logs", "-f", str(task)) as person:
        person.waits_for("its logs come once a node is at work")
        person.waits_for("is offered to")
        desk.chain.cancel_task(task, abort=False)
        assert person.ends() == 0


def test_a_failed_attempts_logs_come_whole_before_the_end(desk: Desk, at_desk: AtDesk, tmp_path: Path) -> None:
    with followed(desk, at_desk, tmp_path, AUTO + "max_failures: 1\n") as (node, person):
        node.prints("one\n")
        person.waits_for("one")
        log = stored(desk, "failed", {"failure.txt": "task_error: exited with 3\n", "train.log": "one\ntwo\n"})
        desk.worker.report_failure(node.hold.task, node.hold.epoch, FailureCategory.TASK_ERROR, log)
        node.ends()
        assert person.ends() == 0
    assert [person.seen.count(line) for line in ("one\n", "two\n", "exited with 3\n")] == [1, 1, 1]
    assert "is paused" in person.seen, "why nobody goes on with it"


def test_a_node_that_tells_its_log_anew_repeats_nothing(desk: Desk, at_desk: AtDesk, tmp_path: Path) -> None:
    with followed(desk, at_desk, tmp_path) as (node, person):
        node.prints("epoch 1\n")
        person.waits_for("epoch 1")
        node.ends()
        node.channel.begin(AttemptId(task=node.hold.task, epoch=node.hold.epoch), shows_logs=lambda: True)
        node.stage("train")
        node.prints("epoch 1\nepoch 2\n")
        person.waits_for("epoch 2")
        sent(desk, node.hold)
        assert person.ends() == 0
    assert person.seen.count("  epoch 1") == 2, "the stored log is another one, and is shown whole"


def test_of_private_data_stages_alone_are_followed(desk: Desk, at_desk: AtDesk, tmp_path: Path) -> None:
    task = desk.submit(AUTO).tasks[0].id
    node = at_work(desk, task, tmp_path, shows_logs=False)
    node.stage("train")
    node.prints("a secret\n")
    with at_desk("logs", "-f", str(task)) as person:
        person.waits_for("attempt 1: train.log")
        desk.chain.cancel_task(task, abort=True)
        assert person.ends() == 0
    assert "a secret" not in person.seen


def test_of_a_task_on_private_data_stages_and_times_are_followed_until_its_attempt_ends(
    desk: Desk, nrt: Nrt, at_desk: AtDesk, tmp_path: Path
) -> None:
    ref = AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32)))
    sample = Asset(
        ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.PRIVATE, uri="private:"
    )
    desk.worker.register_assets([sample])
    task = desk.submit(TRAINING.replace("train-0", str(ref))).tasks[0].id  # its creator judges for a day
    with at_desk("logs", "-f", str(task)) as person:
        person.waits_for("what it prints stays on its node")
        node = at_work(desk, task, tmp_path, shows_logs=False)
        node.stage("train")
        node.prints("a secret\n")
        person.waits_for(": train for ")
        worker = f"attempt 1 of {node.hold.worker[:6]}"
        sent(desk, node.hold)
        node.ends()
        assert person.ends() == 0
    assert f"{worker}" in person.seen
    assert "sent a result" in person.seen
    assert "a secret" not in person.seen
    again = nrt("logs", "-f", str(task))
    assert again.returncode == 0, "nothing is waited for once the attempt is over"
    assert "what it prints stays on its node" in again.stdout
    assert ": sent a result\n" in again.stdout


def test_waiting_tells_what_each_task_of_a_plan_really_waits_for(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    parent = desk.submit(AUTO).tasks[0].id
    child = desk.submit(AUTO + f"models: [{{task: {parent}}}]\n").tasks[0].id
    before = nrt("wait", str(parent), str(child), "--timeout", "1s").stdout
    assert before.splitlines()[:2] == [
        f"task {parent} round-1: waits for a node to take it",
        f"task {child} round-1: waits for the model of task {parent} round-1",
    ]
    waiting = in_background(lambda: nrt("wait", str(parent), str(child)))
    node = at_work(desk, parent, tmp_path)
    node.stage("train")
    sent(desk, node.hold)
    last = at_work(desk, child, tmp_path)
    last.stage("train")
    sent(desk, last.hold)
    told = waiting.result(LIMIT).stdout
    assert f"task {child} round-1: done\n" in told
    assert not re.search(r": open\n", before + told)


def test_why_nobody_takes_a_task_is_told_while_it_is_waited_for(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(AUTO + "assign_to: 5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM\n").tasks[0].id
    told = nrt("wait", str(task), "--timeout", f"{4 * PATIENCE:.0f}s").stdout
    assert f"task {task} round-1: waits for 5C4hrf…pnhM to take it\n" in told
    lack = f"task {task} round-1 is offered to 5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM only, which has 0 UNIT"
    assert told.count(lack) == 2, "once while it is waited for, and at the end"


def test_following_ends_by_ctrl_c_without_a_trace(desk: Desk, at_desk: AtDesk, tmp_path: Path) -> None:
    with followed(desk, at_desk, tmp_path) as (_, person):
        person.types("\x03")
        assert person.ends() == 130
        assert "Traceback" not in person.seen
    with at_desk("show", "--watch", str(max(desk.chain.tasks_of(desk.chain.account)))) as person:
        person.waits_for("1 at work")
        person.types("\x03")
        assert person.ends() == 130
        assert "Traceback" not in person.seen
        assert person.seen.count("1049h") == person.seen.count("1049l") == 1


def test_who_stops_waiting_is_told_on_a_line_of_its_own(desk: Desk, at_desk: AtDesk) -> None:
    task = desk.submit(AUTO).tasks[0].id
    with at_desk("wait", str(task)) as person:
        person.waits_for("waits for a node to take it")
        person.types("\x03")
        assert person.ends() == 130
    assert re.search(r"\x1b\[2K(?:\x1b\[[0-9;?]*[a-zA-Z]|\r)*warning: ?(?:\x1b\[0m ?)?not waited for", person.seen)


def test_without_a_timeout_a_stalled_task_has_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest block, which is from before the task counted as stalled, doesn't decide it."""
    task = desk.submit(AUTO).tasks[0].id
    desk.worker.report_failure(task, desk.worker.assign_task(task).epoch, FailureCategory.TASK_ERROR, Digest("0" * 64))
    monkeypatch.setattr("node_runtime.creator.watch.STALLED_AFTER", 1000)
    session = Session(url="", chain=desk.chain, store=desk.store)
    with pytest.raises(typer.Exit) as ended:
        wait_for(session, [task], timeout=None, as_json=False)
    assert ended.value.exit_code == 1
    assert "not final after" not in capsys.readouterr().err


def test_show_watches_a_task_to_its_end(desk: Desk, nrt: Nrt, at_desk: AtDesk, tmp_path: Path) -> None:
    task = desk.submit(AUTO).tasks[0].id
    plain = in_background(lambda: nrt("show", "--watch", str(task)))
    with at_desk("show", "-w", str(task)) as person:
        person.waits_for(f"task {task}")
        node = at_work(desk, task, tmp_path)
        node.stage("train")
        person.waits_for("train")
        sent(desk, node.hold)
        assert person.ends() == 0
    assert "done" in person.seen[person.seen.rindex("1049l") :], "the last state stays on the terminal"
    lines = plain.result(240).stdout
    assert f"task {task} round-1 is done" in lines
    assert "\x1b" not in lines


def test_waiting_ends_as_the_tasks_end(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    first, second = desk.submit(AUTO).tasks[0].id, desk.submit(AUTO).tasks[0].id
    node = at_work(desk, first, tmp_path)
    node.stage("train")
    ended = nrt("wait", str(first), str(second), "--timeout", "1s")
    assert ended.returncode == 124
    told = " ".join(ended.stderr.split())
    assert f"task {first} round-1 is open: attempt 1 of" in told
    assert "train for" in told
    assert f"task {second} round-1 is open" in told
    sent(desk, node.hold)
    assert nrt("wait", str(first)).returncode == 0
    desk.chain.cancel_task(second, abort=False)
    assert nrt("wait", str(first), str(second)).returncode == 1
    listed = json.loads(nrt("wait", str(first), "--json").stdout)["tasks"]
    assert [one["task"]["state"] for one in listed] == ["done"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("wait", "1", "--timeout", "soon"), "'soon' is not a duration"),
        (("wait", "999"), "there is no task 999"),
        (("wait", "x"), "'x' is no task's number"),
        (("logs", "1", "-f", "--json"), "which is no JSON"),
        (("show", "1", "-w", "--json"), "which is no JSON"),
    ],
)
def test_mistakes_are_told(desk: Desk, nrt: Nrt, words: tuple[str, ...], said: str) -> None:
    assert desk.chain.now() >= 0
    ended = nrt(*words)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_attempts_of_nodes_elsewhere_are_found_by_what_they_publish(desk: Desk, tmp_path: Path) -> None:
    task = desk.submit(AUTO).tasks[0].id
    node = at_work(desk, task, tmp_path)
    assert attempts_elsewhere(desk.chain, desk.store, known=set()) == ()
    node.stage("train")
    no_account = "1" * 48
    for made_up in (f"live/{no_account}/{task}-1/0", f"live/{desk.chain.account}/{task}-1/0"):
        desk.store.live.put(made_up, b"x")
    (found,) = attempts_elsewhere(desk.chain, desk.store, known=set())
    assert (found.worker, found.task, found.stage) == (desk.worker.account, task, "train")
    assert attempts_elsewhere(desk.chain, desk.store, known={desk.worker.account}) == ()
    node.ends()


def test_the_local_networks_nodes_are_told_while_they_are_at_work(desk: Desk, tmp_path: Path) -> None:
    status = NodesStatus(desk.chain, desk.store, ("bob", "charlie"))
    task = desk.submit(AUTO).tasks[0].id
    node = at_work(desk, task, tmp_path)
    node.stage("train-image")
    (told,) = (line for line in status.lines() if f"task {task} round-1," in line)
    assert told.startswith(f"node bob, task {task} round-1, attempt 1: train image for ")
    assert told.endswith(" left")
    sent(desk, node.hold)
    assert not any(f"task {task} " in line for line in status.lines())
