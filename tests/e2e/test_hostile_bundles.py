"""Hostile bundles fail with a category or are refused, while the node runs other tasks."""

from collections.abc import Callable, Mapping

import pytest

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Label, Visibility
from node_runtime.domain.document import Document, Image, Limits
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.errors import FailureCategory
from node_runtime.kinds.training import TrainingDocument
from node_runtime.worker.reasons import Reason
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import MIB, World
from tests.e2e.test_hostile_documents import asset, stored, submit, wait_for_refusal

StartDaemon = Callable[..., DaemonProcess]
LIMITS = Limits(cpus=0.5, memory=64 * MIB, timeout=300, outputs=1 * MIB)
HANGS = "trap '' TERM; while :; do sleep 1; done"
DOCKERFILE = "ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}\n"
WORKS = "echo done > outputs/model\n"
# scripts, and the outcome of a task with such a bundle
FAILING = {
    "rm -rf /task; exit 0": FailureCategory.OUTPUT_INVALID,
    "rm -r outputs; ln -s /etc outputs": FailureCategory.OUTPUT_INVALID,
    "ln -s /etc/passwd outputs/passwd": FailureCategory.OUTPUT_INVALID,
    "ln start_task.sh outputs/linked": FailureCategory.OUTPUT_INVALID,
    "rm -r outputs; echo > outputs": FailureCategory.OUTPUT_INVALID,
    "mkfifo outputs/pipe": FailureCategory.OUTPUT_INVALID,
    "cat /dev/zero > outputs/zeros; true": FailureCategory.OUTPUT_TOO_LARGE,
    HANGS: FailureCategory.TIMEOUT,
}

pytestmark = [pytest.mark.docker]


def bundle(world: World, script: str, files: Mapping[str, str]) -> Asset:
    """Store the bundle without checks."""
    folder = world.folder / f"bundle-{len(list(world.folder.iterdir()))}"
    for name, text in {"start_task.sh": f"#!/bin/sh\n{script}\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    ref = AssetRef(owner=world.chain.account, digest=world.store.put(folder))
    return Asset(ref=ref, kind=AssetKind.BUNDLE, label=None, visibility=Visibility.SHARED, uri="cas:")


class Offers:
    """Submits trainings by bundles, with one image and one sample."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.algo = asset(world, AssetKind.ALGO, {"Dockerfile": DOCKERFILE})
        self.sample = asset(world, AssetKind.DATA_SAMPLE, {"data.csv": "1\n"}, Label.TRAIN)

    def document(self, work: Asset, limits: Limits = LIMITS) -> Document:
        return TrainingDocument(
            name="training",
            layout="bundle",
            algo=Image(source=str(self.algo.ref)),
            bundle=str(work.ref),
            data=(str(self.sample.ref),),
            limits=limits,
        )

    def offer(self, script: str, files: Mapping[str, str] | None = None) -> TaskId:
        work = bundle(self.world, script, files or {})
        limits = LIMITS.model_copy(update={"timeout": 5}) if script == HANGS else LIMITS
        return submit(self.world, self.document(work, limits), self.algo, work, self.sample)

    def offer_called(self, name: bytes) -> TaskId:
        """Submit the task under a name, in JSON, that `submit` would refuse."""
        work = bundle(self.world, WORKS, {})
        encoded = self.document(work).encode().replace(b'"training","layout"', name + b',"layout"')
        return submit(self.world, stored(self.world, encoded), self.algo, work, self.sample)


@pytest.mark.slow
def test_bundles_that_attack_their_folder_fail_by_name_and_the_next_one_is_done(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon, offers = start_daemon(slots=2), Offers(world)
    expected = {offers.offer(script): category for script, category in FAILING.items()}
    in_the_way = offers.offer(WORKS, {f"data/{offers.sample.ref.digest}": "in the way"})
    expected[in_the_way] = FailureCategory.INPUT_MISMATCH
    tiny = offers.offer(WORKS, {f"tiny/{number}": "1" for number in range(3000)})
    for task, category in expected.items():
        assert world.failure(daemon.account, task).category is category
    assert world.submission(tiny).state is SubmissionState.ACCEPTED


@pytest.mark.parametrize("name", [b'"a\\u0000b"', b'"../../etc"', b'"' + b"a" * 200_000 + b'"'])
def test_a_name_that_no_script_could_be_told_is_refused_before_a_claim(
    world: World, start_daemon: StartDaemon, name: bytes
) -> None:
    daemon = start_daemon()
    task = Offers(world).offer_called(name)
    wait_for_refusal(daemon, task, Reason.MISMATCH)
    assert world.chain.assignment(daemon.account, task) is None
