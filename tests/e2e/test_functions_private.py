"""Functions on private samples of two nodes: what they declare leaves, with rounded numbers, and nothing else."""

import json
import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path

import pytest
from substrateinterface import Keypair

from node_runtime.config import load_config
from node_runtime.creator.results import read_document
from node_runtime.creator.submit import create_objective
from node_runtime.creator.upload import digest_of_own_files
from node_runtime.domain.assets import Account, AssetKind, AssetRef, Digest, Label, Objective
from node_runtime.domain.permissions import Permissions
from node_runtime.domain.task import Standing, Submission, Voucher
from node_runtime.spec.read import read_specs
from node_runtime.stores.tree.walk import manifest_of
from node_runtime.substrate.client import connect
from node_runtime.worker.private_data import add_sample
from node_runtime.worker.withholding import power_of_two
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World
from tests.e2e.function_desk import DATA, SHARED, TRAIN, Desk, task, write_function
from tests.e2e.test_daemon_private import holding

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

PREDICTIONS = {"id": "predictions", "kind": "model"}
# each tries to get rows out: by both streams of the log, by files beside the outputs, by digits
TALKS = (
    'print(rows); print(rows, file=sys.stderr); open(next(iter(outputs.values())) + ".more", "w").write(str(rows))\n'
)
FUNCTIONS = {
    "train": (TRAIN, 'save("shared", len(rows))'),
    "predict": ({"inputs": [*DATA, SHARED], "outputs": [PREDICTIONS | {"private": True}]}, 'save("predictions", rows)'),
    "score": (
        {"inputs": [*DATA, PREDICTIONS], "outputs": [{"id": one, "kind": "performance"} for one in ("hits", "digits")]},
        'save("hits", {"all": int(load("predictions")[0] == rows)}); save("digits", {"all": rows[0]})',
    ),
}


@dataclass(frozen=True)
class Hospital:
    """A node with a private sample of one row, whose digits are its secret."""

    daemon: DaemonProcess
    sample: AssetRef
    secret: str


@pytest.fixture
def desk(world: World) -> Desk:
    folder = world.folder / "desk"
    for name, (signature, program) in FUNCTIONS.items():
        write_function(folder / name, signature, f"{TALKS}{program}")
    (folder / "opener.py").write_text("")
    return Desk(world, folder)


def account_of(key: str) -> Account:
    return Account(Keypair.create_from_uri(key).ss58_address)


def programs(desk: Desk, *names: str) -> tuple[Digest, ...]:
    functions = tuple(digest_of_own_files(desk.folder / one, AssetKind.FUNCTION) for one in names)
    return (*functions, digest_of_own_files(desk.folder / "opener.py", AssetKind.OPENER))


def opened(daemon: DaemonProcess, other: str, label: Label, algos: tuple[Digest, ...], world: World) -> Hospital:
    """Add a private sample that the creator, its programs and the other hospital may process."""
    secret = f"5.{secrets.randbelow(9 * 10**12) + 10**12}7"  # a last 0 would not be printed
    folder = world.folder / f"rows-{label}"
    folder.mkdir()
    (folder / "rows.txt").write_text(f"{secret}\n")
    config = load_config(daemon.work.parent / "node.yaml")
    with closing(connect(world.devnet.url, config.key)) as owner:
        allowed = Permissions(process=(world.chain.account, account_of(other)), algos=algos)
        return Hospital(daemon, add_sample(config, owner, folder, label, allowed).asset.ref, secret)


def measured(hospital: Hospital, desk: Desk) -> Objective:
    """Create the objective of the hospital's Test sample."""
    file = desk.folder / "objective.yaml"
    named = {"metric": "score/", "opener": "opener.py", "samples": [str(hospital.sample)]}
    file.write_text(json.dumps({"kind": "objective", "name": "digits", **named}))
    spec = read_specs(file)
    key = load_config(hospital.daemon.work.parent / "node.yaml").key
    with closing(connect(desk.world.devnet.url, key)) as owner:
        return create_objective(spec.objectives[0], spec, owner, desk.world.store, say=print)


def test_a_score_is_certified_on_private_data_of_two_nodes_and_no_row_leaves_them(
    desk: Desk, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    trains, scores = programs(desk, "train"), programs(desk, "predict", "score")
    world = desk.world
    one = opened(start_daemon(folder="one", algos=trains), "//Charlie", Label.TRAIN, trains, world)
    two = opened(start_daemon(folder="two", key="//Charlie", algos=scores), "//Bob", Label.TEST, scores, world)
    objective = measured(two, desk).id
    numbers = desk.submit(
        task("trained", "train", data=[str(one.sample)], objectives=[objective]),
        task("predicted", "predict", objective=objective, inputs={"shared": {"task": "trained"}}),
        task("scored", "score", objective=objective, inputs={"predictions": {"task": "predicted"}}),
    )
    trained, predicted, scored = (world.submission(number) for number in numbers.values())
    assert trained.worker == one.daemon.account
    assert predicted.worker == scored.worker == two.daemon.account
    assert desk.output(trained, "shared") == 1, "the model leaves by its owner's word"
    assert scored.score is not None
    assert (scored.score.standing, scored.score.voucher) == (Standing.CERTIFIED, Voucher.OWNER)
    rounded = Context(prec=6).create_decimal(two.secret)
    assert {perf.name: perf.value for perf in scored.result.perfs} == {"hits": Decimal(1), "digits": rounded}
    assert_stays(trained, (), one, world)
    assert_stays(predicted, ("predictions",), two, world)
    assert_stays(scored, (), two, world)
    assert_unguessable(predicted, two, world, tmp_path)
    world.devnet.kill()  # the chain's state is on disk
    for hospital in (one, two):
        assert holding(world.storage, hospital.secret) == []
        assert holding(tmp_path / "chain", hospital.secret) == []
        assert len(holding(hospital.daemon.work / "private-logs", hospital.secret)) >= 1


def assert_stays(submission: Submission, outputs: tuple[str, ...], hospital: Hospital, world: World) -> None:
    document = read_document(submission, world.store)
    assert (document.outputs_stay or (), document.log_stays) == (outputs, True)
    assert not world.store.has(Digest(document.log))
    assert (hospital.daemon.work / "private-logs" / document.log / "function.log").is_file()
    assert document.steps is not None
    seconds = [*(stage.seconds for stage in document.stages), *(value for _, value in document.steps)]
    assert seconds == [power_of_two(value) for value in seconds]


def assert_unguessable(submission: Submission, hospital: Hospital, world: World, folder: Path) -> None:
    """Assert that the predictions stay, and that their digest isn't that of a file of their bytes."""
    digest = submission.result.output("predictions")
    assert digest is not None
    assert not world.store.has(digest)
    assert list(hospital.daemon.work.glob(f"private/**/{digest}*"))
    guessed = folder / "predictions.model"
    guessed.write_text(json.dumps([float(hospital.secret)]))
    assert digest != manifest_of(guessed).digest
