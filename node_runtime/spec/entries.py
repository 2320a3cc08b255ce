"""The documents of a file, and the references from one to another."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from node_runtime.kinds import TaskSpec, kind_of, models_made

from .common import Conflicts, ModelSpec, TakenSpec
from .messages import WrittenDocument, nearest
from .objective import ObjectiveSpec
from .plan import ExtendedPlan, PlanSpec, rank_conflicts

AnySpec: TypeAlias = TaskSpec | ObjectiveSpec | PlanSpec


@dataclass(frozen=True, kw_only=True)
class SpecEntry:
    """One document, or one task of a swept document. `place` returns a value's place, e.g. ``file:line:column``."""

    spec: AnySpec
    document: WrittenDocument

    @property
    def written(self) -> object:
        """The name in the file; the tasks of a swept document have names that begin with it."""
        return self.document.value.get("name")

    @property
    def objective(self) -> ObjectiveSpec | None:
        return self.spec if isinstance(self.spec, ObjectiveSpec) else None

    @cached_property
    def task(self) -> TaskSpec | None:
        return self.spec if isinstance(self.spec, TaskSpec) else None

    @property
    def is_plan(self) -> bool:
        return isinstance(self.spec, PlanSpec)

    def place(self, *location: int | str) -> str:
        return self.document.at(location)


def reference_conflicts(entries: Sequence[SpecEntry], index: int, extends: ExtendedPlan | None) -> Conflicts:
    """Yield wrong references from one document to others of the file, or of the plan that it extends."""
    spec, task = entries[index].spec, entries[index].task
    if entries[index].is_plan:
        yield from _plan_conflicts(entries, index, extends)
        return
    before = [entry for entry in entries[:index] if not entry.is_plan]
    alike = [entry for entry in before if (entry.task is None) == (task is None)]
    first = next((entry for entry in alike if entry.spec.name == spec.name), None)
    if first is not None:
        yield ("name",), f"the name '{spec.name}' is taken at {first.place('name')}; give each document its own"
    if task is None:
        return
    earlier = extends.tasks if extends is not None else {}
    tasks = {entry.task.name: entry for entry in alike if entry.task is not None}
    later = {name for entry in entries[index:] if entry.task is not None for name in (entry.task.name, entry.written)}
    for position, model in enumerate(task.needed_models):
        if model.task in earlier and model.task not in tasks and model.task not in later:
            continue
        reasons = list(_model_reference(model, task, tasks, later))
        parent = tasks.get(model.task) if isinstance(model.task, str) else None
        if not reasons and parent is not None and parent.task is not None and parent.task.undeclared is None:
            unfit = task.unfit_parent(position, parent.task, models_made(parent.task))
            reasons += [f"the task '{model.task}' {unfit}"] if unfit else []
        yield from ((task.model_location(position), reason) for reason in reasons)
    yield from rank_conflicts(task, [entry.task for entry in entries if entry.task is not None], extends=extends)
    yield from _objective_samples(task, [entry.objective for entry in entries if entry.objective is not None])


def _plan_conflicts(entries: Sequence[SpecEntry], index: int, extends: ExtendedPlan | None) -> Conflicts:
    first = next(entry for entry in entries if entry.is_plan)
    if first is not entries[index]:
        yield ("kind",), f"the file's plan is at {first.place('kind')}; a file makes one plan"
    if extends is not None and entries[index].spec.name != extends.name:
        called = f"is called '{extends.name}'" if extends.name is not None else "has no name"
        yield ("name",), f"plan {extends.number} {called}, which stays; leave this document out"
    if not any(entry.task is not None for entry in entries):
        yield (), "a plan without tasks; add at least one to the file"


def _model_reference(
    model: ModelSpec, spec: TaskSpec, tasks: Mapping[str, SpecEntry], later: Set[object]
) -> Iterator[str]:
    if not isinstance(model.task, str):
        return
    entry = tasks.get(model.task)
    parent = entry.task if entry is not None else None
    if parent is None and model.task in later:
        yield f"the task '{model.task}' does not come before this one; move it up, unless it waits for this one"
    elif parent is None or entry is None:
        swept = tuple(str(one.written) for one in tasks.values())
        hint = nearest(model.task, (*swept, *tasks)) or "name an earlier document's task, or a task's number"
        yield f"no task '{model.task}' in this file; {hint}"
    elif parent.undeclared is None and (reason := _output_reference(model, parent)):
        yield f"the task '{model.task}' {reason}"
    elif parent.slots != 1:
        yield f"the task '{model.task}' has {parent.slots} slots; a model can be taken from a task with one"
    elif not _certifiable(spec, parent):
        names = ", ".join(f"'{name}'" for _, name in parent.objective_names)
        yield (
            f"its training does not name this objective{f' but {names}' * bool(names)}, so it can't be certified; "
            f"add it to '{entry.written}'"
        )


def _output_reference(model: ModelSpec, parent: TaskSpec) -> str:
    """Return why this doesn't name one of the models that the parent makes; empty where it does."""
    made = models_made(parent)
    if not made:
        return "makes no model"
    output = model.output if isinstance(model, TakenSpec) else None
    if output is not None and output not in made:
        return f"makes no model '{output}'; {nearest(str(output), tuple(made))}"
    if output is None and kind_of(parent).keeps_head(parent):
        return ""
    if len(made) > 1 and not isinstance(model, TakenSpec):
        return "makes several models, of which only a function can take one"
    if len(made) > 1 and output is None:
        return f"makes several models; name one: {{task: {model.task}, output: {next(iter(made))}}}"
    return ""


def _certifiable(spec: TaskSpec, parent: TaskSpec) -> bool:
    """Return whether the file allows certification; objectives by number and by name are not comparable."""
    named = [name for _, name in parent.objective_names]
    comparable = all(type(one) is type(spec.scored_for) for one in named)
    return spec.scored_for is None or spec.scored_for in named or not comparable


def _objective_samples(spec: TaskSpec, objectives: Sequence[ObjectiveSpec]) -> Conflicts:
    for index, sample in enumerate(spec.learns_from):
        owner = next((one.name for one in objectives if sample in one.samples), None)
        if owner is not None:
            yield ("data", index), f"a Test sample of the objective '{owner}'; train on others"
