"""What does a creator's YAML ask for? Reads it strictly and tells every mistake with its ``file:line:column``.

A file holds one or more documents, which may refer to each other by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from node_runtime.annotation_files import unfit_files
from node_runtime.errors import InputError, SpecError
from node_runtime.spec_models import (
    KINDS,
    AnnotationSpec,
    AnySpec,
    BundleSpec,
    ModelTaskSpec,
    ObjectiveSpec,
    RestructuringSpec,
    ScoringSpec,
    TaskSpec,
    TrainingSpec,
)
from node_runtime.spec_parts import ModelSpec
from node_runtime.spec_sense import doubtful, impossible
from node_runtime.task import Kind
from node_runtime.yaml_marks import Location, MarkedDocument, explain, load_documents, nearest

MAX_DOCUMENTS = 256
_SHOWN = 20  # mistakes at once
_AMOUNTS = ("reward", "bond")
_FROM_OBJECTIVE = ("opener", "data", "label", "metrics")
_MAKES_MODEL = (Kind.TRAINING, Kind.RESTRUCTURING, Kind.AGGREGATION)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One document of a file. ``place`` answers where a value stands, for messages of later checks."""

    spec: AnySpec
    document: MarkedDocument

    def place(self, *location: int | str) -> str:
        return self.document.at(location)


@dataclass(frozen=True, kw_only=True)
class SpecFile:
    """A whole file, in its order: what a document names comes before it."""

    path: Path
    entries: tuple[Entry, ...]

    @property
    def objectives(self) -> tuple[ObjectiveSpec, ...]:
        return tuple(entry.spec for entry in self.entries if isinstance(entry.spec, ObjectiveSpec))

    @property
    def tasks(self) -> tuple[tuple[Entry, TaskSpec], ...]:
        return tuple((entry, entry.spec) for entry in self.entries if not isinstance(entry.spec, ObjectiveSpec))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and may not be meant; each with its place."""
        doubts = [(entry, doubt) for entry, spec in self.tasks for doubt in doubtful(spec)]
        return tuple(f"{entry.place(*location)}: {reason}" for entry, (location, reason) in doubts)


def read_specs(path: Path) -> SpecFile:
    """Read and check a file as far as that goes without the chain. Raises `SpecError` naming every mistake."""
    try:
        documents = load_documents(path)
    except InputError as error:
        raise SpecError(error.message, remedy=error.remedy) from None
    if len(documents) > MAX_DOCUMENTS:
        raise SpecError(f"{documents[MAX_DOCUMENTS].at(())}: more than {MAX_DOCUMENTS} documents in one file")
    mistakes: list[str] = []
    entries: list[Entry] = []
    for document in documents:
        spec = _spec(document, mistakes)
        if spec is not None:
            entries.append(Entry(spec=spec, document=document))
    for index, entry in enumerate(entries if len(entries) == len(documents) else []):
        mistakes += [f"{entry.place(*location)}: {reason}" for location, reason in _conflicts(entry.spec)]
        mistakes += [f"{entry.place(*location)}: {reason}" for location, reason in _references(entries, index)]
    if mistakes:
        surplus = [f"and {len(mistakes) - _SHOWN} more mistakes"] if len(mistakes) > _SHOWN else []
        raise SpecError("\n".join([*mistakes[:_SHOWN], *surplus]))
    return SpecFile(path=path, entries=tuple(entries))


def _spec(document: MarkedDocument, mistakes: list[str]) -> AnySpec | None:
    kind = document.value.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        mistakes.append(_unknown_kind(document, kind))
        return None
    try:
        return model.model_validate(_exact(document), context=document.path.parent)
    except ValidationError as error:
        told = explain(error, document, model)
        mistakes.extend(sorted(told, key=lambda message: _place(message, document)))
        return None


def _place(message: str, document: MarkedDocument) -> tuple[int, int]:
    line, column = message.removeprefix(f"{document.path}:").split(":")[:2]
    return int(line), int(column)


def _unknown_kind(document: MarkedDocument, kind: object) -> str:
    if kind is None:
        return f"{document.at(())}: key 'kind' is missing; {nearest('', tuple(KINDS))}"
    place = document.at(("kind",))
    if kind in tuple(Kind):
        return f"{place}: tasks of kind '{kind}' can't be submitted by this version; {nearest('', tuple(KINDS))}"
    return f"{place}: unknown kind '{str(kind)[:40]}'; {nearest(str(kind)[:40], tuple(KINDS))}"


def _exact(document: MarkedDocument) -> dict[str, object]:
    """The values, with amounts as they were written: a binary fraction would lose what a decimal one says."""
    written = {key.value: node.value for key, node in document.root.value if isinstance(node, yaml.ScalarNode)}
    numbers = {key: value for key, value in document.value.items() if type(value) in (int, float)}
    return document.value | {key: written[key] for key in _AMOUNTS if key in numbers}


def _conflicts(spec: AnySpec) -> Iterator[tuple[Location, str]]:
    """Keys that don't go together."""
    if isinstance(spec, ObjectiveSpec):
        yield from _twice("samples", spec.samples)
        return
    yield from impossible(spec)
    if spec.assign_to is not None and spec.slots > 1:
        yield ("slots",), "one account delivers one result; leave 'slots' or 'assign_to' out"
    if spec.validation.auto is not None and spec.rejects:
        yield ("max_rejects",), "with validation 'auto' nothing is rejected; leave it out, or use 'manual'"
    if spec.bond is not None and spec.rejects and spec.bond < -(-spec.reward // 10):
        yield ("bond",), "a rejection costs the worker a tenth of the reward; the bond must cover that"
    if isinstance(spec, TrainingSpec | RestructuringSpec | ScoringSpec):
        yield from _twice("data", spec.data)
    if isinstance(spec, ModelTaskSpec):
        yield from _twice("objectives", spec.objectives)
        yield from _twice("models", spec.models)
    if isinstance(spec, TrainingSpec):
        yield from _training_conflicts(spec)
    if isinstance(spec, BundleSpec):
        yield from _bundle_conflicts(spec)
    if isinstance(spec, AnnotationSpec):
        yield from _twice("class_labels", spec.class_labels)
        if isinstance(spec.bundle, Path):
            yield from ((("bundle",), reason) for reason in unfit_files(spec.bundle, spec.annotation_type))
    if isinstance(spec, ScoringSpec):
        yield from _scoring_conflicts(spec)


def _training_conflicts(spec: TrainingSpec) -> Iterator[tuple[Location, str]]:
    if spec.bundle is not None:
        for key in ("opener", "rank"):
            if getattr(spec, key) is not None:
                yield (key,), f"a bundle has no {key}; leave it out, or name an 'algo' instead of the 'bundle'"
        return
    if spec.question is not None:
        yield ("question",), "only a bundle's worker is asked something; leave it out, or name a 'bundle'"
    if spec.person:
        yield ("person",), "a person works with a bundle; leave it out, or name a 'bundle'"
    if spec.algo is None:
        yield ("algo",), "key 'algo' is missing; name a folder with a Dockerfile, or a 'bundle' with a start_task.sh"
    if not spec.data:
        yield ("data",), "key 'data' is missing or empty; name at least one data sample"


def _bundle_conflicts(spec: BundleSpec) -> Iterator[tuple[Location, str]]:
    if spec.bundle is None:
        return
    if spec.algo is not None and spec.algo.entrypoint is not None:
        yield ("algo", "entrypoint"), "a bundle is run by its start_task.sh; leave the entrypoint out"
    if spec.algo is None and not isinstance(spec.bundle, Path):
        yield ("bundle",), "the image is made of a bundle's folder, which isn't here; name an 'algo' too"


def _scoring_conflicts(spec: ScoringSpec) -> Iterator[tuple[Location, str]]:
    if spec.objective is not None:
        for key in _FROM_OBJECTIVE:
            if getattr(spec, key):
                yield (key,), f"'{key}' comes with the objective; leave it out, or leave 'objective' out"
        return
    missing = [key for key in ("opener", "data", "metrics") if not getattr(spec, key)]
    if missing:
        named = " and ".join(f"'{key}'" for key in missing)
        yield (), f"{named} missing; name an 'objective', or everything that a cross-validation needs"


def _twice(key: str, values: Sequence[object]) -> Iterator[tuple[Location, str]]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (key, index), "named twice; once is enough"


def _references(entries: Sequence[Entry], index: int) -> Iterator[tuple[Location, str]]:
    """What one document says about others of the file."""
    spec = entries[index].spec
    is_objective = isinstance(spec, ObjectiveSpec)
    alike = [entry for entry in entries[:index] if isinstance(entry.spec, ObjectiveSpec) == is_objective]
    first = next((entry for entry in alike if entry.spec.name == spec.name), None)
    if first is not None:
        yield ("name",), f"the name '{spec.name}' is taken at {first.place('name')}; give each document its own"
    if isinstance(spec, ObjectiveSpec):
        return
    tasks = {entry.spec.name: entry.spec for entry in alike if not isinstance(entry.spec, ObjectiveSpec)}
    later = {entry.spec.name for entry in entries[index:] if not isinstance(entry.spec, ObjectiveSpec)}
    for position, model in enumerate(spec.needed_models):
        location: Location = ("model",) if isinstance(spec, ScoringSpec) else ("models", position)
        yield from ((location, reason) for reason in _model_reference(model, spec, tasks, later))
    objectives = {entry.spec.name: entry.spec for entry in entries if isinstance(entry.spec, ObjectiveSpec)}
    if isinstance(spec, TrainingSpec | RestructuringSpec):
        yield from _objective_samples(spec, objectives)


def _model_reference(model: ModelSpec, spec: TaskSpec, tasks: dict[str, TaskSpec], later: set[str]) -> Iterator[str]:
    if not isinstance(model.task, str):
        return
    parent = tasks.get(model.task)
    if parent is None and model.task in later:
        yield f"the task '{model.task}' does not come before this one; move it up"
    elif parent is None:
        hint = nearest(model.task, tuple(tasks)) or "name an earlier document's task, or a task's number"
        yield f"no task '{model.task}' in this file; {hint}"
    elif parent.work not in _MAKES_MODEL:
        yield f"the task '{model.task}' makes no model"
    elif parent.slots != 1:
        yield f"the task '{model.task}' has {parent.slots} slots; a model can be taken from a task with one"
    elif not _certifiable(spec, parent):
        yield f"its training does not name this objective, so it can't be certified; add it to '{parent.name}'"


def _certifiable(spec: TaskSpec, parent: TaskSpec) -> bool:
    """As far as the file shows: objectives named by number and by name can't be compared."""
    if not (isinstance(spec, ScoringSpec) and isinstance(parent, ModelTaskSpec) and spec.objective is not None):
        return True
    comparable = all(type(one) is type(spec.objective) for one in parent.objectives)
    return spec.objective in parent.objectives or not comparable


def _objective_samples(
    spec: TrainingSpec | RestructuringSpec, objectives: dict[str, ObjectiveSpec]
) -> Iterator[tuple[Location, str]]:
    for index, sample in enumerate(spec.data):
        owner = next((one.name for one in objectives.values() if sample in one.samples), None)
        if owner is not None:
            yield ("data", index), f"a Test sample of the objective '{owner}'; train on others"
