"""Do the objectives, tasks and models that a file names exist on chain? Asked before anything is uploaded."""

from node_runtime.errors import NoSuchTask, SpecError
from node_runtime.ports import Chain
from node_runtime.spec import Entry, SpecFile
from node_runtime.spec_models import ModelTaskSpec, ScoringSpec, TaskSpec
from node_runtime.spec_parts import ModelSpec
from node_runtime.task import Kind, Objective, ObjectiveId, SubmissionId, TaskId
from node_runtime.yaml_marks import Location, nearest

_MAKES_MODEL = (Kind.TRAINING, Kind.RESTRUCTURING, Kind.AGGREGATION)

Known = dict[str | int, Objective]
"""Objectives by what the file calls them."""


def look_up(file: SpecFile, chain: Chain) -> Known:
    """The objectives that are on chain already. Raises `SpecError` with the place of what is nowhere."""
    here = {objective.name for objective in file.objectives}
    own: dict[str, Objective] | None = None
    known: Known = {}
    for entry, spec in file.tasks:
        for location, name in _objectives(spec):
            if name in here or name in known:
                continue
            if isinstance(name, str) and own is None:
                own = own_objectives(chain)
            found = (own or {}).get(name) if isinstance(name, str) else chain.objective(ObjectiveId(name))
            if found is None:
                raise SpecError(f"{entry.place(*location)}: no objective {_called(name)}{_hint(name, own, here)}")
            known[name] = found
        _check_models(entry, spec, chain)
    return known


def own_objectives(chain: Chain) -> dict[str, Objective]:
    """The account's objectives by name; of several with one name, which only other programs make, the newest."""
    return {one.name: one for one in sorted(chain.objectives_of(chain.account), key=lambda one: one.id)}


def _objectives(spec: TaskSpec) -> list[tuple[Location, str | int]]:
    if isinstance(spec, ModelTaskSpec):
        return [(("objectives", index), name) for index, name in enumerate(spec.objectives)]
    scored = spec.objective if isinstance(spec, ScoringSpec) else None
    return [] if scored is None else [(("objective",), scored)]


def _called(name: str | int) -> str:
    return f"'{name}'" if isinstance(name, str) else f"{name} on chain"


def _hint(name: str | int, own: dict[str, Objective] | None, here: set[str]) -> str:
    if not isinstance(name, str):
        return ""
    return f" in this file or among yours on chain; {nearest(name, tuple({*(own or {}), *here})) or 'create it first'}"


def _check_models(entry: Entry, spec: TaskSpec, chain: Chain) -> None:
    for index, model in enumerate(spec.needed_models):
        place = entry.place("model") if isinstance(spec, ScoringSpec) else entry.place("models", index)
        reason = _model_trouble(model, chain)
        if reason:
            raise SpecError(f"{place}: {reason}")


def _model_trouble(model: ModelSpec, chain: Chain) -> str:
    if model.submission is not None and chain.model(SubmissionId(model.submission)) is None:
        return f"submission {model.submission} has no model: not there, not accepted, or not of a training"
    if not isinstance(model.task, int):
        return ""
    task = chain.task(TaskId(model.task))
    if task is None:
        return NoSuchTask(model.task).message
    if task.creator != chain.account:
        return f"task {model.task} is another creator's; name an accepted submission of it: {{submission: …}}"
    if task.terms.kind not in _MAKES_MODEL:
        return f"task {model.task} is a {task.terms.kind} task and makes no model"
    return ""
