"""A local run of a file's stages in containers, as a node would run them."""

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from node_runtime.creator.fake_data import FakeData, check_opener, source_of, without_data
from node_runtime.creator.upload import Uploaded, upload
from node_runtime.domain.assets import Account, Digest, Objective
from node_runtime.domain.document import Document, ModelOf
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.engines.session import ephemeral_session, sessions_folder
from node_runtime.errors import SpecError, TaskFailed
from node_runtime.kinds import (
    Inputs,
    Resolved,
    Stage,
    check_outputs,
    document_of,
    inputs_of,
    kind_of,
    models_made,
    stages_of,
)
from node_runtime.kinds.perf import PerfFile
from node_runtime.platform.files import host_errors
from node_runtime.platform.gpus import GpuDriver, Nvml
from node_runtime.platform.locks import try_locked
from node_runtime.platform.printable import Say
from node_runtime.ports.engine import ContainerEngine, ContainerRun
from node_runtime.ports.store import AssetStore
from node_runtime.runner.gpus import gpus_for
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.result_document import collect, perf_of
from node_runtime.runner.workspace import AttemptId, Workspace, Workspaces
from node_runtime.spec.common import ModelSpec, TakenSpec
from node_runtime.spec.folders import sources_in
from node_runtime.spec.plan import ranks_of
from node_runtime.spec.read import SpecFile
from node_runtime.stores import open_store
from node_runtime.stores.cache import Cache
from node_runtime.stores.tree.folders import copy_writable, remove_tree

NOBODY = Account("5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM")  # the all-zero account id
PLAN = PlanKey(creator=NOBODY, plan=PlanId(1))
LOG_TAIL = 15  # lines shown of what a container printed
_CACHE = 20 << 30  # bytes of inputs that are kept
LONGEST_LINE = 240  # characters shown of each


@dataclass(frozen=True, kw_only=True)
class LocalResult:
    """The result of one task: outputs and logs in ``folder``, ``seconds`` of each container."""

    name: str
    folder: Path
    seconds: tuple[tuple[str, float], ...]
    perf: PerfFile | None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The dependencies of a local run. ``target`` receives a folder per task, which replaces that of an earlier run.

    With ``fake`` its data is made up by openers.
    """

    engine: ContainerEngine
    workspaces: Workspaces
    store: AssetStore
    cache: Cache
    target: Path
    say: Say
    fake: FakeData | None = None
    gpus: GpuDriver = field(default_factory=Nvml)


@contextmanager
def open_bench(
    target: Path,
    *,
    say: Say,
    aliases: Mapping[str, str | Path] = MappingProxyType({}),
    fake: FakeData | None = None,
) -> Iterator[Bench]:
    """Yield the dependencies of a local run; only the cache and `target` persist. Builds the user's own Dockerfiles."""
    with ExitStack() as stack:
        session = stack.enter_context(ephemeral_session("run", say=say, aliases=aliases))
        cache = Cache(sessions_folder() / "cache", limit=_CACHE)
        stack.callback(cache.close)
        workspaces = Workspaces(session.folder / "attempts", engine=session.engine, node=session.name)
        store = open_store(session.folder / "store")
        yield Bench(
            engine=session.engine, workspaces=workspaces, store=store, cache=cache, target=target, say=say, fake=fake
        )


def run_locally(file: SpecFile, bench: Bench) -> tuple[LocalResult, ...]:
    """Run the tasks of the file in sequence.

    Raises `SpecError` for references that need a chain, `TaskFailed`, and `InputError` while another run uses `target`.
    """
    _check_local(file, bench.fake)
    with try_locked(bench.target):
        return _run_tasks(file, bench)


def _run_tasks(file: SpecFile, bench: Bench) -> tuple[LocalResult, ...]:
    uploaded = upload(file, NOBODY, bench.store, say=lambda _: None)
    objectives: dict[str | int, Objective] = {} if bench.fake is None else dict(bench.fake.objectives)
    for index, objective in enumerate(file.objectives, start=1):
        objectives[objective.name] = uploaded.objective(objective, NOBODY, number=index)
    bench.workspaces.plans.remove(PLAN)
    ranks = ranks_of([spec for _, spec in file.tasks]) if file.is_plan else {}
    made: dict[tuple[str, str], Digest] = {}
    results = []
    for index, (entry, spec) in enumerate(file.tasks, start=1):
        digests = [_model_digest(model, made, uploaded) for model in spec.needed_models]
        resolved = Resolved(
            ref_of=uploaded.ref,
            environment_of=uploaded.environment,
            models=[ModelOf(asset=f"{NOBODY}/{digest}") for digest in digests],
            objective=None if spec.measured_by is None else objectives[spec.measured_by],
            rank=ranks.get(spec.name),
        )
        document = document_of(spec, resolved)
        if bench.fake is not None:
            document = without_data(document, entry)
        try:
            result = _run_task(document, digests, TaskId(index), bench)
        except TaskFailed as failed:
            told = f"{spec.name}: {failed.category}: {failed.message}"
            raise TaskFailed(failed.category, told, remedy=failed.remedy) from failed
        for output in models_made(spec):
            made[spec.name, output] = bench.store.put(result.folder / output)
        results.append(result)
    return tuple(results)


def _check_local(file: SpecFile, fake: FakeData | None) -> None:
    """Raise `SpecError` unless the file itself defines every objective, asset and model that it refers to.

    A run on fake data may also take registered assets and objectives.
    """
    here: set[str | int] = {*(spec.name for spec in file.objectives), *(() if fake is None else fake.objectives)}
    for entry in file.entries if fake is None else ():
        for location, source in sources_in(entry.spec):
            if not isinstance(source, Path):
                told = f"{entry.place(*location)}: a local run can't fetch {source}"
                remedy = "name a folder or a file of this machine instead, or run on data that its opener makes up: "
                raise SpecError(told, remedy=f"{remedy}--fake N")
    for entry, spec in file.tasks:
        if spec.measured_by is not None and spec.measured_by not in here:
            raise SpecError(
                f"{entry.place('objective')}: a local run asks no chain for the objective {spec.measured_by!r}",
                remedy="put the objective's document into the same file",
            )
        for index, model in enumerate(spec.needed_models):
            if model.source is None and not isinstance(model.task, str):
                raise SpecError(
                    f"{entry.place(*spec.model_location(index))}: a local run asks no chain for a model",
                    remedy="name a task of the same file, or the folder that 'node-runtime fetch' wrote",
                )


def _model_digest(model: ModelSpec, made: dict[tuple[str, str], Digest], uploaded: Uploaded) -> Digest:
    """Return the digest of a file's model, or of what an earlier task made: the named output, or its only one."""
    if model.source is not None:
        return uploaded.ref(model.source).digest
    if isinstance(model, TakenSpec) and isinstance(model.output, str):
        return made[str(model.task), model.output]
    return next(digest for (task, _), digest in made.items() if task == model.task)


def _run_task(document: Document, models: Sequence[Digest], number: TaskId, bench: Bench) -> LocalResult:
    bench.say(f"{document.name}: {document.kind}")
    target = bench.target / document.name
    with host_errors(target):
        remove_tree(target)
        target.mkdir()
    attempt = AttemptId(task=number, epoch=1)
    with host_errors(target), ExitStack() as held:
        workspace = held.enter_context(bench.workspaces.open(attempt))
        held.callback(lambda: shutil.copytree(workspace.logs, target / "logs", dirs_exist_ok=True))
        inputs = _begin_in_plan(document, _inputs(document, models, bench, held), workspace, bench)
        if inputs.fake is not None:
            bench.say(f"  without data: its opener makes up {inputs.fake} samples")
        stages = stages_of(document, inputs)
        runs = [_run_stage(stage, workspace, target, bench) for stage in stages]
        perf = perf_of(stages, workspace)
        outputs = collect(stages, workspace)
        check_outputs(document, inputs, [output.source for output in outputs])
        for output in outputs:
            _keep(output.source, output.name, target)
        _end_in_plan(stages, workspace, bench)
    seconds = tuple((stage.name, run.seconds) for stage, run in zip(stages, runs, strict=True))
    return LocalResult(name=document.name, folder=target, seconds=seconds, perf=perf)


def _begin_in_plan(document: Document, inputs: Inputs, workspace: Workspace, bench: Bench) -> Inputs:
    """Give a plan's task the content of the plan's local folder, as a node does."""
    if document.limits.local is None:
        return inputs
    plans = bench.workspaces.plans
    if kind_of(document).writes_local:
        plans.take_turn(PLAN, workspace.attempt, created=0)
    plans.snapshot(PLAN, workspace.local)
    return replace(inputs, local=workspace.local)


def _end_in_plan(stages: Sequence[Stage], workspace: Workspace, bench: Bench) -> None:
    """Keep what the stages left in the plan's local folder."""
    for written in filter(None, map(workspace.written_local, stages)):
        bench.workspaces.plans.hand_in(PLAN, workspace.attempt, written)
    bench.workspaces.plans.end_turn(workspace.attempt, commit=True)


def _inputs(document: Document, models: Sequence[Digest], bench: Bench, held: ExitStack) -> Inputs:
    def folder_of(digest: Digest) -> Path:
        source = source_of(digest, document, bench.fake, bench.store)
        return held.enter_context(bench.cache.pin(digest, fetch=source))

    inputs = inputs_of(document, models=models, folder_of=folder_of, worker=NOBODY)
    if bench.fake is None or inputs.opener is None:
        return inputs
    check_opener(inputs.opener, document.layout)
    return replace(inputs, fake=bench.fake.samples)


def _run_stage(stage: Stage, workspace: Workspace, target: Path, bench: Bench) -> ContainerRun:
    with (workspace.logs / f"{stage.name}-image.log").open("w", encoding="utf-8", errors="replace") as log:
        image = bench.engine.image(stage.image, log=lambda line: log.writelines([line.rstrip("\n"), "\n"]))
    for alias, used in image.aliased:
        bench.say(f"  {stage.name} | {alias} is the local image {used.removeprefix('sha256:')[:12]}, by its alias")
    gpus = gpus_for(stage.limits, bench.engine, bench.gpus)
    run = bench.engine.run(workspace.prepare(stage, image=image.id, gpus=gpus), stop=threading.Event())
    lines = workspace.log(stage).read_text(errors="replace").splitlines() if workspace.log(stage).exists() else []
    kept = target / "logs" / workspace.log(stage).name
    if len(lines) > LOG_TAIL:
        bench.say(f"  {stage.name} | ... its last {LOG_TAIL} lines; those before are in {kept}")
    for line in lines[-LOG_TAIL:]:
        bench.say(f"  {stage.name} | {line[:LONGEST_LINE]}" + (" ..." if len(line) > LONGEST_LINE else ""))
    if run.failure is not None:
        remedy = f"what it printed is in {kept}" if lines else run.engine_said or "it printed nothing"
        raise TaskFailed(run.failure, f"stage {stage.name}: {run.message}", remedy=remedy)
    return run


def _keep(source: Path, name: str, target: Path) -> None:
    """Copy an output in the layout of `fetch`: a folder, or a single file of the output's name."""
    if source.is_file():
        folder = target if source.name == name else target / name
        folder.mkdir(exist_ok=True)
        shutil.copyfile(source, folder / source.name, follow_symlinks=False)
        return
    alone = source / name
    if [entry.name for entry in source.iterdir()] == [name] and alone.is_file():
        shutil.copyfile(alone, target / name, follow_symlinks=False)
    else:
        copy_writable(source, target / name)
