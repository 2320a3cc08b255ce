"""Hostile task documents are refused with a reason, while the node runs other tasks."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.domain.assets import (
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Direction,
    Label,
    ModelId,
    ObjectiveId,
    Visibility,
)
from node_runtime.domain.clock import steady_clock
from node_runtime.domain.document import FILE_NAME, Document, Image, Limits, ModelOf
from node_runtime.domain.task import UNIT, Kind, Review, Spec, SubmissionState, TaskId, Terms
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.substrate.client import connect
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.outbox import Outbox
from node_runtime.worker.reasons import Reason
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, MIB, World, wait_for

StartDaemon = Callable[..., DaemonProcess]
LIMITS = Limits(cpus=0.5, memory=64 * MIB, timeout=300, outputs=8 * MIB)
TRAINS = "echo trained > /sandbox/model/model\n"
FORGES = """echo '{"all": 1.0}' > /sandbox/pred/perf.json\n"""
HONEST = """[ "$1" = predict ] && echo x > /sandbox/pred/pred || echo '{"all": 0.1}' > /sandbox/pred/perf.json\n"""

pytestmark = [pytest.mark.docker]


def submit(
    world: World,
    document: Document | Digest,
    *assets: Asset,
    models: Sequence[ModelId] = (),
    objectives: Sequence[ObjectiveId] = (),
) -> TaskId:
    """Create a task with this document, or with the content of that digest."""
    world.chain.register_assets([asset for asset in assets if asset.ref.owner == world.chain.account])
    digest = document if isinstance(document, str) else stored(world, document.encode())
    terms = Terms(
        kind=Kind.TRAINING if isinstance(document, str) else Kind(document.kind),
        reward=UNIT,
        bond=UNIT,
        slots=1,
        max_rejects=1,
        max_failures=3,
        review=Review(judge=world.chain.account, window=0),
        deadline=world.chain.now() + 3_600_000,
        timeout=1_800_000,
    )
    spec = Spec(
        digest=digest,
        uri="cas:",
        assets=tuple(asset.ref for asset in assets),
        models=tuple(models),
        parents=(),
        objectives=tuple(objectives),
    )
    return world.chain.create_task(terms, spec)


def stored(world: World, content: bytes) -> Digest:
    file = world.folder / FILE_NAME
    file.write_bytes(content)
    return world.store.put(file)


def asset(world: World, kind: AssetKind, files: dict[str, str], label: Label | None = None) -> Asset:
    folder = world.folder / hashlib.sha256(repr((kind, files)).encode()).hexdigest()[:16]
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    ref = AssetRef(owner=world.chain.account, digest=world.store.put(folder))
    return Asset(ref=ref, kind=kind, label=label, visibility=Visibility.SHARED, uri="cas:")


def image(world: World, kind: AssetKind, script: str) -> Asset:
    return asset(world, kind, {"Dockerfile": DOCKERFILE, "entry.sh": script})


def training(algo: Asset, *, models: tuple[ModelOf, ...] = (), entrypoint: tuple[str, ...] | None = None) -> Document:
    source = Image(source=str(algo.ref), entrypoint=entrypoint)
    return TrainingDocument(name="training", algo=source, models=models, limits=LIMITS)


def wait_for_refusal(daemon: DaemonProcess, task: TaskId, reason: Reason) -> None:
    def refused() -> bool:
        return any(entry.task == task and reason in entry.detail for entry in daemon.deeds(AuditEvent.REFUSAL))

    wait_for(refused, f"task {task} to be refused for {reason}: {daemon.log_text()[-2000:]}")


def test_documents_made_to_break_the_reader_are_refused_and_the_next_task_is_done(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    algo = image(world, AssetKind.ALGO, TRAINS)
    good = training(algo)
    folder = world.folder / "tree"
    (folder / FILE_NAME).mkdir(parents=True)
    (folder / FILE_NAME / "x").write_text("a")
    memory = str(LIMITS.memory).encode()
    broken = {
        "a folder": world.store.put(folder),
        "memory": stored(world, good.encode().replace(memory, b"1" + b"0" * 400)),
        "timeout": stored(world, good.encode().replace(b'"timeout":300', b'"timeout":1' + b"0" * 5000)),
        "two names": stored(world, good.encode().replace(b'"models":[]', b'"models":[{"task":1,"submission":1}]')),
        "claims 2^62 bytes": claim_of(world, 1 << 62),
    }
    tasks = [submit(world, digest, algo) for digest in broken.values()]
    paid = submit(world, good, algo)
    for task in tasks:
        wait_for_refusal(daemon, task, Reason.MISMATCH)
    assert world.submission(paid).state is SubmissionState.ACCEPTED
    assert daemon.process.poll() is None


def claim_of(world: World, size: int) -> Digest:
    """Write a tree into the store's folder whose manifest claims a file of that size."""
    manifest = json.dumps([[FILE_NAME, "-", size, "0" * 64]], separators=(",", ":")).encode()
    digest = Digest(hashlib.sha256(manifest).hexdigest())
    place = world.storage / "trees" / digest[:2] / digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(manifest + b"\n")
    return digest


def test_private_bytes_are_not_given_to_who_registers_their_digest_as_a_model(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "secret.txt").write_text("a secret\n")
    added = daemon.command(
        "data", "add", str(sample), "--label", "train", "--for", "public", "--download", "public", "--logs", "public"
    )
    found = re.search(r"/([0-9a-f]{64})", added.stdout)
    assert found is not None, added.stderr
    algo = image(world, AssetKind.ALGO, "cat /sandbox/model/* > /sandbox/model/model\n")
    ref = AssetRef(owner=world.chain.account, digest=Digest(found[1]))
    stolen = Asset(ref=ref, kind=AssetKind.MODEL, label=None, visibility=Visibility.SHARED, uri="cas:")
    task = submit(world, training(algo, models=(ModelOf(asset=str(ref)),)), algo, stolen)
    wait_for_refusal(daemon, task, Reason.PRIVATE)
    assert world.chain.assignment(daemon.account, task) is None


def test_an_allowed_algo_runs_with_its_own_entrypoint_only(
    world: World, start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    algo = image(world, AssetKind.ALGO, TRAINS)
    monkeypatch.setenv("NODE_RUNTIME_POLICY__ALGOS", f"[{json.dumps(algo.ref.digest)}]")
    daemon = start_daemon()
    hijacked = training(algo, entrypoint=("sh", "-c", "echo hijacked > /sandbox/model/model"))
    wait_for_refusal(daemon, submit(world, hijacked, algo), Reason.OVERRIDE)
    assert world.submission(submit(world, training(algo), algo)).state is SubmissionState.ACCEPTED


def test_a_certified_score_comes_from_the_objectives_metric_in_the_metrics_place(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    metric, predictor = image(world, AssetKind.METRIC, HONEST), image(world, AssetKind.ALGO, HONEST + "true\n")
    forger, trainer = image(world, AssetKind.ALGO, FORGES), image(world, AssetKind.ALGO, TRAINS)
    opener = asset(world, AssetKind.OPENER, {"opener.py": "# reads nothing\n"})
    test = asset(world, AssetKind.DATA_SAMPLE, {"test": "1"}, Label.TEST)
    world.chain.register_assets([metric, opener, test])
    objective = world.chain.create_objective(
        name="objective",
        metric=metric.ref.digest,
        opener=opener.ref.digest,
        direction=Direction.HIGHER,
        tolerance=Decimal("0.000001"),
        samples=[test.ref.digest],
    )
    model = world.submission(submit(world, training(trainer), trainer, objectives=[objective])).id

    def score(*, algo: Asset, measure: Image, other: Asset) -> TaskId:
        document = ScoringDocument(
            name="scoring",
            algo=Image(source=str(algo.ref)),
            metric=measure,
            opener=str(opener.ref),
            data=(str(test.ref),),
            models=(ModelOf(submission=model),),
            objective=objective,
            limits=LIMITS,
        )
        scored = [ModelId(submission=model)]
        return submit(world, document, algo, other, opener, test, models=scored, objectives=[objective])

    honest = Image(source=str(metric.ref))
    swapped = score(algo=metric, measure=Image(source=str(forger.ref)), other=forger)
    wait_for_refusal(daemon, swapped, Reason.MISMATCH)
    overridden = honest.model_copy(update={"entrypoint": ("sh", "-c", FORGES)})
    wait_for_refusal(daemon, score(algo=predictor, measure=overridden, other=metric), Reason.MISMATCH)
    given = world.submission(score(algo=predictor, measure=honest, other=metric)).score
    assert given is not None
    assert given.value == Decimal("0.1")


def test_a_hold_that_is_taken_up_is_looked_at_as_before_a_claim(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    daemon.kill()
    miscast = asset(world, AssetKind.OPENER, {"Dockerfile": DOCKERFILE, "entry.sh": TRAINS})
    algo = asset(world, AssetKind.ALGO, {"Dockerfile": DOCKERFILE, "entry.sh": HONEST})
    task = submit(world, training(miscast), miscast, algo)
    with closing(connect(world.devnet.url, "//Bob")) as worker, closing(Outbox(daemon.files.outbox)) as outbox:
        outbox.claim(task, sent=steady_clock())
        outbox.claimed(worker.assign_task(task))
    daemon = start_daemon()
    assert world.failure(daemon.account, task).category == "input_mismatch"
    assert daemon.deeds(AuditEvent.RUN) == []
