"""What attackers of provenance gained under the rules of commit 7bf0b92, and what they gain now."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, TRAIN_SAMPLE, Output, Spec, asset_input
from tests.chain_rules.codec import Case, name_of
from tests.chain_rules.scene import Laboratory, claim, create, digest_of, found_laboratory, send, terms
from tests.chain_rules.schema import Call
from tests.chain_rules.world import Refused, World
from tests.stored import unpack_stored

BEFORE, NOW = "7bf0b92", "packaged"
ROLES = {"bundle": "Bundle", "algo": "Algo", "opener": "Opener", "train sample": TRAIN_SAMPLE}


@dataclass(frozen=True)
class Arena:
    """A chain under either rules, with an objective of the first account."""

    world: World
    rules: str
    laboratory: Laboratory

    def offer(self, creator: bytes, kind: str, spec: Spec) -> int:
        return create(self.world, creator, terms(self.world, judge=creator, kind=kind, window=0), spec)

    def deliver(self, worker: bytes, task: int, *, model: bytes | None = None, score: int | None = None) -> int:
        """Claim and send; the submission's id. The score is in units of 10^-18, of 10^-6 before."""
        epoch = claim(self.world, worker, task)
        if self.rules == NOW:
            return send(self.world, worker, task, epoch, model=model, score=score)
        outputs = () if model is None else (Output(name=b"model", digest=model),)
        perf = None if score is None else score // 10**12
        call = Call("Tasks", "send_task_result", (task, epoch, b"r" * 32, outputs, b"store:result", perf))
        output = self.world.do(worker, call).events
        return int(next(event.fields.submission for event in output if event.name == "ResultSent"))

    def model_input(self, submission: int) -> Case:
        return calls.model_input(submission) if self.rules == NOW else Case.of("Model", submission)

    def certified(self, creator: bytes, scorer: bytes, model: int) -> str:
        """Who vouches for a certified score of the model, or the rule that refuses one."""
        try:
            task = self.offer(creator, "Scoring", self.laboratory.scoring(self.model_input(model)))
        except Refused as refused:
            return str(refused)
        submission = self.deliver(scorer, task, score=99 * 10**16)
        return name_of(self.world.state.tasks("Submissions")[task, submission].score.voucher)


@pytest.fixture(params=[BEFORE, NOW])
def arena(request: pytest.FixtureRequest, tmp_path: Path, open_world: Callable[..., World]) -> Arena:
    old = request.param == BEFORE
    world = open_world(unpack_stored(tmp_path / "stored").runtime()) if old else open_world()
    return Arena(world, request.param, found_laboratory(world, world.accounts[0]))


@pytest.mark.parametrize("role", ROLES)
def test_a_model_that_saw_the_test_samples_is_not_certified_by_registering_it_anew(arena: Arena, role: str) -> None:
    owner, attacker, accomplice, stranger, *_ = arena.world.accounts
    leaked, weights = arena.laboratory.tests[0], digest_of("weights that know the Test samples")
    arena.world.do(accomplice, calls.register_asset(leaked, TRAIN_SAMPLE))
    inputs = (*arena.laboratory.training().inputs, asset_input(accomplice, leaked))
    cheating = arena.deliver(attacker, arena.offer(attacker, "Training", Spec(inputs=inputs)), model=weights)

    arena.world.do(attacker, calls.register_asset(weights, ROLES[role]))
    spec = arena.laboratory.training(asset_input(attacker, weights))
    laundered = arena.deliver(accomplice, arena.offer(attacker, "Training", spec), model=digest_of("laundered"))

    gained = arena.certified(owner, stranger, laundered)
    assert gained == {BEFORE: "Independent", NOW: "NotCertifiable"}[arena.rules]
    if arena.rules == NOW:
        record = arena.world.state.registry("Models")[laundered, 0]
        assert [parent.submission for parent in record.parents] == [cheating]


def test_a_model_that_another_account_registers_is_told_in_the_new_models_record(arena: Arena) -> None:
    owner, attacker, accomplice, *_ = arena.world.accounts
    weights = digest_of("weights from elsewhere")
    arena.world.do(attacker, calls.register_asset(weights, "Model"))
    arena.world.do(accomplice, calls.register_asset(weights, "Bundle"))
    spec = arena.laboratory.training(asset_input(accomplice, weights))
    made = arena.deliver(attacker, arena.offer(owner, "Training", spec), model=digest_of("made of it"))

    models = arena.world.state.registry("Models")
    if arena.rules == BEFORE:
        assert not hasattr(models[made], "same_bytes"), "nobody was told"
    else:
        (event,) = models[made, 0].same_bytes
        assert (event.digest, event.origin) == (weights, Case.of("Imported", attacker))
        assert set(models[made, 0].input_owners) == {owner, accomplice}


def test_evidence_and_certified_scores_are_not_deleted_by_strangers(arena: Arena) -> None:
    owner, trainer, scorer, stranger, *_ = arena.world.accounts
    task = arena.offer(owner, "Training", arena.laboratory.training())
    model = arena.deliver(trainer, task, model=digest_of("model"))
    scoring = arena.offer(owner, "Scoring", arena.laboratory.scoring(arena.model_input(model)))
    arena.deliver(scorer, scoring, score=99 * 10**16)
    arena.world.seal(later=8 * DAY)

    refusals = []
    for purged in (task, scoring):
        (refusal,) = arena.world.seal((stranger, calls.purge_task(purged))).refusals
        refusals.append(refusal)
    assert refusals == {BEFORE: [None, None], NOW: ["StillNeeded", "StillNeeded"]}[arena.rules]
    assert len(arena.world.state.tasks("Submissions")) == {BEFORE: 0, NOW: 2}[arena.rules]
    if arena.rules == NOW:
        for purged in (task, scoring):
            arena.world.do(owner, calls.purge_task(purged))
        ((objective, _), score) = next(iter(arena.world.state.registry("Scores").items()))
        assert (objective, score.model.submission, score.scorer) == (arena.laboratory.objective, model, scorer)


def test_whoever_trained_a_part_is_no_stranger_to_the_whole(arena: Arena) -> None:
    owner, trainer, merger, payer, stranger, *_ = arena.world.accounts
    parts = [
        arena.deliver(trainer, arena.offer(owner, "Training", arena.laboratory.training()), model=digest_of(name))
        for name in ("part 1", "part 2")
    ]
    merging = arena.laboratory.training(*map(arena.model_input, parts))
    inputs = tuple(each for each in merging.inputs if name_of(each) == "Model") + merging.inputs[:1]
    merged = arena.offer(payer, "Aggregation", Spec(inputs=inputs, objectives=merging.objectives))
    whole = arena.deliver(merger, merged, model=digest_of("whole"))

    assert arena.certified(payer, trainer, whole) == {BEFORE: "Independent", NOW: "Own"}[arena.rules]
    assert arena.certified(payer, stranger, whole) == "Independent"
