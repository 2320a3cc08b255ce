"""Files that take transient models which were dropped are refused, before anything is stored or paid."""

from node_runtime.domain.assets import ModelId, SubmissionId
from node_runtime.domain.task import TaskId
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.spec.common import ModelSpec, TakenSpec
from node_runtime.spec.read import SpecFile, refuse

from .transient import dropped_models


def refuse_dropped(file: SpecFile, chain: ChainReads, store: AssetStore) -> None:
    """Raise `SpecError` with the place of each model that the file takes and that was dropped."""
    named = file.extends.tasks if file.extends is not None else {}
    earlier = {**named, **{spec.name: None for _, spec in file.tasks}}
    mistakes = list[str]()
    for entry, spec in file.tasks:
        for index, model in enumerate(spec.needed_models):
            number = earlier[model.task] if isinstance(model.task, str) else model.task
            if model.submission is not None:
                number = _task_of_missing(model, chain, store)
            if number is not None and _is_dropped(model, TaskId(number), chain, store):
                reason = f"the model of task {number} was transient (keep: false) and is dropped; train it again"
                mistakes.append(f"{entry.place(*spec.model_location(index))}: {reason}")
    refuse(mistakes, file.path)


def _is_dropped(model: ModelSpec, task: TaskId, chain: ChainReads, store: AssetStore) -> bool:
    """Return whether the model that is taken of the task was dropped; one that is named no closer is its only one."""
    dropped = dropped_models(task, chain, store)
    output = model.output if isinstance(model, TakenSpec) else None
    return bool(dropped) if output is None else output in dropped or output in dropped.values()


def _task_of_missing(model: ModelSpec, chain: ChainReads, store: AssetStore) -> TaskId | None:
    """Return the account's task that made a submission's model, where the model's bytes are not in storage."""
    assert model.submission is not None
    output = model.output if isinstance(model, TakenSpec) and isinstance(model.output, int) else 0
    made = chain.model(ModelId(submission=SubmissionId(model.submission), output=output))
    if made is None or store.has(made.digest):
        return None
    tasks = sorted(chain.tasks_of(chain.account), reverse=True)
    return next((one for one in tasks if any(each.id == model.submission for each in chain.submissions(one))), None)
