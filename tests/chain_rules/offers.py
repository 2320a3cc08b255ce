"""Chosen new tasks: of every kind, some with declared roles, some with rights on their models."""

from dataclasses import replace
from random import Random

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, HOUR, SECOND, UNIT, Review, Terms
from tests.chain_rules.roles import choose_composite, choose_function, choose_rights
from tests.chain_rules.schema import Call
from tests.chain_rules.specs import MODEL_MAKERS, choose_spec
from tests.chain_rules.world import World

_KINDS = ("Annotation", "Training", "Training", "Training", "Restructuring", "Scoring", "Scoring", "Aggregation")
_DECLARES = 0.3
_NARROWS = 0.3
_ODD = 0.06
"""How often each happens; the last of rights on what is no model."""


def choose_task(world: World, random: Random, creator: bytes) -> Call:
    """A call of this account that offers a task."""
    if random.random() < _DECLARES:
        return _with_roles(world, random, creator)
    kind = random.choice(_KINDS)
    spec, terms = choose_spec(world.state, random, creator, kind), _terms(world, random, creator, kind)
    if random.random() < (_NARROWS if kind in MODEL_MAKERS else _ODD):
        return calls.create_task_with_rights(terms, spec, choose_rights(random, world.accounts))
    return calls.create_task(terms, spec)


def _with_roles(world: World, random: Random, creator: bytes) -> Call:
    kind, choose = random.choice((("Function", choose_function), ("Training", choose_composite)))
    spec, roles = choose(world.state, random, creator)
    terms = replace(_terms(world, random, creator, kind), slots=1)
    if random.random() < _NARROWS:
        return calls.create_task_with_rights(terms, spec, choose_rights(random, world.accounts), roles)
    return calls.create_task_with_roles(terms, spec, roles)


def _terms(world: World, random: Random, creator: bytes, kind: str) -> Terms:
    anyone = (*world.accounts, world.poor)
    assignee = random.choice(anyone) if random.random() < 0.2 else None
    plans = [plan for plan, record in world.state.tasks("Plans").items() if record.creator == creator]
    return Terms(
        kind=kind,
        reward=random.randint(UNIT, 40 * UNIT),
        bond=random.randint(4 * UNIT, 9 * UNIT),
        slots=1 if assignee else random.choice((1, 1, 2, 3)),
        max_rejects=random.randint(0, 2),
        max_failures=random.randint(1, 2),
        review=Review(
            judge=random.choice(anyone) if random.random() < 0.5 else creator,
            window=random.choice((0, 2 * SECOND, 20 * SECOND, HOUR, HOUR)),
        ),
        deadline=world.now + random.choice((5 * SECOND, 60 * SECOND, HOUR, 3 * DAY, 3 * DAY)),
        timeout=random.choice((2 * SECOND, 20 * SECOND, HOUR)),
        plan=random.choice(plans) if plans and random.random() < 0.4 else None,
        assignee=assignee,
    )
