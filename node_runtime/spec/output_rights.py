"""Warnings about models that nobody may use, by the permissions on a task's outputs and on its inputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from node_runtime.domain.assets import Account, AssetRef
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.kinds import TaskSpec, private_models

from .common import ModelSpec
from .entries import SpecEntry
from .fields import Source
from .permission_checks import stated_in, stated_of_outputs
from .permissions import KEY, OUTPUTS


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What is known of what is on chain: nothing without a chain.

    ``account`` is the creator's, ``rights_of`` returns the rights on an asset or a model, ``keeper_of`` the account
    whose node alone has an asset. ``objectives`` are the assets of objectives by name or number.
    """

    account: Account | None = None
    rights_of: Callable[[AssetRef | ModelSpec], Permissions] = lambda _: PUBLIC
    keeper_of: Callable[[AssetRef], Account | None] = lambda _: None
    objectives: Mapping[str | int, Sequence[AssetRef]] = field(default_factory=dict)


def unusable_models(entries: Sequence[SpecEntry], registered: Registered | None = None) -> Iterator[str]:
    """Yield, with their places, the permissions on outputs by which nobody may use a model, by chance.

    A model that leaves its node for its creator alone is taken as meant.
    """
    if any(entry.task is not None and stated_of_outputs(entry.task).process is not None for entry in entries):
        search = _Search(entries, registered or Registered())
        for entry in entries:
            if entry.task is not None and (reason := search.unusable(entry.task)):
                yield f"{entry.place(KEY, OUTPUTS)}: {reason}"


class _Search:
    """Looks at the tasks of a file in their order."""

    def __init__(self, entries: Sequence[SpecEntry], registered: Registered) -> None:
        self._registered = registered
        self._stated = {one.path: one.rights.rights() for entry in entries for one in stated_in(entry.spec)}
        own = [entry.objective for entry in entries if entry.objective is not None]
        self._objectives: dict[str | int, Sequence[Source]] = {
            **registered.objectives,
            **{one.name: [asset.source for asset in one.assets()] for one in own},
        }
        self._made = dict[str, Permissions]()

    def unusable(self, task: TaskSpec) -> str:
        """Return why nobody may use what the task makes; empty where somebody may."""
        sources, stated = self._sources(task), stated_of_outputs(task)
        rights = self._made[task.name] = self._given(task, sources).narrowed(stated)
        if stated.process is None or rights.process is None:
            return ""
        me = self._registered.account
        others = [one for one in rights.process if one != me]
        keepers = (self._registered.keeper_of(one) for one in sources if isinstance(one, AssetRef))
        worker = task.assign_to or next(filter(None, keepers), None)
        reason = _out_of_reach(worker, others, me) if rights.download is not None or private_models(task) else ""
        if reason:
            kept = sorted(private_models(task))
            what = f"the private model '{kept[0]}'" if rights.download is None else "what not everyone may download"
            return f"{what} stays on the node that makes it, and {reason}"
        if not others and any(one != me for one in stated.process):
            return (
                "no account in 'process' may process all inputs of the task, so nobody but you may use what it makes; "
                "name accounts that every input names, or [] for yourself alone"
            )
        return ""

    def _sources(self, task: TaskSpec) -> list[Source]:
        brought = self._objectives.get(task.measured_by, ()) if task.measured_by is not None else ()
        return [*(one.source for one in task.assets()), *brought]

    def _given(self, task: TaskSpec, sources: Sequence[Source]) -> Permissions:
        """Return the rights that the task's inputs give; the file's own without their owner, who has all."""
        rights = [self._stated.get(one, PUBLIC) for one in sources if isinstance(one, Path)]
        rights += [self._registered.rights_of(one) for one in sources if isinstance(one, AssetRef)]
        for model in task.needed_models:
            made = self._made.get(model.task) if isinstance(model.task, str) else None
            rights.append(made if made is not None else self._registered.rights_of(model))
        return reduce(Permissions.narrowed, rights, PUBLIC)


def _out_of_reach(worker: Account | None, others: Sequence[Account], me: Account | None) -> str:
    """Return why no task can take a model from the node that makes it; empty where one can, or perhaps can.

    ``worker`` is who alone may make it, ``others`` are the accounts besides the creator that may process it.
    """
    if worker is None and not others:
        return (
            "nobody but you may process it: no task can take it unless that node is yours; name the node's account in "
            "'process', or yours in 'assign_to'"
        )
    if worker is not None and me is not None and worker not in (me, *others):
        return f"its account, {worker}, may not process it: no task can take it; name that account in 'process'"
    return ""
