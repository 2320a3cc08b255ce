"""Warnings about models that nobody may use, by the permissions that a file states."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.kinds import TaskSpec, private_models

from .entries import SpecEntry
from .objective import ObjectiveSpec
from .permission_checks import stated_in, stated_of_outputs
from .permissions import KEY, OUTPUTS


def unusable_models(entries: Sequence[SpecEntry]) -> Iterator[str]:
    """Yield, with their places, the permissions on outputs that leave a model to nobody but its creator, by chance.

    The file's own files and tasks count; what is registered has permissions that only the chain knows. A model that
    leaves its node for its creator alone is taken as meant.
    """
    stated = {one.path: one.rights.rights() for entry in entries for one in stated_in(entry.spec)}
    objectives = {entry.objective.name: entry.objective for entry in entries if entry.objective is not None}
    made = dict[str, Permissions]()
    for entry in entries:
        if entry.task is not None:
            inputs = _given(entry.task, objectives, stated, made)
            made[entry.task.name] = inputs.narrowed(stated_of_outputs(entry.task))
            if reason := _unusable(entry.task, inputs):
                yield f"{entry.place(KEY, OUTPUTS)}: {reason}"


def _given(
    task: TaskSpec,
    objectives: Mapping[str, ObjectiveSpec],
    stated: Mapping[Path, Permissions],
    made: Mapping[str, Permissions],
) -> Permissions:
    """Return the rights that the task's inputs give, their owners left out."""
    brought = objectives.get(task.measured_by) if isinstance(task.measured_by, str) else None
    assets = (*task.assets(), *(brought.assets() if brought is not None else ()))
    rights = [stated[one.source] for one in assets if isinstance(one.source, Path) and one.source in stated]
    rights += [made[one.task] for one in task.needed_models if isinstance(one.task, str) and one.task in made]
    return reduce(Permissions.narrowed, rights, PUBLIC)


def _unusable(task: TaskSpec, inputs: Permissions) -> str:
    outputs = stated_of_outputs(task)
    rights, private = inputs.narrowed(outputs), sorted(private_models(task))
    if outputs.process is None or rights.process != ():
        return ""
    if (rights.download is not None or private) and task.assign_to is None:
        what = "what the task makes" if rights.download is not None else f"the private model '{private[0]}'"
        why = ", since not everyone may download it," if rights.download is not None else ""
        return (
            f"{what} stays on the node that makes it{why} and nobody but you may process it: no task can take it "
            "unless that node is yours; name the node's account in 'process', or yours in 'assign_to'"
        )
    if outputs.process:
        return (
            "no account in 'process' may process all inputs of the task, so nobody but you may use what it makes; name "
            "accounts that every input names, or [] for yourself alone"
        )
    return ""
