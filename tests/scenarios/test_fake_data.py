"""`run --fake N`: tasks against somebody's private data, on what its opener makes up."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node_runtime import client
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Direction, Label, Visibility
from node_runtime.errors import InputError, SpecError
from tests.docker_engine import DockerHost, docker_engine
from tests.scenarios.conftest import Desk, Nrt

__all__ = ["docker_engine"]

OPENER = """\
import os

def get_X(folders):
    raise AssertionError("there is no data")

def fake_X(n_samples):
    assert os.listdir("/sandbox/data") == []
    return list(range(n_samples))

fake_y = fake_X
"""
PROGRAM = """\
import sys
import opener

assert sys.argv[-3:-1] == ["--fake-data", "--n-fake-samples"]
print(*sys.argv[1:])
n = int(sys.argv[-1])
if sys.argv[1] == "train":
    open("/sandbox/model/model", "w").write(str(sum(opener.fake_X(n))))
else:
    open("/sandbox/pred/pred", "w").write(str(len(opener.fake_X(n))))
"""
METRIC = """\
import sys
import opener

assert sys.argv[1:4] == ["--fake-data-mode", "FAKE_Y", "--n-fake-samples"]
score = int(open("/sandbox/pred/pred").read()) / len(opener.fake_y(int(sys.argv[4])))
open("/sandbox/pred/perf.json", "w").write('{"all": %s}' % score)
"""
DOCKERFILE = """\
FROM python:3.11-slim
COPY program.py /
ENTRYPOINT ["python3", "/program.py"]
"""
LIMITS = "reward: 1\nlimits: {cpus: 1, memory: 128MiB, timeout: 5m, outputs: 8MiB}\n"


def private_sample(desk: Desk, label: Label) -> AssetRef:
    """Register a sample whose bytes nobody else has: its digest and label are all that the chain knows."""
    ref = AssetRef(owner=desk.worker.account, digest=Digest(("5" if label is Label.TRAIN else "6") * 64))
    desk.worker.register_assets(
        [Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=label, visibility=Visibility.PRIVATE, uri="private:")]
    )
    return ref


def shared(desk: Desk, path: Path, kind: AssetKind) -> AssetRef:
    """Register a file or folder of the data's owner, which everybody may read."""
    ref = AssetRef(owner=desk.worker.account, digest=desk.store.put(path))
    desk.worker.register_assets(
        [Asset(ref=ref, kind=kind, label=None, visibility=Visibility.SHARED, uri=desk.store.uri(ref.digest))]
    )
    return ref


def programs(desk: Desk, **programs: str) -> None:
    for name, program in programs.items():
        (desk.folder / name).mkdir()
        (desk.folder / name / "Dockerfile").write_text(DOCKERFILE)
        (desk.folder / name / "program.py").write_text(program)
    (desk.folder / "theirs.py").write_text(OPENER)


@pytest.mark.docker
def test_a_plan_on_private_data_runs_on_what_its_opener_makes_up(
    desk: Desk, nrt: Nrt, docker_engine: DockerHost
) -> None:
    programs(desk, program=PROGRAM, measure=METRIC)
    opener = shared(desk, desk.folder / "theirs.py", AssetKind.OPENER)
    metric = shared(desk, desk.folder / "measure", AssetKind.METRIC)
    test = private_sample(desk, Label.TEST)
    number = desk.worker.create_objective(
        name="hidden",
        metric=metric.digest,
        opener=opener.digest,
        direction=Direction.HIGHER,
        tolerance=Decimal(0),
        samples=[test.digest],
    )
    (desk.folder / "task.yaml").write_text(
        f"kind: training\nname: round-1\nalgo: program\nopener: {opener}\n"
        f"data: [{private_sample(desk, Label.TRAIN)}]\nobjectives: [{number}]\n{LIMITS}---\n"
        f"kind: scoring\nname: score\nalgo: program\nobjective: {number}\nmodel: {{task: round-1}}\n{LIMITS}"
    )
    ended = nrt("run", "task.yaml", "--fake", "5", DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 0, ended.stderr
    assert (desk.folder / "runs/round-1/model").read_text() == "10"
    made_up = "  without data: its opener makes up 5 samples\n"
    assert f"{made_up}  train | train --rank 0 --fake-data --n-fake-samples 5" in ended.stdout
    assert "score 1; see" in ended.stdout


@pytest.mark.docker
def test_documents_run_in_python_without_a_chain_and_on_what_is_registered_elsewhere(
    desk: Desk, docker_engine: DockerHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(desk, program=PROGRAM)
    monkeypatch.chdir(desk.folder)
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    limits = {"cpus": 1, "memory": "128MiB", "timeout": "5m", "outputs": "8MiB"}
    given: dict[str, Any] = {"algo": "program", "data": ["train-0"], "limits": limits, "reward": 1}
    here = client.Training(name="here", opener="theirs.py", **given)
    (result,) = client.run(here, output="runs", fake=5, say=desk.said.append)
    assert (result.name, (result.folder / "model").read_text()) == ("here", "10")
    assert "  without data: its opener makes up 5 samples" in desk.said
    opener = shared(desk, desk.folder / "theirs.py", AssetKind.OPENER)
    elsewhere = client.Training(name="elsewhere", opener=opener, **given)
    with pytest.raises(SpecError, match=r"Training\('elsewhere'\)\.opener: a local run can't fetch .*: fake=N$"):
        client.run(elsewhere)
    with pytest.raises(InputError, match=r"name a connection: network=client\.connect\(\)"):
        client.run(elsewhere, fake=5)
    with pytest.raises(InputError, match="from 1 to 1,000,000 samples"):
        client.run(here, fake=0)
    with pytest.raises(InputError, match="aliases: 'no image' is neither an image"):
        client.run(here, fake=5, aliases={"python:3.11-slim": "no image"})
    network = client.Client("ws://desk", desk.chain, desk.store, desk.said.append, desk.chain.close)
    (result,) = client.run(elsewhere, fake=3, network=network, say=desk.said.append)
    assert (desk.folder / "runs" / "elsewhere" / "model").read_text() == "3"


FUNCTION = """\
import importlib.util, json, os, sys
lines = open(sys.argv[1][1:]).read().splitlines()
inputs = {one["id"]: one["value"] for one in json.loads(lines[3])}
outputs = {one["id"]: one["value"] for one in json.loads(lines[5])}
assert "datasamples" not in inputs and os.listdir("/substra_internal/data_samples") == []
print(*lines[6:])
given = importlib.util.spec_from_file_location("opener", inputs["opener"])
opener = importlib.util.module_from_spec(given)
given.loader.exec_module(opener)
rows = opener.fake_data(int(lines[8]))
before = json.load(open(inputs["shared"])) if "shared" in inputs else 0
for name, path in outputs.items():
    json.dump({"all": before} if path.endswith(".json") else before + sum(rows), open(path, "w"))
"""
FUNCTION_OPENER = """\
def get_data(folders):
    raise AssertionError("there is no data")

def fake_data(n_samples):
    return list(range(n_samples))
"""
DATA = [{"id": "opener", "kind": "data_manager"}, {"id": "datasamples", "kind": "data_sample", "multiple": True}]
SHARED = {"id": "shared", "kind": "model"}
PERFORMANCES = [{"id": name, "kind": "performance"} for name in ("distance", "spread")]


def functions(desk: Desk) -> None:
    declared = {
        "fit": {"inputs": [*DATA, {**SHARED, "optional": True}], "outputs": [SHARED]},
        "measure": {"inputs": [*DATA, SHARED], "outputs": PERFORMANCES},
    }
    for name, signature in declared.items():
        (desk.folder / name).mkdir()
        (desk.folder / name / "Dockerfile").write_text(DOCKERFILE)
        (desk.folder / name / "program.py").write_text(FUNCTION)
        (desk.folder / name / "function.yaml").write_text(json.dumps(signature))
    (desk.folder / "theirs.py").write_text(FUNCTION_OPENER)


@pytest.mark.docker
def test_functions_on_private_data_run_on_what_their_opener_makes_up(
    desk: Desk, nrt: Nrt, docker_engine: DockerHost
) -> None:
    functions(desk)
    opener = shared(desk, desk.folder / "theirs.py", AssetKind.OPENER)
    fit = shared(desk, desk.folder / "fit", AssetKind.FUNCTION)
    common = f"opener: {opener}\ndata: [{private_sample(desk, Label.TRAIN)}]\n{LIMITS}"
    (desk.folder / "task.yaml").write_text(
        f"kind: function\nname: one\nfunction: {fit}\n{common}---\n"
        f"kind: function\nname: two\nfunction: measure/\ninputs: {{shared: {{task: one}}}}\n{common}"
    )
    ended = nrt("run", "task.yaml", "--fake", "5", DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 0, ended.stderr
    assert (desk.folder / "runs/one/shared/shared.model").read_text() == "10"
    made_up = "  without data: its opener makes up 5 samples\n"
    assert f"{made_up}  function | --fake-data --n-fake-samples 5\n" in ended.stdout
    assert json.loads((desk.folder / "runs/two/perf.json").read_text()) == {"distance": 10, "spread": 10}
    assert "s, distance 10, spread 10; see runs/two\n" in ended.stdout


@pytest.mark.docker
def test_a_function_whose_opener_makes_up_nothing_is_refused(desk: Desk, nrt: Nrt, docker_engine: DockerHost) -> None:
    functions(desk)
    opener = desk.store.put(desk.folder / "opener.py")
    task = f"kind: function\nname: one\nfunction: fit/\ndata: [{private_sample(desk, Label.TRAIN)}]\n{LIMITS}"
    (desk.folder / "task.yaml").write_text(f"{task}opener: opener.py\n")
    ended = nrt("run", "task.yaml", "--fake", "5", DOCKER_HOST=docker_engine.url)
    assert (ended.returncode, told(ended.stderr, desk)) == (
        2,
        f"error: the opener {opener} has no fake_data: it makes up no data; ask its owner for such a function, or name "
        "an opener of yours that has it",
    )


@pytest.mark.docker
def test_without_fake_data_a_local_run_takes_no_registered_sample(
    desk: Desk, nrt: Nrt, docker_engine: DockerHost
) -> None:
    sample = private_sample(desk, Label.TRAIN)
    task = f"kind: training\nname: round-1\nreward: 1\ndata: [{sample}]\nalgo: algo\nopener: opener.py\n"
    (desk.folder / "task.yaml").write_text(task)
    ended = nrt("run", "task.yaml", DOCKER_HOST=docker_engine.url)
    assert (ended.returncode, told(ended.stderr, desk)) == (
        2,
        f"error: task.yaml:4:8: a local run can't fetch {sample}; name a folder or a file of this machine instead, or "
        "run on data that its opener makes up: --fake N",
    )


@pytest.mark.docker
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("algo: algo\n", "task.yaml:4:7: there is no opener that makes up data; run it on folders of yours instead"),
        (
            "bundle: bundle\n",
            "task.yaml:4:7: the layout bundle has no opener that makes up data; run it on folders of yours instead",
        ),
        (
            "algo: algo\nopener: opener.py\n",
            "the opener {opener} has no fake_X and no fake_y: it makes up no data; ask its owner for such a function, "
            "or name an opener of yours that has it",
        ),
        (
            "algo: algo\nopener: {absent}\n",
            f"the opener {'7' * 64} can't be downloaded: the storage doesn't have it; name the "
            "storage that has it by --storage, or ask its owner to put it there",
        ),
    ],
)
def test_data_that_nobody_can_make_up_is_refused(
    desk: Desk, nrt: Nrt, docker_engine: DockerHost, lines: str, reason: str
) -> None:
    sample, absent = private_sample(desk, Label.TRAIN), AssetRef(owner=desk.worker.account, digest=Digest("7" * 64))
    opener = desk.store.put(desk.folder / "opener.py")
    task = f"kind: training\nname: round-1\nreward: 1\ndata: [{sample}]\n{lines}"
    (desk.folder / "task.yaml").write_text(task.format(absent=absent))
    ended = nrt("run", "task.yaml", "--fake", "5", DOCKER_HOST=docker_engine.url)
    assert (ended.returncode, told(ended.stderr, desk)) == (2, f"error: {reason}".format(opener=opener))


def told(stderr: str, desk: Desk) -> str:
    """Return an error's message and remedy as one line, without the folder and without warnings."""
    error = stderr[stderr.index("error: ") :]
    return " ".join(error.replace(f"{desk.folder}/", "").replace("\ntry:", ";").split()).replace(" ;", ";")
