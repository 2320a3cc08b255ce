"""What leaves a node of a task whose outputs don't all leave, and what of them is kept here instead.

The model and bounded numbers leave, because the operator allowed the algo. Other outputs of the untrusted program
(predictions, annotations, logs) stay on this node for a limited time, under a salted digest: the program chooses the
bytes, so a plain digest would tell them to whoever tries all values of a few bits. A model that is declared private,
or that not everyone may download, stays in the node's private store, for later tasks of its worker, in a tree with a
salt.
"""

import hashlib
import math
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from node_runtime.domain.assets import Digest
from node_runtime.domain.document import Document
from node_runtime.kinds import may_leave, models_in, private_outputs
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.perf import PerfFile, bounded_numbers, declared_numbers, read_perf
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.ports.engine import ContainerRun
from node_runtime.runner.result_document import NUMBERS, Collected, ReachedSteps, StepSeconds
from node_runtime.runner.untrusted import exact_numbers
from node_runtime.runner.workspace import Workspace
from node_runtime.stores.tree.folders import MONTH, Bound, copy_writable, prune, size_on_disk
from node_runtime.stores.tree.walk import manifest_of

from .node import Node

log = structlog.get_logger()

Steps = TypeVar("Steps", StepSeconds, ReachedSteps)

PRIVATE = "private-logs"  # in the work folder: withheld outputs and logs, by salted digest
SALT_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """``outputs``: all outputs that the result names; ``stays``: the names of those that are not uploaded."""

    outputs: tuple[Collected, ...]
    perf: PerfFile | None
    stays: tuple[str, ...]

    @property
    def leaving(self) -> tuple[Collected, ...]:
        return tuple(one for one in self.outputs if one.name not in self.stays)


def withhold(
    outputs: Sequence[Collected],
    perf: PerfFile | None,
    document: Document,
    workspace: Workspace,
    node: Node,
    *,
    models_too: bool,
) -> Withheld:
    """Keep outputs on this node, and reduce perf.json to its bounded numbers. Idempotent.

    ``models_too``: keep the models as well that aren't declared as private.
    """
    if perf is not None:
        made, perf = _numbers_alone(perf, workspace)
        outputs = [made if one.name == PERF else one for one in outputs]
    models = models_in(document) if models_too else private_outputs(document)
    leaving = may_leave(document) - models
    outputs = [_keep_model(one, workspace, node) if one.name in models else one for one in outputs]
    stays = tuple(one.name for one in outputs if one.name not in leaving)
    salted = {*stays} - models
    named = tuple(keep(one, workspace, node) if one.name in salted else one for one in outputs)
    return Withheld(outputs=named, perf=perf, stays=stays)


def keep(collected: Collected, workspace: Workspace, node: Node) -> Collected:
    """Keep an output or the logs on this node; return them under their salted digest. Idempotent."""
    salt = _salt(collected.name, workspace)
    kept = replace(collected, digest=salted_digest(collected.digest, salt))
    keep_private(kept, node.work / PRIVATE, salt=salt, now=node.time.now())
    return kept


def _keep_model(collected: Collected, workspace: Workspace, node: Node) -> Collected:
    """Keep a private model in this node's private store, under the digest of a tree with a salt. Idempotent.

    That is the digest of its record, by which a later task of this account finds it.
    """
    tree = workspace.folder / f"private-{collected.name}"
    salt = _salt(collected.name, workspace)
    with host_errors(tree):
        _copy(collected.source, tree)
        (tree / _salt_name(salt)).touch()
    return replace(collected, source=tree, digest=node.private.put(tree))


def salted_digest(digest: Digest, salt: bytes) -> Digest:
    return Digest(hashlib.sha256(salt + bytes.fromhex(digest)).hexdigest())


def keep_private(collected: Collected, folder: Path, *, salt: bytes, now: int, bound: Bound = MONTH) -> None:
    """Copy the output into this node's ``folder`` and prune that to the bound. ``now`` in ms since 1970.

    An empty file beside the output is named after the salt, which proves what the digest is of. An output larger than
    the whole bound is dropped without copying, which would cost time and evict all others.
    """
    if (size := size_on_disk(collected.source)) > bound.size:
        log.warning("private_output_dropped", output=collected.name, digest=collected.digest, bytes=size)
        return
    target = folder / collected.digest
    with host_errors(target):
        _copy(collected.source, target)
        (target / _salt_name(salt)).touch()
    prune(folder, bound, now=now)


def _copy(source: Path, tree: Path) -> None:
    """Copy a folder, or a file into the folder, without modes: an untrusted file may be setuid."""
    if source.is_dir():
        copy_writable(source, tree)
    else:
        tree.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, tree / source.name)


def coarse_run(run: ContainerRun) -> ContainerRun:
    """Round up what a program can choose in how it ran, to powers of two: seconds and peak memory."""
    peak = run.peak_memory
    return replace(
        run,
        seconds=float(power_of_two(run.seconds)),
        peak_memory=power_of_two(peak) if peak is not None else None,
    )


def coarse_steps(steps: Steps) -> Steps:
    numbers = ((name, value) for name, value in steps if isinstance(value, int | float))
    return steps.model_copy(update={name: float(power_of_two(seconds)) for name, seconds in numbers})


def power_of_two(value: float) -> int:
    """Round up to a power of two, to 1 at least."""
    return 1 << (max(1, math.ceil(value)) - 1).bit_length()


def _salt_name(salt: bytes) -> str:
    return f"salt-{salt.hex()}"


def _salt(name: str, workspace: Workspace) -> bytes:
    """Return the attempt's random salt for this output, the same one after a restart."""
    path = workspace.folder / f"salt-{name}"
    with host_errors(path):
        if not path.exists():
            write_atomically(path, secrets.token_bytes(SALT_BYTES))
        return path.read_bytes()


def _numbers_alone(perf: PerfFile, workspace: Workspace) -> tuple[Collected, PerfFile]:
    path: Path = workspace.folder / NUMBERS / PERF
    with host_errors(path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(bounded_numbers(perf))
    made = Collected(name=PERF, source=path, digest=manifest_of(path).digest)
    if perf.declared:
        return made, declared_numbers(exact_numbers(path.read_bytes()))
    return made, read_perf(path.parent, stage="metrics")
