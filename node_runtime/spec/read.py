"""Strict reader of task YAML that reports every mistake with its place, ``file:line:column``.

A file holds one or more documents, which may refer to each other by name; `check_entries` checks documents of other
origin by the same rules. Terms that no node can meet are mistakes; terms that few nodes meet are warnings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import ValidationError

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.price import Bounds
from node_runtime.domain.task import Kind
from node_runtime.errors import InputError, SpecError
from node_runtime.kinds import KINDS, TaskSpec, models_made

from .common import Conflicts
from .entries import AnySpec, SpecEntry, reference_conflicts
from .feasibility import beyond_bounds, task_conflicts, warnings_in
from .folders import folder_warnings
from .messages import nearest
from .objective import ObjectiveSpec
from .output_rights import unusable_models
from .permission_checks import permission_conflicts, permission_faults
from .permissions import KEY, OUTPUTS
from .plan import ExtendedPlan, PlanSpec
from .programs import faults_in_folders, program_faults, program_file_warnings
from .sweep import SweepRefused, Variant, variant_of, variants_of
from .yaml_source import MarkedDocument, explain, load_documents

MAX_DOCUMENTS = 1024
_SHOWN = 20  # mistakes per error message
AMOUNTS = ("reward", "bond")


@dataclass(frozen=True, kw_only=True)
class SpecFile:
    """The documents of a file, in order; a document refers to earlier ones only. ``path`` is None without a file.

    ``others`` are left out of it, but permissions may name their programs.
    """

    path: Path | None
    entries: tuple[SpecEntry, ...]
    extends: ExtendedPlan | None = None
    others: tuple[SpecEntry, ...] = ()

    @property
    def is_plan(self) -> bool:
        """Whether its tasks are of a plan."""
        return len(self.tasks) > 1 or self.plan_name is not None or self.extends is not None

    @property
    def plan_name(self) -> str | None:
        """The name of the plan that the file makes or extends."""
        named = (entry.spec.name for entry in self.entries if isinstance(entry.spec, PlanSpec))
        return next(named, self.extends.name if self.extends is not None else None)

    @property
    def kinds(self) -> dict[Path, AssetKind]:
        """What its files and folders are."""
        every = (asset for entry in (*self.entries, *self.others) for asset in entry.spec.assets())
        return {one.source: one.kind for one in every if isinstance(one.source, Path)}

    @property
    def objectives(self) -> tuple[ObjectiveSpec, ...]:
        return tuple(entry.objective for entry in self.entries if entry.objective is not None)

    @property
    def tasks(self) -> tuple[tuple[SpecEntry, TaskSpec], ...]:
        return tuple((entry, entry.task) for entry in self.entries if entry.task is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about valid but probably unintended values, each with its place."""
        found = [(entry, warning) for entry in self.entries for warning in _warnings(entry)]
        placed = [f"{entry.place(*location)}: {reason}" for entry, (location, reason) in found]
        return tuple(dict.fromkeys((*placed, *unusable_models(self.entries))))

    def beyond(self, bounds: Bounds) -> tuple[str, ...]:
        """Return the terms that exceed the chain's bounds, each with its place."""
        every = [(entry, one) for entry, spec in self.tasks for one in beyond_bounds(spec, bounds)]
        return tuple(f"{entry.place(*location)}: {reason}" for entry, (location, reason) in every)


def read_specs(path: Path, *, bounds: Bounds | None = None, extends: ExtendedPlan | None = None) -> SpecFile:
    """Read a file and make all checks that need no chain; with ``bounds``, check these bounds of the chain too.

    Its tasks may name those of the plan that it ``extends``.

    Raises `SpecError` naming every mistake.
    """
    try:
        documents = load_documents(path)
    except InputError as error:
        raise SpecError(error.message, remedy=error.remedy) from None
    if len(documents) > MAX_DOCUMENTS:
        raise SpecError(f"{documents[MAX_DOCUMENTS].at(())}: more than {MAX_DOCUMENTS} documents in one file")
    mistakes: list[str] = []
    entries: list[SpecEntry] = []
    for document in documents:
        spec = _spec(document, mistakes)
        if spec is not None:
            entries.append(SpecEntry(spec=spec, document=document))
    whole = len(entries) == len(documents)  # else a reference may be to a document with mistakes
    return check_entries(entries, mistakes, path=path, bounds=bounds, whole=whole, extends=extends)


def check_entries(
    entries: Sequence[SpecEntry],
    mistakes: Sequence[str] = (),
    *,
    path: Path | None = None,
    bounds: Bounds | None = None,
    whole: bool = True,
    extends: ExtendedPlan | None = None,
) -> SpecFile:
    """Check documents whose own values are valid: conflicts between keys and, of ``whole`` files, references.

    Raises `SpecError` naming every mistake, those found before included.
    """
    found = list(mistakes)
    complete = _expanded(entries, found) if whole else entries
    for index, entry in enumerate(complete):
        conflicts = [*_conflicts(entry), *(reference_conflicts(complete, index, extends) if whole else ())]
        found += [f"{entry.place(*location)}: {reason}" for location, reason in conflicts]
    file = SpecFile(path=path, entries=tuple(complete), extends=extends)
    found += file.beyond(bounds) if bounds is not None else ()
    found += permission_faults([(entry.spec, entry.place) for entry in complete]) if whole else ()
    transient = [entry for entry, spec in file.tasks if not getattr(spec, "keep", True)]
    if not file.is_plan:
        reason = "only a task of a plan makes a transient model; leave it out"
        found += [f"{one.place('keep')}: {reason}" for one in transient]
    refuse(found, path)
    return file


def refuse(mistakes: Sequence[str], path: Path | None) -> None:
    """Raise `SpecError` with the mistakes, each once, in the order of their places in the file, if there are any."""
    if mistakes:
        mistakes = list(dict.fromkeys(mistakes))  # once: a swept document's tasks share theirs
        if path is not None:
            mistakes.sort(key=lambda message: _place(message, path))
        surplus = [f"and {len(mistakes) - _SHOWN} more mistakes"] if len(mistakes) > _SHOWN else []
        raise SpecError("\n".join([*mistakes[:_SHOWN], *surplus]))


def _expanded(entries: Sequence[SpecEntry], mistakes: list[str]) -> list[SpecEntry]:
    """Replace each swept document by its tasks."""
    made: list[SpecEntry] = []
    swept: dict[str, tuple[Variant, ...]] = {}
    for entry in entries:
        task = entry.task
        named = [one.task for one in task.needed_models if isinstance(one.task, str)] if task is not None else []
        try:
            variants = variants_of(task, named, swept) if task is not None else ()
            made += [replace(entry, spec=variant_of(task, one)) for one in variants if task is not None] or [entry]
        except SweepRefused as refused:
            mistakes.append(f"{entry.place(*refused.location)}: {refused.reason}")
            return []
        if variants:
            swept[entry.spec.name] = variants
        if len(made) > MAX_DOCUMENTS:
            mistakes.append(f"{entry.place('sweep')}: with it the file makes more than {MAX_DOCUMENTS} tasks")
            return []
    return made


def _warnings(entry: SpecEntry) -> Conflicts:
    if entry.task is not None:
        yield from warnings_in(entry.task)
    assets = entry.spec.assets()
    kinds = {one.source: one.kind for one in assets if isinstance(one.source, Path)}
    yield from folder_warnings(entry.spec, kinds, built=entry.task.unbuilt_bundle if entry.task else None)
    yield from program_file_warnings(entry.spec, assets)


def yaml_models() -> dict[str, type[AnySpec]]:
    """Return the YAML model of each kind of document."""
    return {"objective": ObjectiveSpec, "plan": PlanSpec, **{name: kind.spec for name, kind in KINDS.items()}}


def _spec(document: MarkedDocument, mistakes: list[str]) -> AnySpec | None:
    kind = document.value.get("kind")
    model = yaml_models().get(kind) if isinstance(kind, str) else None
    if model is None:
        mistakes.append(_unknown_kind(document, kind))
        return None
    try:
        return model.model_validate(exact_values(document), context=document.path.parent)
    except ValidationError as error:
        mistakes.extend(explain(error, document, model))
        mistakes.extend(f"{document.at(location)}: {reason}" for location, reason in faults_in_folders(document))
        return None


def _place(message: str, path: Path) -> tuple[int, int]:
    line, column = message.removeprefix(f"{path}:").split(":")[:2]
    return int(line), int(column)


def _unknown_kind(document: MarkedDocument, kind: object) -> str:
    if kind is None:
        return f"{document.at(())}: key 'kind' is missing; {nearest('', tuple(yaml_models()))}"
    place = document.at(("kind",))
    if kind in tuple(Kind):
        return (
            f"{place}: tasks of kind '{kind}' can't be submitted by this version; {nearest('', tuple(yaml_models()))}"
        )
    return f"{place}: unknown kind '{str(kind)[:40]}'; {nearest(str(kind)[:40], tuple(yaml_models()))}"


def exact_values(document: MarkedDocument) -> dict[str, object]:
    """Return the values, with amounts as the source text: a float would lose decimal digits."""
    written = {key.value: node.value for key, node in document.root.value if isinstance(node, yaml.ScalarNode)}
    numbers = {key: value for key, value in document.value.items() if type(value) in (int, float)}
    return document.value | {key: written[key] for key in AMOUNTS if key in numbers}


def _conflicts(entry: SpecEntry) -> Conflicts:
    """Yield conflicts between a document's keys."""
    task = entry.task
    if task is not None:
        yield from task_conflicts(task)
        if task.permissions is not None and task.permissions.outputs is not None and not models_made(task):
            yield (KEY, OUTPUTS), f"a task of kind '{task.kind_name}' makes no model here; leave it out"
    yield from entry.spec.conflicts()
    yield from permission_conflicts(entry.spec)
    yield from program_faults(entry.spec, entry.spec.assets())
