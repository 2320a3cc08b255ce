"""The policy denies by default and decides by digests."""

from dataclasses import replace

import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Image, Limits
from node_runtime.domain.task import (
    UNIT,
    Assignment,
    AssignmentState,
    Counters,
    Kind,
    Review,
    Spec,
    Task,
    TaskId,
    TaskState,
    Terms,
)
from node_runtime.errors import FailureCategory
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.worker.policy import (
    AllowList,
    Policy,
    refuse_document,
    refuse_history,
    refuse_offer,
    refuse_terms,
)
from node_runtime.worker.reasons import Reason

CREATOR = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
ALGO, DATA, METRIC = "a" * 64, "d" * 64, "e" * 64
NOW, MINUTE = 1_000_000, 60_000

OPEN = Policy(
    kinds=frozenset({Kind.TRAINING}),
    minimum_reward=5 * UNIT,
    creators=AllowList(entries=(CREATOR,)),
    algos=AllowList(entries=("any",)),
    datasets=AllowList(entries=(DATA,)),
)
TASK = Task(
    id=TaskId(1),
    creator=CREATOR,
    terms=Terms(
        kind=Kind.TRAINING,
        reward=10 * UNIT,
        bond=UNIT,
        slots=1,
        max_rejects=0,
        max_failures=1,
        review=Review(judge=CREATOR, window=0),
        deadline=NOW + 10 * MINUTE,
        timeout=MINUTE,
    ),
    state=TaskState.OPEN,
    counters=Counters(live=0, submitted=0, accepted=0, rejected=0, failures=0),
    held=10 * UNIT,
    created=NOW,
)
DOCUMENT = TrainingDocument(
    name="round",
    algo=Image(source=f"{CREATOR}/{ALGO}"),
    data=(f"{CREATOR}/{DATA}",),
)
SPEC = Spec(digest=Digest("1" * 64), uri="cas:", assets=(), models=(), parents=(), objectives=())


def reason_of(policy: Policy, task: Task = TASK, *, now: int = NOW) -> Reason | None:
    refusal = refuse_terms(policy, task, account=WORKER, now=now, minimum_time=MINUTE)
    return refusal.reason if refusal else None


def test_an_empty_policy_takes_nothing() -> None:
    assert reason_of(Policy()) is Reason.KIND
    kinds_only = Policy(kinds=frozenset({Kind.TRAINING}))
    assert reason_of(kinds_only) is Reason.CREATOR
    refusal = refuse_document(kinds_only, DOCUMENT, SPEC, None)
    assert refusal is not None
    assert refusal.reason is Reason.ALGO


def test_empty_lists_are_named_as_in_the_configuration() -> None:
    assert Policy().empty_lists == ("policy.kinds", "policy.creators", "policy.algos", "policy.datasets")
    assert replace(OPEN, algos=AllowList()).empty_lists == ("policy.algos",)
    assert OPEN.empty_lists == ()


def test_a_task_within_the_rules_is_taken() -> None:
    assert reason_of(OPEN) is None
    assert refuse_document(OPEN, DOCUMENT, SPEC, None) is None


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (replace(OPEN, kinds=frozenset({Kind.SCORING})), Reason.KIND),
        (replace(OPEN, minimum_reward=11 * UNIT), Reason.REWARD),
        (replace(OPEN, minimum_rate=601 * UNIT), Reason.RATE),  # it pays 10 UNIT for a minute
        (replace(OPEN, largest_bond=UNIT - 1), Reason.BOND),
        (replace(OPEN, longest=MINUTE - 1), Reason.LONGEST),
        (replace(OPEN, creators=AllowList(entries=("5Other",))), Reason.CREATOR),
        (replace(OPEN, creators=AllowList(entries=("^5Grw",))), Reason.CREATOR),  # anchored at both ends
    ],
)
def test_each_rule_refuses_with_its_reason(policy: Policy, reason: Reason) -> None:
    assert reason_of(policy) is reason


def test_terms_at_the_limits_are_allowed_offered_or_not() -> None:
    policy = replace(OPEN, minimum_rate=600 * UNIT, largest_bond=UNIT, longest=MINUTE)
    offered = replace(TASK, terms=replace(TASK.terms, assignee=WORKER))
    assert reason_of(policy) is reason_of(policy, offered) is None
    dear = replace(offered, terms=replace(offered.terms, bond=UNIT + 1))
    assert reason_of(policy, dear) is Reason.BOND


def test_a_deadline_within_policy_longest_is_allowed() -> None:
    ends_soon = replace(TASK, terms=replace(TASK.terms, timeout=30 * 24 * 60 * MINUTE))
    assert reason_of(replace(OPEN, longest=10 * MINUTE), ends_soon) is None
    assert reason_of(replace(OPEN, longest=10 * MINUTE - 1), ends_soon) is Reason.LONGEST


def test_a_task_that_is_held_already_is_not_given_up_for_its_price() -> None:
    assert refuse_offer(replace(OPEN, minimum_rate=601 * UNIT, largest_bond=0, longest=1), TASK) is None


def test_too_little_time_or_no_slot_is_refused() -> None:
    assert reason_of(OPEN, now=NOW + 9 * MINUTE + 1) is Reason.TIME
    taken = replace(TASK, counters=replace(TASK.counters, live=1))
    assert reason_of(OPEN, taken) is Reason.TAKEN


def test_a_pattern_admits_only_full_matches() -> None:
    assert AllowList(entries=("^5Grwva.*$",)).allows(CREATOR)
    assert not AllowList(entries=("^5Grwva",)).allows(CREATOR)


def test_tasks_for_a_person_are_refused() -> None:
    asked = DOCUMENT.model_copy(update={"person": True})
    refusal = refuse_document(OPEN, asked, SPEC, None)
    assert refusal is not None
    assert refusal.reason is Reason.PERSON


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (Limits(), True),  # the default is 256 MiB
        (Limits(memory=64 << 20), False),  # no more than its memory
        (Limits(scratch=128 << 20), False),
        (Limits(scratch=129 << 20), True),
    ],
)
def test_more_scratch_than_the_operator_gives_is_refused(limits: Limits, *, refused: bool) -> None:
    refusal = refuse_document(
        replace(OPEN, largest_scratch=128 << 20), DOCUMENT.model_copy(update={"limits": limits}), SPEC, None
    )
    assert (refusal is not None and refusal.reason is Reason.TOO_LARGE) is refused
    assert refuse_document(OPEN, DOCUMENT.model_copy(update={"limits": limits}), SPEC, None) is None


def test_the_metric_image_and_every_sample_are_judged_too() -> None:
    scoring = ScoringDocument(
        name="score",
        algo=DOCUMENT.algo,
        opener=f"{CREATOR}/{ALGO}",
        metric=Image(source=f"{CREATOR}/{METRIC}"),
        data=DOCUMENT.data,
    )
    only_algo = replace(OPEN, algos=AllowList(entries=(ALGO,)))
    refusal = refuse_document(only_algo, scoring, SPEC, None)
    assert refusal is not None
    assert METRIC in refusal.message
    foreign = DOCUMENT.model_copy(update={"data": (*DOCUMENT.data, f"{CREATOR}/{'f' * 64}")})
    refusal = refuse_document(OPEN, foreign, SPEC, None)
    assert refusal is not None
    assert refusal.reason is Reason.DATASET


def test_an_approval_holds_for_the_digest_it_was_given_for() -> None:
    manual = replace(OPEN, manual=True)
    assert refuse_document(manual, DOCUMENT, SPEC, SPEC.digest) is None
    for approved in (None, Digest("2" * 64)):
        refusal = refuse_document(manual, DOCUMENT, SPEC, approved)
        assert refusal is not None
        assert refusal.reason is Reason.APPROVAL
        assert not refusal.lasting


def ended(state: AssignmentState, category: FailureCategory | None = None) -> Assignment:
    return Assignment(
        task=TASK.id, worker=WORKER, epoch=1, since=NOW, due=NOW + MINUTE, bond=0, state=state, category=category
    )


def test_an_attempt_that_failed_for_our_fault_is_repeated_after_a_rest() -> None:
    last = ended(AssignmentState.FAILED, FailureCategory.NODE_ERROR)
    refusal = refuse_history(last, TASK, now=NOW + 1, max_hand_backs=2)
    assert refusal is not None
    assert refusal.reason is Reason.RESTING
    assert refuse_history(last, TASK, now=NOW + MINUTE, max_hand_backs=2) is None


@pytest.mark.parametrize(
    "category", [FailureCategory.TASK_ERROR, FailureCategory.BUILD_FAILED, FailureCategory.IMAGE_UNFIT]
)
def test_a_broken_task_is_retried_after_its_pause_by_its_assignee_only(
    category: FailureCategory,
) -> None:
    last = ended(AssignmentState.FAILED, category)
    offered = replace(TASK, terms=replace(TASK.terms, assignee=last.worker))
    blamed = replace(offered, counters=replace(TASK.counters, failures=1))
    refusal = refuse_history(last, blamed, now=NOW, max_hand_backs=2)
    assert refusal is not None
    assert not refusal.lasting  # the task may be resumed between two polls
    assert refuse_history(last, offered, now=NOW, max_hand_backs=2) is None
    others = refuse_history(last, TASK, now=NOW, max_hand_backs=2)
    assert others is not None
    assert others.lasting


def test_two_hand_backs_at_a_price_end_an_accounts_attempts() -> None:
    for times, refused in ((0, False), (1, False), (2, True)):
        last = replace(ended(AssignmentState.HANDED_BACK), hand_backs=times)
        refusal = refuse_history(last, TASK, now=NOW, max_hand_backs=2)
        assert (refusal is not None) == refused


@pytest.mark.parametrize("state", [AssignmentState.LAPSED, AssignmentState.SUBMITTED, AssignmentState.ABORTED])
def test_claims_the_chain_would_refuse_are_not_sent(state: AssignmentState) -> None:
    refusal = refuse_history(ended(state), TASK, now=NOW, max_hand_backs=2)
    assert refusal is not None
    assert refusal.lasting
    assert refuse_history(ended(AssignmentState.HANDED_BACK), TASK, now=NOW, max_hand_backs=2) is None


def test_a_judge_does_not_work_on_its_task() -> None:
    own = replace(TASK, terms=replace(TASK.terms, review=Review(judge=WORKER, window=0)))
    assert reason_of(OPEN, own) is Reason.JUDGE


def test_a_creator_works_only_on_tasks_it_offers_to_itself() -> None:
    own = replace(TASK, creator=WORKER, terms=replace(TASK.terms, review=Review(judge=WORKER, window=0)))
    trusting_itself = replace(OPEN, creators=AllowList(entries=(WORKER,)))
    assert reason_of(trusting_itself, own) is Reason.JUDGE
    assert reason_of(trusting_itself, replace(own, terms=replace(own.terms, assignee=WORKER))) is None


def test_code_beside_the_allowed_digests_is_refused_unless_all_is_allowed() -> None:
    listed = replace(OPEN, algos=AllowList(entries=(ALGO,)))
    algo = Image(source=f"{CREATOR}/{ALGO}")
    beside: dict[Reason, dict[str, object]] = {
        Reason.OVERRIDE: {"algo": algo.model_copy(update={"entrypoint": ("sh",)})},
        Reason.ALGO: {"algo": algo.model_copy(update={"image": f"foreign@sha256:{'9' * 64}"})},
    }
    opener: dict[str, object] = {"opener": f"{CREATOR}/{'8' * 64}"}
    for reason, update in (*beside.items(), (Reason.ALGO, opener)):
        document = DOCUMENT.model_copy(update=update)
        refusal = refuse_document(listed, document, SPEC, None)
        assert refusal is not None
        assert refusal.reason is reason
        assert refuse_document(OPEN, document, SPEC, None) is None


def test_a_ready_image_runs_once_its_digest_is_allowed_too() -> None:
    ready = Image(source=f"{CREATOR}/{ALGO}", image=f"registry/name@sha256:{'9' * 64}")
    both = replace(OPEN, algos=AllowList(entries=(ALGO, "9" * 64)))
    assert refuse_document(both, DOCUMENT.model_copy(update={"algo": ready}), SPEC, None) is None
