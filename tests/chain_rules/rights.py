"""Invariants of rights: nobody works on what it may not process, and a model is for those alone whom all of it permits.

What the inputs give is summed up anew from their records, through all parents, and compared with what the chain keeps.
"""

from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.state import State

RIGHTS = ("process", "download", "logs")

Sums = dict[str, set[bytes] | None]
"""The accounts of each right, None for everyone."""


def check_rights(state: State) -> None:
    """All of them."""
    for number, task in state.tasks("Tasks").items():
        inputs = _of_inputs(state, number)
        if inputs is None:
            continue  # of a final task a parent is purged
        assert _sums(state.tasks("TaskRights").get(number)) == inputs, f"rights of task {number}"
        assert _allows(inputs, "process", task.creator), f"the creator of task {number} may not process its inputs"
        assert _allows(_sums(state.tasks("OutputRights").get(number)), "process", task.creator)
    _check_workers(state)
    _check_models(state)


def _check_workers(state: State) -> None:
    for worker, number in state.tasks("Assignments"):
        rights = _sums(state.tasks("TaskRights").get(number))
        assert _allows(rights, "process", worker), f"{worker.hex()} works on task {number}"


def _check_models(state: State) -> None:
    """Whose task's records are still there."""
    for (number, submission), sent in state.tasks("Submissions").items():
        if name_of(sent.status) == "Accepted":
            wanted = _on_models(state, number)
            places = [place for of, place in state.registry("Models") if of == submission]
            kept = [_sums(state.registry("ModelRights").get((submission, place))) for place in places]
            assert kept == [wanted for _ in places], f"rights on the models of task {number}"


def _of_inputs(state: State, number: int) -> Sums | None:
    """What all inputs and parents of a task give, None where a parent is purged."""
    spec = state.tasks("Specs")[number]
    rights = _sums(None)
    for entry in spec.inputs:
        named = entry.values[0]
        if name_of(entry) == "Asset":
            permissions = state.registry("AssetPermissions").get((named.owner, named.digest))
            rights = _both(rights, _sums(permissions and permissions.rights))
        else:
            rights = _both(rights, _sums(state.registry("ModelRights").get((named.submission, named.output))))
    for parent in spec.parents:
        if parent not in state.tasks("Tasks"):
            return None
        rights = _both(rights, _on_models(state, parent))
    return rights


def _on_models(state: State, number: int) -> Sums:
    """What the chain keeps of a task's inputs, and what its creator gave."""
    kept, given = (_sums(state.tasks(name).get(number)) for name in ("TaskRights", "OutputRights"))
    return _both(kept, given)


def _sums(rights: Any) -> Sums:
    if rights is None:
        return dict.fromkeys(RIGHTS)
    each = {name: getattr(rights, name) for name in RIGHTS}
    return {name: None if name_of(access) == "Public" else set(access.values[0]) for name, access in each.items()}


def _both(one: Sums, other: Sums) -> Sums:
    def shared(these: set[bytes] | None, those: set[bytes] | None) -> set[bytes] | None:
        if these is None or those is None:
            return those if these is None else these
        return these & those

    return {name: shared(one[name], other[name]) for name in RIGHTS}


def _allows(sums: Sums, right: str, account: bytes) -> bool:
    accounts = sums[right]
    return accounts is None or account in accounts
