"""Each kind of invalid function, model and private sample ends with its category and its words, and nothing is paid."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.endings import failed_attempts
from node_runtime.creator.tasks import view_task
from node_runtime.domain.assets import AssetRef, Digest, SubmissionId
from node_runtime.errors import FailureCategory
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.inputs import ADD_AGAIN
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import wait_for
from tests.e2e.function_desk import DATA, SHARED, Desk, task, write_function
from tests.e2e.function_desk import desk as desk

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

INVALID = FailureCategory.OUTPUT_INVALID
ONE_NUMBER = 'let the function write {"all": number} and nothing else, a finite number'
PERFORMANCES = {
    "text": ("""save("number", {"all": "0.5"})""", """'all' is "0.5", not a number"""),
    "nan": ("""save("number", {"all": float("nan")})""", "NaN is not a finite number"),
    "other": ("""save("number", {"f1": 1})""", "the key 'all' is missing"),
    "more": ("""save("number", {"all": 1, "f1": 1})""", "the key 'f1' is there beside 'all'"),
    "none": ("", "it was not written"),
    "folder": ("""import os; os.mkdir(outputs["number"])""", "it is not a regular file"),
}
MODELS = {
    "no-model": (
        "",
        "stage function ended well but left no out_models/shared.model; let it write out_models/shared.model, a file "
        "or a folder with files in it, before it exits with 0",
    ),
    "folder-model": (
        """import os; os.mkdir(outputs["shared"]); open(outputs["shared"] + "/a", "w").close()""",
        "stage function left a folder as shared.model, not a file; let it write one regular file, e.g. an archive of "
        "the folder",
    ),
}
OPENS = """\
import importlib.util
given = importlib.util.spec_from_file_location("opener", of("opener")[0])
given.loader.exec_module(importlib.util.module_from_spec(given))
"""


def reason(daemon: DaemonProcess, number: int) -> str:
    """Return why the attempt failed, as the node logs it."""
    events = (json.loads(line) for line in daemon.log_text().splitlines() if '"task_failed"' in line)
    (found,) = (event["reason"] for event in events if event["task"] == number)
    return str(found)


def test_outputs_that_are_none_and_an_opener_that_is_no_python(desk: Desk, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=3)
    tasks: dict[str, Any] = {}
    for name, (program, _) in PERFORMANCES.items():
        write_function(desk.folder / name, {"outputs": [{"id": "number", "kind": "performance"}]}, program)
        tasks[name] = task(name, name)
    for name, (program, _) in MODELS.items():
        write_function(desk.folder / name, {"outputs": [SHARED]}, program)
        tasks[name] = task(name, name)
    (desk.folder / "opener.py").write_text("class Rows(\n")
    write_function(desk.folder / "opens", {"inputs": DATA, "outputs": [SHARED]}, OPENS)
    tasks["opens"] = task("opens", "opens", data=["a"])
    numbers = {name: desk.submit(one)[name] for name, one in tasks.items()}
    for name, number in numbers.items():
        failed = desk.world.failure(daemon.account, number)
        assert failed.category is (FailureCategory.TASK_ERROR if name == "opens" else INVALID), name
        assert desk.world.chain.submissions(number) == (), name
    for name, (_, told) in PERFORMANCES.items():
        said = f"stage function: number-perf.json can't be used: {told}; {ONE_NUMBER}"
        assert reason(daemon, numbers[name]) == said, name
    for name, (_, told) in MODELS.items():
        assert reason(daemon, numbers[name]) == told, name
    assert reason(daemon, numbers["opens"]) == "stage function: exited with 1; see function.log in its logs"
    attempt = desk.world.chain.assignment(daemon.account, numbers["opens"])
    assert attempt is not None
    assert attempt.log is not None
    desk.world.store.fetch(attempt.log, desk.folder / "logs")
    assert "SyntaxError" in (desk.folder / "logs" / "function.log").read_text()
    view = view_task(desk.world.chain, desk.world.store, numbers["opens"])
    (ended,) = failed_attempts(view, desk.world.store)
    assert ended.steps is not None
    assert ended.steps.seconds.keys() == {"inputs", "image", "run"}
    view = view_task(desk.world.chain, desk.world.store, numbers["nan"])
    (ended,) = failed_attempts(view, desk.world.store)
    assert ended.steps is not None
    assert ended.steps.seconds.keys() == {"inputs", "image", "run", "outputs"}


TRAINS = """\
cd /sandbox
case $(cat data/*/rows.txt) in
  4) mkdir model/model; echo weights > model/model/a;;
  *) cat model/[0-9a-f]* > model/model;;
esac
"""


def test_models_of_one_layout_in_the_other(desk: Desk, start_daemon: StartDaemon) -> None:
    """A file is taken by both; a folder by no function."""
    daemon = start_daemon()
    (desk.folder / "algo").mkdir()
    dockerfile = (desk.folder / "train" / "Dockerfile").read_text()
    dockerfile = dockerfile.replace("function.py", "entry.sh").replace("python3", "sh")
    (desk.folder / "algo" / "Dockerfile").write_text(dockerfile)
    (desk.folder / "algo" / "entry.sh").write_text(TRAINS)
    limits = {"cpus": 0.5, "memory": "64MiB", "timeout": "10m", "outputs": "8MiB"}
    training = {"kind": "training", "algo": "algo/", "reward": 1, "limits": limits}
    numbers = desk.submit(
        task("one", "train", data=["a"]),
        training | {"name": "two", "data": ["a"], "models": [{"task": "one"}]},
        task("three", "train", data=["a"], inputs={"shared": {"task": "two"}}),
        training | {"name": "folder", "data": ["b"]},
        task("refused", "train", data=["a"], inputs={"shared": {"task": "folder"}}),
    )
    assert desk.output(desk.world.submission(numbers["three"]), "shared") == 6.0
    folder = desk.world.submission(numbers["folder"]).result.output("model")
    assert desk.world.failure(daemon.account, numbers["refused"]).category is FailureCategory.INPUT_MISMATCH
    assert reason(daemon, numbers["refused"]) == (
        f"model {folder} is a folder, and a function takes a file; name a model that is one regular file, e.g. an "
        "archive"
    )


def private(daemon: DaemonProcess, folder: Path, rows: str) -> tuple[AssetRef, Path]:
    """Add a private sample; return its key and where its node keeps it."""
    folder.mkdir()
    (folder / "rows.txt").write_text(rows)
    added = daemon.command("data", "add", str(folder), "--label", "train", "--for", "public", "--download", "public")
    assert added.returncode == 0, added.stderr
    digest = Digest(added.stdout.splitlines()[0].rpartition("/")[2])
    return AssetRef(owner=daemon.account, digest=digest), kept(daemon, digest)


def kept(daemon: DaemonProcess, digest: Digest) -> Path:
    (found,) = (path for path in (daemon.work / "private").rglob(f"{digest}*") if path.name == digest)
    return found


def test_private_samples_and_models_that_are_gone_or_changed_on_disk(
    desk: Desk, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    gone, place = private(daemon, tmp_path / "gone", "7\n")
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    refused = desk.submit(task("gone", "train", data=[str(gone)]))["gone"]
    (refusal,) = wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal")
    told = f"the bytes of this node's private sample {gone.digest} aren't here any more"
    assert (refusal.task, refusal.detail) == (refused, f"private_data_missing: {told}")

    changed, place = private(daemon, tmp_path / "changed", "8\n")
    content = bytearray(place.read_bytes())
    content[-2] ^= 1
    place.chmod(0o600)
    place.write_bytes(content)
    damaged = desk.submit(task("changed", "train", data=[str(changed)]))["changed"]
    assert desk.world.failure(daemon.account, damaged).category is FailureCategory.NODE_ERROR
    assert reason(daemon, damaged).startswith(f"this node's private sample {changed.digest} is damaged: ")
    assert reason(daemon, damaged).endswith(f"; {ADD_AGAIN}")

    first = desk.world.submission(desk.submit(task("one", "composite", data=["a"]))["one"])
    head, _ = desk.world.chain.models_of(SubmissionId(first.id))
    kept(daemon, head.digest).unlink()
    taken = {"local": {"submission": first.id, "output": 1}}
    lost = desk.submit(task("two", "composite", data=["a"], inputs=taken))["two"]
    refusal = wait_for(
        lambda: next((one for one in daemon.deeds(AuditEvent.REFUSAL) if one.task == lost), None), "the refusal"
    )
    assert refusal.detail == (
        f"private_data_missing: the bytes of this node's private model {head.digest} aren't here any more"
    )
