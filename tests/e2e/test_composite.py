"""A composite in layout sandbox on two nodes: heads stay, trunks are aggregated and move on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Visibility
from node_runtime.domain.task import SubmissionState
from node_runtime.runner.result_document import ResultDocument
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# the head collects the letters of its node's data, the trunk those of all
ALGO = """\
cd /sandbox
case $1 in
  train) for part in head trunk; do
      cat $(ls -d model/${part}_* 2>/dev/null) data/*/letter > /tmp/$part; cp /tmp/$part model/${part}_model
    done;;
  aggregate) shift; for key in $1 $2; do cat model/$key; done > model/model;;
  predict) cat model/head_* model/trunk_* > pred/pred;;
esac
"""
METRIC = """test "$(cat /sandbox/pred/pred)" = aaaba && echo '{"all": 1}' > /sandbox/pred/perf.json\n"""
LIMITS = "reward: 2\nlimits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB, local: 8MiB}\n"


def plan(first: str, second: str) -> str:
    def train(name: str, data: str, composite: str, account: str = "") -> str:
        assigned = f"assign_to: {account}\n" if account else ""
        common = f"kind: training\nname: {name}\nalgo: algo/\nopener: opener.py\ndata: [{data}]\n"
        return f"{common}composite: {composite}\n{assigned}{LIMITS}"

    return "---\n".join(
        [
            train("a-1", "data-a", "{}", first),
            train("b-1", "data-b", "{}", second),
            f"kind: aggregation\nname: both\nalgo: algo/\nmodels: [{{task: a-1}}, {{task: b-1}}]\n{LIMITS}",
            train("a-2", "data-a", "{head: {task: a-1}, trunk: {task: both}}"),
            "kind: scoring\nname: score\ncomposite: {head: {task: a-2}, trunk: {task: a-2}}\nalgo: algo/\n"
            f"opener: opener.py\ndata: [data-a]\nmetrics: metric/\n{LIMITS}",
        ]
    )


def written(folder: Path, text: str) -> Path:
    for name, program in (("algo", ALGO), ("metric", METRIC)):
        (folder / name).mkdir()
        (folder / name / "Dockerfile").write_text(DOCKERFILE)
        (folder / name / "entry.sh").write_text(program)
    for letter in "ab":
        (folder / f"data-{letter}").mkdir()
        (folder / f"data-{letter}" / "letter").write_text(letter)
    (folder / "opener.py").write_text("# reads nothing\n")
    file = folder / "plan.yaml"
    file.write_text(text)
    return file


def test_heads_stay_on_their_nodes_and_trunks_move(world: World, start_daemon: StartDaemon, tmp_path: Path) -> None:
    one, other = start_daemon(folder="one"), start_daemon(folder="other", key="//Charlie")
    file = written(world.folder, plan(one.account, other.account))
    tasks = {task.name: task.id for task in submit(read_specs(file), world.chain, world.store, say=print).tasks}

    def output(task: str, name: str) -> Digest:
        submission = world.submission(tasks[task])
        assert submission.state is SubmissionState.ACCEPTED
        digest = submission.result.output(name)
        assert digest is not None
        return digest

    def read(digest: Digest) -> str:
        world.store.fetch(digest, tmp_path / digest)
        (file,) = (tmp_path / digest).iterdir()
        return file.read_text()

    score = world.submission(tasks["score"])
    assert score.score is not None
    assert score.score.value == 1
    assert (score.worker, world.submission(tasks["a-2"]).worker) == (one.account, one.account), "where its head is"
    assert [read(output("a-1", "trunk")), read(output("both", "model"))] == ["a", "ab"]
    assert read(output("a-2", "trunk")) == "aba"
    for task, node in (("a-1", one), ("a-2", one), ("b-1", other)):
        head = output(task, "head")
        assert not world.store.has(head), "a head left its node"
        assert list(node.work.glob(f"private/**/{head}*")), "its node doesn't keep it"
    result = tmp_path / "result"
    world.store.fetch(world.submission(tasks["a-2"]).result.digest, result)
    document = ResultDocument.decode((result / "result.json").read_bytes())
    assert document.outputs_stay == ("head",)
    assert document.log_stays
    assert not world.store.has(Digest(document.log))

    # its digest is public: whoever registers it as a model of theirs is not given the bytes
    stolen = AssetRef(owner=world.chain.account, digest=output("a-2", "head"))
    asset = Asset(ref=stolen, kind=AssetKind.MODEL, label=None, visibility=Visibility.SHARED, uri="cas:")
    world.chain.register_assets([asset])
    theft = f"kind: aggregation\nname: theft\nalgo: algo/\nmodels: [{stolen}]\nassign_to: {one.account}\n{LIMITS}"
    (world.folder / "theft.yaml").write_text(theft)
    submit(read_specs(world.folder / "theft.yaml"), world.chain, world.store, say=print)
    wait_for(lambda: f"{stolen.digest} is this node's private data" in one.log_text(), "the node to refuse it")
