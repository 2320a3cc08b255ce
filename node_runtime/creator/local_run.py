"""What would a node make of this file? Runs the very same stages here, in containers, without chain and money."""

import shutil
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from node_runtime.creator.documents import document_of
from node_runtime.creator.upload import Uploaded, upload
from node_runtime.document import Document, ModelOf
from node_runtime.errors import SpecError, TaskFailed
from node_runtime.perf import Perf
from node_runtime.ports import AssetStore, ContainerEngine, ContainerRun, Say
from node_runtime.results import check_outputs, collect, perf_of
from node_runtime.spec import Entry, SpecFile
from node_runtime.spec_models import ObjectiveSpec, ScoringSpec, TaskSpec
from node_runtime.spec_parts import ModelSpec
from node_runtime.stages import Inputs, Stage, inputs_of, stages_of
from node_runtime.storage.cache import Cache
from node_runtime.storage.removal import remove_tree
from node_runtime.task import Account, Digest, Objective, ObjectiveId, TaskId
from node_runtime.trouble import host_trouble
from node_runtime.turns import alone_in
from node_runtime.workspace import AttemptId, Workspace, Workspaces

NOBODY = Account("5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM")  # the account whose bytes are all zero
LOG_TAIL = 15  # lines shown of what a container printed
LONGEST_LINE = 240  # characters shown of each


@dataclass(frozen=True, kw_only=True)
class LocalResult:
    """What one task of the file left: its outputs and logs lie in ``folder``. ``seconds`` of each container."""

    name: str
    folder: Path
    seconds: tuple[tuple[str, float], ...]
    perf: Perf | None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What running here needs. ``target`` receives a folder for each task, replacing what an earlier run left."""

    engine: ContainerEngine
    workspaces: Workspaces
    store: AssetStore
    cache: Cache
    target: Path
    say: Say


def run_locally(file: SpecFile, bench: Bench) -> tuple[LocalResult, ...]:
    """Run the tasks of the file one after the other.

    Raises `SpecError` for what only the chain knows, `TaskFailed`, `InputError` while another run writes there.
    """
    _check_local(file)
    with alone_in(bench.target):
        return _run_tasks(file, bench)


def _run_tasks(file: SpecFile, bench: Bench) -> tuple[LocalResult, ...]:
    uploaded = upload(file, NOBODY, bench.store, say=lambda _: None)
    objectives = {spec.name: _objective(spec, index, uploaded) for index, spec in enumerate(file.objectives, start=1)}
    models: dict[str, Digest] = {}
    results = []
    for index, (_, spec) in enumerate(file.tasks, start=1):
        scored = objectives.get(str(spec.objective)) if isinstance(spec, ScoringSpec) else None
        digests = [_model_digest(model, models, uploaded) for model in spec.needed_models]
        assets = [ModelOf(asset=f"{NOBODY}/{digest}") for digest in digests]
        document = document_of(
            spec, ref_of=uploaded.ref, environment_of=uploaded.environment, models=assets, objective=scored
        )
        try:
            result = _run_task(document, digests, TaskId(index), bench)
        except TaskFailed as failed:
            told = f"{spec.name}: {failed.category}: {failed.message}"
            raise TaskFailed(failed.category, told, remedy=failed.remedy) from failed
        if (result.folder / "model").exists():
            models[spec.name] = bench.store.put(result.folder / "model")
        results.append(result)
    return tuple(results)


def _check_local(file: SpecFile) -> None:
    """Everything a run needs has to be named in the file, since nobody is asked."""
    here = {spec.name for spec in file.objectives}
    for entry, spec in file.tasks:
        if isinstance(spec, ScoringSpec) and spec.objective is not None and spec.objective not in here:
            raise SpecError(
                f"{entry.place('objective')}: a local run asks no chain for the objective {spec.objective!r}",
                remedy="put the objective's document into the same file",
            )
        for source in (asset.source for asset in spec.assets()):
            if not isinstance(source, Path):
                raise SpecError(f"{entry.place()}: a local run can't fetch {source}", remedy="name a folder instead")
        for index, model in enumerate(spec.needed_models):
            if model.source is None and not isinstance(model.task, str):
                place = _model_place(entry, spec, index)
                raise SpecError(
                    f"{place}: a local run asks no chain for a model",
                    remedy="name a task of the same file, or the folder that 'node-runtime fetch' wrote",
                )


def _model_place(entry: Entry, spec: TaskSpec, index: int) -> str:
    return entry.place("model") if isinstance(spec, ScoringSpec) else entry.place("models", index)


def _objective(spec: ObjectiveSpec, number: int, uploaded: Uploaded) -> Objective:
    return Objective(
        id=ObjectiveId(number),
        owner=NOBODY,
        name=spec.name,
        metric=uploaded.ref(spec.metric).digest,
        opener=uploaded.ref(spec.opener).digest,
        direction=spec.direction,
        tolerance=spec.tolerance,
        samples=tuple(uploaded.ref(sample).digest for sample in spec.samples),
    )


def _model_digest(model: ModelSpec, models: dict[str, Digest], uploaded: Uploaded) -> Digest:
    return uploaded.ref(model.source).digest if model.source is not None else models[str(model.task)]


def _run_task(document: Document, models: Sequence[Digest], number: TaskId, bench: Bench) -> LocalResult:
    bench.say(f"{document.name}: {document.kind}")
    target = bench.target / document.name
    with host_trouble(target):
        remove_tree(target)
        target.mkdir()
    attempt = AttemptId(task=number, epoch=1)
    with ExitStack() as held:
        workspace = held.enter_context(bench.workspaces.open(attempt))
        held.callback(lambda: shutil.copytree(workspace.logs, target / "logs", dirs_exist_ok=True))
        inputs = _inputs(document, models, bench, held)
        stages = stages_of(document, inputs)
        runs = [_run_stage(stage, workspace, target, bench) for stage in stages]
        perf = perf_of(stages, workspace)
        outputs = collect(stages, workspace)
        check_outputs(outputs, document=document, inputs=inputs)
        for output in outputs:
            _keep(output.source, output.name, target)
    seconds = tuple((stage.name, run.seconds) for stage, run in zip(stages, runs, strict=True))
    return LocalResult(name=document.name, folder=target, seconds=seconds, perf=perf)


def _inputs(document: Document, models: Sequence[Digest], bench: Bench, held: ExitStack) -> Inputs:
    def folder_of(digest: Digest) -> Path:
        return held.enter_context(bench.cache.pin(digest, fetch=bench.store))

    return inputs_of(document, models=models, folder_of=folder_of, worker=NOBODY)


def _run_stage(stage: Stage, workspace: Workspace, target: Path, bench: Bench) -> ContainerRun:
    with (workspace.logs / f"{stage.name}-image.log").open("w", encoding="utf-8", errors="replace") as log:
        image = bench.engine.image(stage.image, log=lambda line: print(line.rstrip("\n"), file=log))
    run = bench.engine.run(workspace.prepare(stage, image=image), stop=threading.Event())
    lines = workspace.log(stage).read_text(errors="replace").splitlines() if workspace.log(stage).exists() else []
    kept = target / "logs" / workspace.log(stage).name
    if len(lines) > LOG_TAIL:
        bench.say(f"  {stage.name} | ... its last {LOG_TAIL} lines; those before are in {kept}")
    for line in lines[-LOG_TAIL:]:
        bench.say(f"  {stage.name} | {line[:LONGEST_LINE]}" + (" ..." if len(line) > LONGEST_LINE else ""))
    if run.failure is not None:
        remedy = f"what it printed is in {kept}" if lines else "it printed nothing"
        raise TaskFailed(run.failure, f"stage {stage.name}: {run.message}", remedy=remedy)
    return run


def _keep(source: Path, name: str, target: Path) -> None:
    """As `fetch` writes it: a folder, or the one file of the output's own name."""
    alone = source / name
    if [entry.name for entry in source.iterdir()] == [name] and alone.is_file():
        shutil.copyfile(alone, target / name, follow_symlinks=False)
    else:
        shutil.copytree(source, target / name, symlinks=True)
