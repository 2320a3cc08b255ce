"""How is it shown whether a task's annotators agree?"""

from node_runtime.cli.text import console, line, table, warn
from node_runtime.creator.agreements import Compared, compare_annotations
from node_runtime.creator.tasks import TaskView
from node_runtime.errors import HostError, StorageError
from node_runtime.ports import AssetStore


def compared_or_none(view: TaskView, store: AssetStore) -> Compared | None:
    """None for tasks that are no annotations; what keeps others from being compared goes to standard error."""
    try:
        return compare_annotations(view, store)
    except (StorageError, HostError) as error:
        warn(f"the annotations can't be compared: {error}")
        return None


def print_agreement(view: TaskView, store: AssetStore) -> None:
    """Nothing for tasks that are no annotations."""
    compared = compared_or_none(view, store)
    if compared is None:
        return
    for unfit in compared.unfit:
        line(f"submission {unfit.submission} is not what the task asks for: {unfit.reason}", style="red")
    if compared.agreement is not None:
        _print_table(compared)


def _print_table(compared: Compared) -> None:
    found = compared.agreement
    assert found is not None  # the caller has looked
    located = found.overlap is not None
    boxes = ("mean IoU of matching boxes",) * located
    made = table("agreement", found.measure, *boxes, right=(found.measure, *boxes))
    for pair in found.pairs:
        names = f"submissions {compared.submissions[pair.first]} and {compared.submissions[pair.second]}"
        made.add_row(names, f"{pair.score:.3f}", *(_share(pair.overlap),) * located)
    if len(found.pairs) > 1:
        made.add_row("mean", f"{found.score:.3f}", *(_share(found.overlap),) * located)
    console.print(made)


def _share(overlap: float | None) -> str:
    return f"{overlap:.3f}" if overlap is not None else ""
