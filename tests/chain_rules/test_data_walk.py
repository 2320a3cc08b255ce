"""No Test sample reaches a model that is clean for its objective: a seeded walk that makes many models.

``WALK_SEEDS=20 WALK_BLOCKS=400 pytest tests/chain_rules/test_data_walk.py`` walks further.
"""

import os
from random import Random
from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import Output
from tests.chain_rules.codec import name_of
from tests.chain_rules.history import History
from tests.chain_rules.lineage import Kitchen, Recipe, check_clean_models, check_scores, vouched
from tests.chain_rules.scene import terms
from tests.chain_rules.specs import DIGESTS, MODEL_MAKERS, choose_spec
from tests.chain_rules.walk import Choice, Walk
from tests.chain_rules.world import World

SEEDS = range(21, 21 + int(os.environ.get("WALK_SEEDS", "4")))
ROUNDS = int(os.environ.get("WALK_BLOCKS", "105")) // 3
_KINDS = ("Training", "Training", "Training", "Restructuring", "Aggregation", "Scoring", "Scoring", "Scoring")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_walk_brings_a_test_sample_into_a_clean_model_or_an_unclean_model_to_a_certified_score(
    world: World, seed: int
) -> None:
    random = Random(seed)
    Walk(world, random).begin()
    history, kitchen = History(world), Kitchen()
    for _ in range(ROUNDS):
        for choose in (_offers, _claims, _results):
            before = world.state
            sealed = world.seal(*choose(world, random))
            history.see(before, world.state, sealed.events)
            kitchen.see(world.state, history, sealed.events)
            check_clean_models(world.state, kitchen)
            check_scores(world.state, history, kitchen)

    models = world.state.registry("Models").values()
    assert any(model.clean_for and model.parents for model in models)
    assert kitchen.remade > 0, "no maker gave its bytes to a training in another role"
    assert any(vouched(world.state))
    assert {"Certified", "CrossValidation"} <= set(_standings(world))


def _offers(world: World, random: Random) -> list[Choice]:
    """New tasks, sometimes of a creator that has just registered the bytes of anything as anything."""
    chosen = []
    for creator in random.sample(world.accounts, 4):
        if random.random() < 0.2:
            kind = random.choice((calls.TRAIN_SAMPLE, "Algo", "Bundle", "Opener", "Model"))
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
            score = None if makes_model else random.randint(-9, 9)
            chosen.append((worker, calls.send_result(task, attempt.epoch, outputs=outputs, score=score)))
    return chosen


def _standings(world: World) -> list[Any]:
    scores = (submission.score for submission in world.state.tasks("Submissions").values())
    return [score.standing for score in scores if score]


def test_the_walks_own_account_of_lineage_sees_bytes_that_their_maker_gave_anew() -> None:
    kitchen, sample, nothing = Kitchen(), b"test sample", frozenset[int]()
    seen = {1: ((), {sample}), 2: (((1,),), {b"weights"}), 3: (((1, None),), {b"samples"})}
    not_seen = {4: ((), {b"other"}), 5: (((1, 4),), {b"made as either"})}
    for model, (made, digests) in (seen | not_seen).items():
        kitchen.recipes[model] = Recipe(
            digests=frozenset(digests), parents=nothing, made=made, imported=False, worked=frozenset()
        )
    assert {model for model in seen | not_seen if kitchen.has_seen({sample}, model)} == seen.keys()
