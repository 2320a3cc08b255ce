"""What a file refers to on chain, checked before anything is stored or paid: objectives, models, registered assets."""

from collections.abc import Mapping
from pathlib import Path

from node_runtime.domain.assets import (
    AssetKind,
    AssetRef,
    Digest,
    ModelId,
    Objective,
    ObjectiveId,
    SubmissionId,
    Visibility,
)
from node_runtime.domain.permissions import Admits
from node_runtime.domain.price import Bounds
from node_runtime.domain.task import Kind, OutputKind, Task, TaskId
from node_runtime.errors import NoSuchTask
from node_runtime.kinds import TaskSpec, makes_model
from node_runtime.ports.chain import ChainReads
from node_runtime.spec.common import AssetSpec, Conflicts, ModelSpec, TakenSpec
from node_runtime.spec.entries import AnySpec, SpecEntry
from node_runtime.spec.fields import Source
from node_runtime.spec.folders import sources_in
from node_runtime.spec.messages import nearest
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.read import SpecFile, refuse

from .permissions import admits_of, changed_permissions
from .upload import as_what, digest_of_own_files

Known = dict[str | int, Objective]
"""Objectives by the name or number that the file uses."""

Places = Mapping[tuple[int, str | None], int]
"""The place of each output that a file takes of a task on chain: by the task's number and the output's identifier."""


def look_up(file: SpecFile, chain: ChainReads, bounds: Bounds) -> Known:
    """Return the objectives on chain that the file's tasks name.

    Raises `SpecError` with the place of every term beyond ``bounds`` and every reference that the chain doesn't know,
    or knows as something else.
    """
    search = _Search(file, chain)
    mistakes = [*file.beyond(bounds)]
    for entry in file.entries:
        mistakes += [f"{entry.place(*location)}: {reason}" for location, reason in search.mistakes(entry)]
    refuse(mistakes, file.path)
    return search.known


def objectives_named(file: SpecFile, chain: ChainReads) -> Known:
    """Return the objectives on chain that the file's tasks name. Raises `SpecError` for one that isn't there."""
    search = _Search(file, chain)
    mistakes = [
        f"{entry.place(*location)}: {reason}"
        for entry, spec in file.tasks
        for location, reason in search.objectives(spec)
    ]
    refuse(mistakes, file.path)
    return search.known


def places_in(file: SpecFile, chain: ChainReads) -> Places:
    """Return the places of the outputs that the file names of tasks on chain, as far as those declare any."""
    own = {spec.name for _, spec in file.tasks}
    earlier = file.extends.tasks if file.extends is not None else {}
    found: dict[tuple[int, str | None], int] = {}
    for _, spec in file.tasks:
        for model in spec.needed_models:
            number = model.task if not isinstance(model.task, str) else earlier.get(model.task)
            if number is not None and model.task not in own:
                models, output = _models_of(chain, number), output_of(model)
                place = models.get(output) if output is not None else next(iter(models.values()), None)
                found |= {} if place is None else {(number, output): place}
    return found


def output_of(model: ModelSpec) -> str | None:
    """Return the identifier of the output that is taken of a task; None where none is named."""
    return model.output if isinstance(model, TakenSpec) and isinstance(model.output, str) else None


def _models_of(chain: ChainReads, task: int) -> dict[str, int]:
    """Return the models that a task declares, with their places; empty for one that declares none."""
    spec = chain.spec(TaskId(task))
    declared = spec.roles.outputs if spec is not None and spec.roles is not None else ()
    return {one.name: place for place, one in enumerate(declared) if one.kind is OutputKind.MODEL}


def _keeps_head(chain: ChainReads, task: int) -> bool:
    """Return whether the task is a composite training, whose trunk is taken where no output is named."""
    found, spec = chain.task(TaskId(task)), chain.spec(TaskId(task))
    declared = spec.roles.outputs if spec is not None and spec.roles is not None else ()
    return found is not None and found.terms.kind is Kind.TRAINING and any(one.private for one in declared)


def own_objectives(chain: ChainReads) -> dict[str, Objective]:
    """Return the account's objectives by name; the newest wins where another client created duplicates."""
    return {one.name: one for one in sorted(chain.objectives_of(chain.account), key=lambda one: one.id)}


class _Search:
    """The look-ups of one file; the account's objectives are asked once, and only where a name needs them."""

    def __init__(self, file: SpecFile, chain: ChainReads) -> None:
        self._chain = chain
        self._kinds = file.kinds
        self._here = {objective.name for objective in file.objectives}
        own = {spec.name for _, spec in file.tasks}
        known = file.extends.tasks if file.extends is not None else {}
        self._earlier = {name: number for name, number in known.items() if name not in own}
        self._own: dict[str, Objective] | None = None
        self.known: Known = {}

    def mistakes(self, entry: SpecEntry) -> Conflicts:
        if entry.objective is not None:
            yield from self._changed_objective(entry.objective)
        if entry.task is not None:
            yield from self.objectives(entry.task)
            for index, model in enumerate(entry.task.needed_models):
                if reason := self._model(model, entry.task):
                    yield entry.task.model_location(index), reason
        yield from self._assets(entry.spec)
        yield from changed_permissions(entry.spec, self._chain, self._digest)

    def _digest(self, path: Path) -> Digest:
        return digest_of_own_files(path, self._kinds[path])

    def objectives(self, spec: TaskSpec) -> Conflicts:
        for location, name in spec.objective_names:
            if name in self._here or name in self.known:
                continue
            found = self._named(name)
            if found is None:
                yield location, f"no objective {_called(name)}{self._hint(name)}"
            else:
                self.known[name] = found

    def _named(self, name: str | int) -> Objective | None:
        if not isinstance(name, str):
            return self._chain.objective(ObjectiveId(name))
        if self._own is None:
            self._own = own_objectives(self._chain)
        return self._own.get(name)

    def _hint(self, name: str | int) -> str:
        if not isinstance(name, str):
            return ""
        known = tuple({*(self._own or {}), *self._here})
        return f" in this file or among yours on chain; {nearest(name, known) or 'create it first'}"

    def _changed_objective(self, spec: ObjectiveSpec) -> Conflicts:
        """Compare with the account's objective of that name, which can't be changed."""
        known = self._named(spec.name)
        if known is None:
            return
        for key, here, there in (
            ("metric", _digest(spec.metric, spec.metric_kind), known.metric),
            ("opener", _digest(spec.opener, AssetKind.OPENER), known.opener),
            ("samples", {_digest(one, AssetKind.DATA_SAMPLE) for one in spec.samples}, set(known.samples)),
            ("direction", spec.direction, known.direction),
            ("tolerance", spec.tolerance, known.tolerance),
            ("admits", self._admits(spec), self._chain.admits(known.id)),
        ):
            if here != there:
                plain = key in ("direction", "tolerance")
                what = "others" if key == "admits" else "other bytes"
                differs = f"{key} is {here}, not {there}" if plain else f"{key}: {what} than those"
                yield (
                    (key,),
                    f"{differs} of your objective '{spec.name}' on chain, number {known.id}, which can't be changed; "
                    "give this one a name of its own, or take that one by its number",
                )

    def _admits(self, spec: ObjectiveSpec) -> Admits | None:
        return None if spec.admits is None else admits_of(spec.admits, self._digest)

    def _model(self, model: ModelSpec, spec: TaskSpec) -> str:
        if model.submission is not None:
            output = model.output if isinstance(model, TakenSpec) and isinstance(model.output, int) else 0
            made = self._chain.model(ModelId(submission=SubmissionId(model.submission), output=output))
            if made is None:
                at = f" at place {output}" if output else ""
                return f"submission {model.submission} has no model{at}: not there, not accepted, or not of a training"
            return self._uncertifiable(spec, made.clean_for)
        number = self._earlier.get(model.task) if isinstance(model.task, str) else model.task
        if number is None:
            return ""
        task = self._chain.task(TaskId(number))
        if task is None:
            return NoSuchTask(number).message
        if task.creator != self._chain.account:
            return f"task {task.id} is another creator's; name an accepted submission of it: {{submission: …}}"
        return (
            _without_model(task)
            or self._misnamed(model, task.id)
            or self._uncertifiable(spec, self._objectives_of(task))
        )

    def _misnamed(self, model: ModelSpec, task: TaskId) -> str:
        """Whether this doesn't name one of the models that the task declares."""
        models, output = _models_of(self._chain, task) or {"model": 0}, output_of(model)
        if output is not None and output not in models:
            return f"task {task} makes no model '{output}'; {nearest(output, tuple(models))}"
        if output is None and len(models) > 1 and not _keeps_head(self._chain, task):
            return f"task {task} makes several models; name one by 'output': {', '.join(models)}"
        return ""

    def _objectives_of(self, task: Task) -> tuple[ObjectiveId, ...]:
        spec = self._chain.spec(task.id)
        return spec.objectives if spec is not None else ()

    def _uncertifiable(self, spec: TaskSpec, clean_for: tuple[ObjectiveId, ...]) -> str:
        """Whether a score for the task's objective couldn't count, as the chain would refuse it after the fees."""
        if spec.scored_for is None:
            return ""
        objective = self.known.get(spec.scored_for) or self._named(spec.scored_for)
        if objective is not None and objective.id in clean_for:
            return ""
        clean = ", ".join(map(str, clean_for)) or "none"
        number = f" {objective.id}:" if objective is not None else ", which is new:"
        return (
            f"this model can't be certified for the objective{number} it is clean for {clean}; "
            "name a model of a task that named the objective"
        )

    def _assets(self, spec: AnySpec) -> Conflicts:
        """Check the keys of registered assets: there, of the right kind and label, private ones of one account."""
        named = {one.source: one for one in spec.assets()}
        owners = list[str]()
        for location, source in sources_in(spec):
            wanted = named.get(source)
            if not isinstance(source, AssetRef) or wanted is None:
                continue
            asset = self._chain.asset(source)
            if asset is None:
                yield location, _unregistered(source, wanted, own=source.owner == self._chain.account)
            elif (asset.kind, asset.label) != (wanted.kind, wanted.label):
                yield location, f"{source} is registered as {as_what(asset)}, not as {as_what(wanted)}"
            elif asset.visibility is Visibility.PRIVATE and source.owner not in owners:
                owners.append(source.owner)
                if len(owners) > 1:
                    yield (
                        location,
                        f"private data of {owners[-1]} beside that of {owners[0]}: no node has both; "
                        "name that of one account, and make a task for each",
                    )


def _digest(source: Source, kind: AssetKind) -> str:
    return source.digest if isinstance(source, AssetRef) else digest_of_own_files(source, kind)


def _called(name: str | int) -> str:
    return f"'{name}'" if isinstance(name, str) else f"{name} on chain"


def _without_model(task: Task) -> str:
    if not makes_model(task.terms.kind):
        return f"task {task.id} is a {task.terms.kind} task and makes no model"
    if task.terms.slots != 1:
        return (
            f"task {task.id} has {task.terms.slots} slots; a model can be taken from a task with one, "
            "so name a submission: {submission: …}"
        )
    if task.state.final and not task.counters.accepted:
        return f"task {task.id} is {task.state} without an accepted result, so it has no model"
    return ""


def _unregistered(ref: AssetRef, wanted: AssetSpec, *, own: bool) -> str:
    if not own:
        return f"nobody has registered {ref}; ask its owner for the key"
    label = f" --label {wanted.label}" if wanted.label is not None else ""
    private = ", or 'node-runtime data add' on the node that keeps its bytes" if label else ""
    command = f"node-runtime asset add FOLDER --kind {wanted.kind}{label}"
    return f"{ref} isn't registered; register it with '{command}'{private}"
