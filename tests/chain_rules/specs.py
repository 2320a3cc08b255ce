"""A chosen spec over the existing assets, models and objectives, mostly one that fits."""

from random import Random
from typing import Any

from tests.chain_rules import calls
from tests.chain_rules.calls import TEST_SAMPLE, TRAIN_SAMPLE, Spec
from tests.chain_rules.codec import Case, name_of
from tests.chain_rules.scene import digest_of
from tests.chain_rules.state import State

DIGESTS = tuple(digest_of(f"walk {number}") for number in range(14))
"""So few that several accounts register the same bytes, as different things, and models bear them too."""
MODEL_MAKERS = ("Training", "Restructuring", "Aggregation")
_ODD = 0.06
"""How often a part is chosen that doesn't fit."""
_FITTING = {
    "Annotation": (TRAIN_SAMPLE, TEST_SAMPLE, "Opener", "Algo", "Bundle"),
    "Aggregation": ("Algo", "Bundle", "Opener"),
    "Scoring": (TRAIN_SAMPLE, "Opener", "Metric", "Algo"),
}
_FITTING_ELSE = (TRAIN_SAMPLE, "Opener", "Algo", "Bundle")


def choose_spec(state: State, random: Random, creator: bytes, kind: str) -> Spec:
    objectives = list(state.registry("Objectives"))
    parents = _parents(state, random, creator, kind)
    if kind == "Scoring" and objectives and random.random() < 0.6:
        return _certified(state, random, random.choice(objectives), parents)
    assets = [
        calls.asset_input(*key)
        for key, asset in state.registry("Assets").items()
        if asset.kind in _FITTING.get(kind, _FITTING_ELSE) or random.random() < _ODD
    ]
    inputs = random.sample(assets, min(len(assets), random.randint(0, 3)))
    if kind in MODEL_MAKERS and random.random() > _ODD:
        inputs = _with_something_to_run(state, random, inputs)
    if kind == "Scoring" and random.random() > _ODD:
        inputs = _with_a_train_sample(state, random, inputs)
    named = random.sample(objectives, min(len(objectives), random.choice((0, 1, 1, 2))))
    if kind not in MODEL_MAKERS and random.random() > _ODD:
        named = []
    known = state.registry("Models")
    clean = [submission for (submission, _), record in known.items() if record.clean_for]
    candidates = clean if clean and random.random() < 0.5 else [submission for submission, _ in known]
    models = _models(state, random, kind, parents, candidates)
    if kind in MODEL_MAKERS and len(models) == 1 and name_of(models[0]) == "Model" and random.random() < 0.6:
        named = list(known[models[0].values[0].submission, 0].clean_for)
    return Spec(inputs=(*inputs, *models), parents=parents, objectives=tuple(named))


def _with_something_to_run(state: State, random: Random, inputs: list[Case]) -> list[Case]:
    """With an algo or a bundle, if there is any."""
    runs = [key for key, asset in state.registry("Assets").items() if asset.kind in ("Algo", "Bundle")]
    chosen = [calls.asset_input(*key) for key in random.sample(runs, min(len(runs), 1))]
    return [*chosen, *(entry for entry in inputs if entry not in chosen)]


def _with_a_train_sample(state: State, random: Random, inputs: list[Case]) -> list[Case]:
    """What a cross-validation needs, if there is any."""
    samples = [key for key, asset in state.registry("Assets").items() if asset.kind == TRAIN_SAMPLE]
    chosen = [calls.asset_input(*key) for key in random.sample(samples, min(len(samples), 1))]
    return [*chosen, *(entry for entry in inputs if entry not in chosen)]


def _certified(state: State, random: Random, objective: int, parents: tuple[int, ...]) -> Spec:
    """On the objective's own assets, mostly of a model that is clean for it."""
    described = state.registry("Objectives")[objective]
    digests = (described.opener, described.metric, *described.samples)
    inputs = tuple(calls.asset_input(described.owner, digest) for digest in digests)
    if random.random() < _ODD:
        inputs = inputs[1:]
    models = state.registry("Models")
    clean = [submission for (submission, _), record in models.items() if objective in record.clean_for]
    candidates = clean if clean and random.random() > _ODD else [submission for submission, _ in models]
    models_in = _models(state, random, "Scoring", parents, candidates)
    return Spec(inputs=(*inputs, *models_in), parents=parents, objectives=(objective,))


def _models(state: State, random: Random, kind: str, parents: tuple[int, ...], candidates: list[int]) -> list[Case]:
    """A scoring takes one model, from its parent or else by name; others some, now and then an imported one."""
    wanted = {"Annotation": 0, "Scoring": int(not parents)}.get(kind, random.choice((0, 0, 1, 2)))
    if wanted and kind != "Annotation" and random.random() < _ODD:
        imported = [key for key, asset in state.registry("Assets").items() if asset.kind == "Model"]
        return [calls.asset_input(*key) for key in imported[:1]]
    return [calls.model_input(model) for model in random.sample(candidates, min(wanted, len(candidates)))]


def _parents(state: State, random: Random, creator: bytes, kind: str) -> tuple[int, ...]:
    own = [
        number
        for number, task in state.tasks("Tasks").items()
        if task.creator == creator and task.terms.slots == 1 and (_may_be_parent(task, kind) or random.random() < _ODD)
    ]
    return (random.choice(own),) if own and random.random() < 0.35 else ()


def _may_be_parent(task: Any, kind: str) -> bool:
    lost = name_of(task.status) == "Final" and name_of(task.status.outcome) != "Done"
    return not lost and (task.terms.kind in MODEL_MAKERS or kind == "Annotation")
