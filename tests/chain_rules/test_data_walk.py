"""Does a Test sample ever reach a model that is clean for its objective? A seeded walk that makes many models."""

from random import Random
from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import Output
from tests.chain_rules.codec import name_of
from tests.chain_rules.history import History
from tests.chain_rules.lineage import check_certified_scores, check_clean_models
from tests.chain_rules.scene import terms
from tests.chain_rules.specs import DIGESTS, MODEL_MAKERS, choose_spec
from tests.chain_rules.walk import Choice, Walk
from tests.chain_rules.world import World

ROUNDS = 35
_KINDS = ("Training", "Training", "Training", "Restructuring", "Aggregation", "Scoring", "Scoring", "Scoring")


@pytest.mark.parametrize("seed", [21, 22])
def test_no_walk_brings_a_test_sample_into_a_clean_model_or_an_unclean_model_to_a_certified_score(
    world: World, seed: int
) -> None:
    random = Random(seed)
    Walk(world, random).begin()
    history = History(world)
    for _ in range(ROUNDS):
        for choose in (_offers, _claims, _results):
            before = world.state
            sealed = world.seal(*choose(world, random))
            history.see(before, world.state, sealed.events)
            check_clean_models(world.state, history)
            check_certified_scores(world.state, history)

    models = world.state.registry("Models").values()
    assert any(model.clean_for and model.parents for model in models)
    assert {"Certified", "CrossValidation"} <= set(_standings(world))


def _offers(world: World, random: Random) -> list[Choice]:
    """New tasks, sometimes of a creator that has just registered the bytes of anything as anything."""
    chosen = []
    for creator in random.sample(world.accounts, 4):
        if random.random() < 0.1:
            kind = random.choice((calls.TRAIN_SAMPLE, "Algo", "Bundle", "Model"))
            chosen.append((creator, calls.register_asset(random.choice(DIGESTS), kind)))
        kind = random.choice(_KINDS)
        spec = choose_spec(world.state, random, creator, kind)
        chosen.append((creator, calls.create_task(terms(world, judge=creator, kind=kind, window=0), spec)))
    return chosen


def _claims(world: World, random: Random) -> list[Choice]:
    """Everything that can be taken is."""
    offered = [(worker, calls.assign_task(task)) for worker, task in world.state.tasks("Offers")]
    anyones = [task for _, task in world.state.tasks("OpenTasks")]
    return offered + [(random.choice(world.accounts), calls.assign_task(task)) for task in anyones]


def _results(world: World, random: Random) -> list[Choice]:
    """Everybody at work sends something, of any bytes."""
    chosen = []
    for (worker, task), attempt in world.state.tasks("Assignments").items():
        if name_of(attempt.state) == "Live":
            makes_model = world.state.tasks("Tasks")[task].terms.kind in MODEL_MAKERS
            outputs = (Output(name=b"model", digest=random.choice(DIGESTS)),) if makes_model else ()
            perf = None if makes_model else random.randint(-9, 9)
            chosen.append((worker, calls.send_result(task, attempt.epoch, outputs=outputs, perf=perf)))
    return chosen


def _standings(world: World) -> list[Any]:
    scores = (submission.score for submission in world.state.tasks("Submissions").values())
    return [score.standing for score in scores if score]
