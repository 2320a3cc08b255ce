"""Does the policy deny by default, and judge by digests?"""

from dataclasses import replace

import pytest

from node_runtime.daemon.policy import AllowList, Policy, Reason, refuse_document, refuse_history, refuse_terms
from node_runtime.document import Document, Image
from node_runtime.errors import FailureCategory
from node_runtime.task import (
    UNIT,
    Account,
    Assignment,
    AssignmentState,
    Counters,
    Digest,
    Kind,
    Review,
    Spec,
    Task,
    TaskId,
    TaskState,
    Terms,
)

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
DOCUMENT = Document(
    kind=Kind.TRAINING,
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


def test_the_lists_that_let_nobody_in_are_named_as_in_the_configuration() -> None:
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
        (replace(OPEN, creators=AllowList(entries=("5Other",))), Reason.CREATOR),
        (replace(OPEN, creators=AllowList(entries=("^5Grw",))), Reason.CREATOR),  # anchored at both ends
    ],
)
def test_each_rule_refuses_with_its_reason(policy: Policy, reason: Reason) -> None:
    assert reason_of(policy) is reason


def test_too_little_time_or_no_slot_is_refused() -> None:
    assert reason_of(OPEN, now=NOW + 9 * MINUTE + 1) is Reason.TIME
    taken = replace(TASK, counters=replace(TASK.counters, live=1))
    assert reason_of(OPEN, taken) is Reason.NOT_OPEN


def test_a_pattern_admits_only_full_matches() -> None:
    assert AllowList(entries=("^5Grwva.*$",)).allows(CREATOR)
    assert not AllowList(entries=("^5Grwva",)).allows(CREATOR)


def test_what_a_person_is_to_do_is_left_alone() -> None:
    asked = DOCUMENT.model_copy(update={"person": True})
    refusal = refuse_document(OPEN, asked, SPEC, None)
    assert refusal is not None
    assert refusal.reason is Reason.PERSON


def test_the_metric_image_and_every_sample_are_judged_too() -> None:
    scoring = DOCUMENT.model_copy(update={"metric": Image(source=f"{CREATOR}/{METRIC}")})
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
    refusal = refuse_history(last, TASK, now=NOW + 1)
    assert refusal is not None
    assert refusal.reason is Reason.RESTING
    assert refuse_history(last, TASK, now=NOW + MINUTE) is None


def test_a_broken_task_is_tried_again_only_once_its_creator_resumed_it() -> None:
    last = ended(AssignmentState.FAILED, FailureCategory.TASK_ERROR)
    blamed = replace(TASK, counters=replace(TASK.counters, failures=1))
    refusal = refuse_history(last, blamed, now=NOW)
    assert refusal is not None
    assert not refusal.lasting  # the task may be resumed between two looks
    assert refuse_history(last, TASK, now=NOW) is None


@pytest.mark.parametrize("state", [AssignmentState.LAPSED, AssignmentState.SUBMITTED, AssignmentState.ABORTED])
def test_what_the_chain_would_refuse_is_not_tried(state: AssignmentState) -> None:
    refusal = refuse_history(ended(state), TASK, now=NOW)
    assert refusal is not None
    assert refusal.lasting
    assert refuse_history(ended(AssignmentState.HANDED_BACK), TASK, now=NOW) is None


def test_a_judge_does_not_work_on_what_it_judges() -> None:
    own = replace(TASK, terms=replace(TASK.terms, review=Review(judge=WORKER, window=0)))
    assert reason_of(OPEN, own) is Reason.JUDGE


def test_a_creator_does_what_it_offers_itself_and_leaves_the_rest_to_others() -> None:
    own = replace(TASK, creator=WORKER, terms=replace(TASK.terms, review=Review(judge=WORKER, window=0)))
    trusting_itself = replace(OPEN, creators=AllowList(entries=(WORKER,)))
    assert reason_of(trusting_itself, own) is Reason.JUDGE
    assert reason_of(trusting_itself, replace(own, terms=replace(own.terms, assignee=WORKER))) is None


def test_code_beside_the_allowed_digests_is_refused_unless_all_is_allowed() -> None:
    listed = replace(OPEN, algos=AllowList(entries=(ALGO,)))
    algo = Image(source=f"{CREATOR}/{ALGO}")
    beside = {
        Reason.OVERRIDE: {"algo": algo.model_copy(update={"entrypoint": ("sh",)})},
        Reason.ALGO: {"algo": algo.model_copy(update={"image": f"foreign@sha256:{'9' * 64}"})},
    }
    for reason, update in (*beside.items(), (Reason.ALGO, {"opener": f"{CREATOR}/{'8' * 64}"})):
        document = DOCUMENT.model_copy(update=update)
        refusal = refuse_document(listed, document, SPEC, None)
        assert refusal is not None
        assert refusal.reason is reason
        assert refuse_document(OPEN, document, SPEC, None) is None


def test_a_ready_image_runs_once_its_digest_is_allowed_too() -> None:
    ready = Image(source=f"{CREATOR}/{ALGO}", image=f"registry/name@sha256:{'9' * 64}")
    both = replace(OPEN, algos=AllowList(entries=(ALGO, "9" * 64)))
    assert refuse_document(both, DOCUMENT.model_copy(update={"algo": ready}), SPEC, None) is None
