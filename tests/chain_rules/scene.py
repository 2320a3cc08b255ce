"""Starting points of single rules' tests: a creator's task, a worker at it, a result, an objective."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, HOUR, TEST_SAMPLE, TRAIN_SAMPLE, UNIT, Output, Review, Spec, Terms
from tests.chain_rules.codec import name_of
from tests.chain_rules.world import Sealed, World

REWARD, BOND = 5 * UNIT, 2 * UNIT
REJECT_FEE = REWARD // 10
REPORT_FEE = UNIT // 100
TIMEOUT, DEADLINE, WINDOW = HOUR, 2 * DAY, 6 * HOUR


def digest_of(name: str) -> bytes:
    return sha256(name.encode()).digest()


def terms(
    world: World,
    *,
    judge: bytes,
    kind: str = "Annotation",
    window: int = WINDOW,
    slots: int = 1,
    max_rejects: int = 1,
    max_failures: int = 1,
    plan: int | None = None,
    assignee: bytes | None = None,
) -> Terms:
    """Terms that can be kept, from now on."""
    return Terms(
        kind=kind,
        reward=REWARD,
        bond=BOND,
        slots=slots,
        max_rejects=max_rejects,
        max_failures=max_failures,
        review=Review(judge=judge, window=window),
        deadline=world.now + DEADLINE,
        timeout=TIMEOUT,
        plan=plan,
        assignee=assignee,
    )


def create(world: World, creator: bytes, offered: Terms, spec: Spec | None = None) -> int:
    """A new task's id."""
    return int(_told(world.do(creator, calls.create_task(offered, spec or Spec())), "TaskCreated").task)


def claim(world: World, worker: bytes, task: int) -> int:
    """The attempt's epoch."""
    return int(_told(world.do(worker, calls.assign_task(task)), "Assigned").epoch)


def send(
    world: World, worker: bytes, task: int, epoch: int, *, model: bytes | None = None, score: int | None = None
) -> int:
    """The submission's id."""
    outputs = () if model is None else (Output(name=b"model", digest=model),)
    sealed = world.do(worker, calls.send_result(task, epoch, outputs=outputs, score=score))
    return int(_told(sealed, "ResultSent").submission)


def deliver(world: World, worker: bytes, task: int, *, model: bytes | None = None, score: int | None = None) -> int:
    """Claim and send; the submission's id."""
    return send(world, worker, task, claim(world, worker, task), model=model, score=score)


def status(world: World, task: int) -> str:
    """The task's status, for a final one its outcome."""
    found = world.state.tasks("Tasks")[task].status
    return name_of(found.outcome) if name_of(found) == "Final" else name_of(found)


def attempt(world: World, worker: bytes, task: int) -> Any:
    return world.state.tasks("Assignments")[worker, task]


def _told(sealed: Sealed, name: str) -> Any:
    return next(event.fields for event in sealed.events if event.name == name)


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """An owner's registered assets and the objective made of them."""

    owner: bytes
    algo: bytes
    opener: bytes
    metric: bytes
    train: bytes
    tests: tuple[bytes, ...]
    objective: int

    def training(self, *more: Any, parents: tuple[int, ...] = ()) -> Spec:
        """Trains the algo for the objective, on ``more`` inputs too."""
        inputs = (self._asset(self.algo), self._asset(self.opener), self._asset(self.train), *more)
        return Spec(inputs=inputs, objectives=(self.objective,), parents=parents)

    def scoring(self, *models: Any, parents: tuple[int, ...] = ()) -> Spec:
        """Scores for the objective exactly as it wants it."""
        named = (self.opener, self.metric, *self.tests)
        return Spec(inputs=(*map(self._asset, named), *models), parents=parents, objectives=(self.objective,))

    def cross_validation(self, *models: Any) -> Spec:
        """Scores on the Train sample."""
        return Spec(inputs=(*map(self._asset, (self.opener, self.metric, self.train)), *models))

    def _asset(self, digest: bytes) -> Any:
        return calls.asset_input(self.owner, digest)


def found_laboratory(world: World, owner: bytes, name: str = "digits") -> Laboratory:
    algo, opener, metric, train, first, second = (
        digest_of(f"{name} {what}") for what in ("algo", "opener", "metric", "train", "test 1", "test 2")
    )
    kinds = {algo: "Algo", opener: "Opener", metric: "Metric", train: TRAIN_SAMPLE}
    for digest, kind in (*kinds.items(), (first, TEST_SAMPLE), (second, TEST_SAMPLE)):
        world.do(owner, calls.register_asset(digest, kind))
    tests = (first, second)
    sealed = world.do(owner, calls.create_objective(metric=metric, opener=opener, samples=tests))
    objective = _told(sealed, "ObjectiveCreated").objective
    return Laboratory(
        owner=owner, algo=algo, opener=opener, metric=metric, train=train, tests=tests, objective=objective
    )
