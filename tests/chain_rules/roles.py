"""Chosen tasks that declare roles, functions and composites, and rights on what tasks make."""

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.chain_rules.calls import Output, OutputRole, Perf, Rights, Roles, Spec, Take, model_input, only
from tests.chain_rules.codec import name_of
from tests.chain_rules.specs import DIGESTS, choose_spec
from tests.chain_rules.state import State

HEAD_AND_TRUNK = (OutputRole(name=b"head", private=True), OutputRole(name=b"trunk"))
_OUTPUTS = (
    OutputRole(name=b"a"),
    OutputRole(name=b"b", private=True),
    OutputRole(name=b"c", kind="Performance"),
)
_ODD = 0.06
"""How often a part is chosen that doesn't fit."""


def choose_composite(state: State, random: Random, creator: bytes) -> tuple[Spec, Roles]:
    """A training that takes the head and the trunk of earlier ones, awaited or recorded, or neither."""
    spec = choose_spec(state, random, creator, "Training")
    assets = tuple(entry for entry in spec.inputs if name_of(entry) == "Asset")
    composites = _composites(state, creator)
    kept = [submission for submission, output in state.registry("PrivateModels") if output == 0]
    if composites and random.random() < 0.5:
        head, trunk = random.choice(composites), random.choice(composites)
        takes = (Take(parent=head, output=0), Take(parent=trunk, output=1))
        parents = tuple(dict.fromkeys((head, trunk)))
        return Spec(inputs=assets, parents=parents), Roles(outputs=HEAD_AND_TRUNK, takes=takes)
    if kept and random.random() < 0.5:
        submission = random.choice(kept)
        models = tuple(model_input(submission, output) for output in (0, 1))
        return Spec(inputs=(*assets, *models)), Roles(outputs=HEAD_AND_TRUNK)
    return Spec(inputs=assets), Roles(outputs=HEAD_AND_TRUNK)


def choose_function(state: State, random: Random, creator: bytes) -> tuple[Spec, Roles]:
    """Of any inputs, some of whose outputs are performances or private; of its parent it takes a model."""
    spec = choose_spec(state, random, creator, "Training")
    outputs = tuple(role for role in _OUTPUTS if random.random() < 0.5) or _OUTPUTS[:1]
    makes_model = any(role.kind == "Model" for role in outputs)
    takes = tuple(Take(parent=parent, output=_a_model(state, random, parent)) for parent in spec.parents)
    objectives = spec.objectives if makes_model else ()
    return Spec(inputs=spec.inputs, parents=spec.parents, objectives=objectives), Roles(outputs=outputs, takes=takes)


def choose_rights(random: Random, accounts: Sequence[bytes]) -> Rights:
    """Each right for everyone or for most accounts."""

    def some() -> Any:
        chosen = tuple(account for account in accounts if random.random() < 0.8)
        return "Public" if random.random() < 0.5 else only(*chosen)

    return Rights(process=some(), download=some(), logs=some())


def declared_result(state: State, random: Random, task: int) -> tuple[tuple[Output, ...], tuple[Perf, ...]] | None:
    """What a task that declares outputs wants of its worker; None of one that declares none."""
    declared = state.tasks("TaskRoles").get(task)
    if declared is None or not declared.outputs:
        return None
    models = [role for role in declared.outputs if role.kind == "Model"]
    outputs = tuple(Output(name=role.name, digest=random.choice(DIGESTS)) for role in models)
    numbers = [role for role in declared.outputs if role.kind == "Performance"]
    perfs = tuple(Perf(name=role.name, value=random.randint(-9, 9)) for role in numbers)
    return (outputs[1:] if random.random() < _ODD else outputs), perfs


def _a_model(state: State, random: Random, task: int) -> int:
    declared = state.tasks("TaskRoles").get(task)
    outputs = () if declared is None else declared.outputs
    places = [place for place, role in enumerate(outputs) if role.kind == "Model"]
    return random.choice(places or [0])


def _composites(state: State, creator: bytes) -> list[int]:
    tasks = state.tasks("Tasks")
    return [
        number
        for number, roles in state.tasks("TaskRoles").items()
        if tasks[number].creator == creator
        and any(role.private for role in roles.outputs)
        and len(roles.outputs) == len(HEAD_AND_TRUNK)
        and tasks[number].terms.kind == "Training"
        and not (name_of(tasks[number].status) == "Final" and name_of(tasks[number].status.outcome) != "Done")
    ]
