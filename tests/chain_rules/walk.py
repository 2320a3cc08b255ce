"""A seeded choice of calls, sensible ones and others, by what the chain's state offers."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, HOUR, SECOND, TEST_SAMPLE, TRAIN_SAMPLE, UNIT, Output
from tests.chain_rules.codec import name_of
from tests.chain_rules.offers import choose_task
from tests.chain_rules.roles import choose_rights, declared_result
from tests.chain_rules.schema import Call
from tests.chain_rules.specs import DIGESTS
from tests.chain_rules.world import World

_ASSET_KINDS = (TRAIN_SAMPLE, TRAIN_SAMPLE, TEST_SAMPLE, TEST_SAMPLE, "Opener", "Metric", "Algo", "Bundle", "Model")
_CATEGORIES = (
    "TaskError",
    "Timeout",
    "OutOfMemory",
    "OutputInvalid",
    "OutputTooLarge",
    "BuildFailed",
    "ImageUnfit",
    "Policy",
    "NodeError",
    "InputUnavailable",
    "ImageUnavailable",
)
_POCKET_MONEY = 25 * UNIT
"""Enough for some bonds; it runs out in the course of a walk."""
_MOST_FEES = UNIT // 2
"""More than the calls of one block can cost an account."""
_WRONG = 0.08
"""How often somebody does what it may not."""

_TRIES = 40

Choice = tuple[bytes, Call]


def subject_of(call: Call) -> Any:
    """The task, or else what, a call is about."""
    if call.name != "poke":
        return call.arguments[0] if call.arguments else None
    entry = call.arguments[0]
    return entry.values[1] if name_of(entry) == "Assignment" else entry.values[0]


@dataclass(frozen=True)
class Walk:
    """Chooses calls and times. The same seed on the same chain chooses the same."""

    world: World
    random: Random

    def begin(self) -> None:
        """Makes the first block: what the chain needs so that sensible calls can be made."""
        rich, *_ = self.world.accounts
        self.world.seal((rich, calls.transfer(self.world.poor, _POCKET_MONEY)), *self._beginning())

    def _beginning(self) -> list[Choice]:
        """Some accounts register the same bytes, one of them honestly labelled, and make objectives of them."""
        chosen = []
        for account in self.world.accounts[:3]:
            kinds = ("Opener", "Metric", "Algo", TRAIN_SAMPLE, TRAIN_SAMPLE, TEST_SAMPLE, TEST_SAMPLE)
            digests = self.random.sample(DIGESTS, len(kinds))
            chosen += [(account, calls.register_asset(*pair)) for pair in zip(digests, kinds, strict=True)]
            opener, metric, *_, test, other_test = digests
            samples = (test, other_test)
            chosen.append((account, calls.create_objective(metric=metric, opener=opener, samples=samples)))
        return chosen

    def calls(self, count: int) -> list[Choice]:
        """So many calls, chosen by the state after the newest block."""
        return [self._call() for _ in range(count)]

    def rivals(self) -> tuple[Choice, Choice] | None:
        """Two calls of different accounts about the same thing, when there are some at hand."""
        first = self._call()
        for _ in range(_TRIES):
            second = self._poke() if self.random.random() < 0.2 else self._call()
            if second[0] != first[0] and subject_of(second[1]) == subject_of(first[1]):
                return first, second
        return None

    def pause(self) -> int:
        """Milliseconds to the next block: soon, at or just after what is due next, or much later."""
        agenda = self.world.state.tasks("Agenda")
        chance = self.random.random()
        if agenda and chance < 0.2:
            due = int.from_bytes(min(agenda)[:8], "big") - self.world.now
            return max(1, due + self.random.choice((0, 0, 1)))
        if chance < 0.93:
            return self.random.randint(1, 2 * SECOND)
        return self.random.randint(1, HOUR) if chance < 0.99 else self.random.randint(1, 2 * DAY)

    def _call(self) -> Choice:
        makers: dict[Callable[[], Choice | None], int] = {
            self._register: 2,
            self._objective: 1,
            self._plan: 1,
            self._cancel_plan: 1,
            self._create: 12,
            self._claim: 20,
            self._send: 20,
            self._report: 8,
            self._hand_back: 6,
            self._judge: 10,
            self._confirm: 3,
            self._cancel: 1,
            self._abort: 2,
            self._resume: 8,
            self._decline: 1,
            self._poke: 2,
            self._purge: 1,
        }
        while True:
            (maker,) = self.random.choices(list(makers), list(makers.values()))
            choice = maker()
            if choice is not None and self.world.state.accounts[choice[0]].free > _MOST_FEES:
                return choice

    def _register(self) -> Choice:
        owner, kind = self._anyone(), self.random.choice(_ASSET_KINDS)
        if self.random.random() < 0.3:
            permissions = calls.Permissions(rights=choose_rights(self.random, self.world.accounts))
            return owner, calls.register_permitted(self._digest(), kind, "Shared", permissions)
        return owner, calls.register_asset(self._digest(), kind, "Private" if self._rarely() else "Shared")

    def _objective(self) -> Choice | None:
        owner = self._anyone()
        samples = self._owned(owner, TEST_SAMPLE)
        if not samples and not self._rarely():
            return None
        chosen = tuple(self.random.sample(samples, min(len(samples), self.random.randint(1, 3))))
        opener, metric = (self._one_of(self._owned(owner, kind)) or self._digest() for kind in ("Opener", "Metric"))
        return owner, calls.create_objective(metric=metric, opener=opener, samples=chosen)

    def _decline(self) -> Choice | None:
        offer = self._one_of(list(self.world.state.tasks("Offers")))
        if offer is None or self._evenly():
            return None
        worker, task = offer
        return self._mostly(worker), calls.decline_offer(task)

    def _plan(self) -> Choice:
        return self._anyone(), calls.create_plan()

    def _cancel_plan(self) -> Choice | None:
        plan = self._one_of(list(self.world.state.tasks("Plans")))
        if plan is None or self.random.random() < 0.5:
            return None
        return self._mostly(self.world.state.tasks("Plans")[plan].creator), calls.cancel_plan(
            plan, abort=self._evenly()
        )

    def _create(self) -> Choice:
        creator = self._anyone()
        return creator, choose_task(self.world, self.random, creator)

    def _claim(self) -> Choice | None:
        state = self.world.state
        if (again := self._once_more()) is not None and self.random.random() < 0.4:
            return again
        if offers := list(state.tasks("Offers")):
            worker, task = self.random.choice(offers)
            return self._mostly(worker), calls.assign_task(task)
        task = self._one_of([task for _, task in state.tasks("OpenTasks")] or list(state.tasks("Tasks")))
        return None if task is None else (self._anyone(), calls.assign_task(task))

    def _once_more(self) -> Choice | None:
        """Of an account whose attempt at an open task ended, allowed or not."""
        state = self.world.state
        opened = {task for _, task in state.tasks("OpenTasks")} | {task for _, task in state.tasks("Offers")}
        over = [
            key
            for key, attempt in state.tasks("Assignments").items()
            if key[1] in opened and name_of(attempt.state) in ("Failed", "HandedBack")
        ]
        found = self._one_of(over)
        return None if found is None else (found[0], calls.assign_task(found[1]))

    def _send(self) -> Choice | None:
        found = self._attempt()
        if found is None:
            return None
        worker, task, epoch = found
        if (declared := declared_result(self.world.state, self.random, task)) is not None:
            outputs, perfs = declared
            return worker, calls.send_result(task, epoch, outputs=outputs, perfs=perfs)
        kind = self.world.state.tasks("Tasks")[task].terms.kind
        model = Output(name=b"model", digest=self._digest())
        outputs = () if kind in ("Annotation", "Scoring") or self._rarely() else (model,)
        score = self.random.randint(-(10**36), 10**36) if (kind == "Scoring") != self._rarely() else None
        return worker, calls.send_result(task, epoch, outputs=outputs, score=score)

    def _report(self) -> Choice | None:
        found = self._attempt()
        if found is None:
            return None
        worker, task, epoch = found
        return worker, calls.report_failure(task, epoch, self.random.choice(_CATEGORIES))

    def _hand_back(self) -> Choice | None:
        found = self._attempt()
        return None if found is None else (found[0], calls.hand_back(found[1], found[2]))

    def _attempt(self) -> tuple[bytes, int, int] | None:
        """A live attempt, rarely one that isn't, or its epoch isn't right."""
        attempts = self.world.state.tasks("Assignments")
        live = [key for key, attempt in attempts.items() if name_of(attempt.state) == "Live"]
        key = self._one_of(list(attempts) if self._rarely() else live)
        if key is None:
            return None
        return (*key, attempts[key].epoch - int(self._rarely() and attempts[key].epoch > 0))

    def _judge(self) -> Choice | None:
        submissions = self.world.state.tasks("Submissions")
        waiting = [key for key, sent in submissions.items() if name_of(sent.status) == "UnderReview"]
        key = self._one_of(list(submissions) if self._rarely() else waiting)
        if key is None:
            return None
        judge = self._mostly(self.world.state.tasks("Tasks")[key[0]].terms.review.judge)
        return judge, calls.accept(*key) if self.random.random() < 0.4 else calls.reject(*key)

    def _confirm(self) -> Choice | None:
        attempts = self.world.state.tasks("Assignments")
        key = self._one_of([key for key, attempt in attempts.items() if name_of(attempt.state) == "Failed"])
        if key is None:
            return None
        return self._mostly(self.world.state.tasks("Tasks")[key[1]].creator), calls.confirm_failure(key[1], key[0])

    def _cancel(self) -> Choice | None:
        found = self._task({"Waiting", "Open", "Paused", "Closing"})
        return None if found is None else (found[0], calls.cancel_task(found[1], abort=self._evenly()))

    def _abort(self) -> Choice | None:
        """Of a task that somebody is at."""
        found = self._attempt()
        if found is None:
            return None
        return self._mostly(self.world.state.tasks("Tasks")[found[1]].creator), calls.cancel_task(found[1], abort=True)

    def _resume(self) -> Choice | None:
        found = self._task({"Paused"})
        return None if found is None else (found[0], calls.resume_task(found[1]))

    def _purge(self) -> Choice | None:
        found = self._task({"Final"})
        return None if found is None else (found[0], calls.purge_task(found[1]))

    def _task(self, statuses: set[str]) -> tuple[bytes, int] | None:
        """A task in one of these statuses, with whoever calls: mostly its creator."""
        tasks = self.world.state.tasks("Tasks")
        number = self._one_of(
            list(tasks)
            if self.random.random() < _WRONG / 4
            else [number for number, task in tasks.items() if name_of(task.status) in statuses]
        )
        return None if number is None else (self._mostly(tasks[number].creator), number)

    def _poke(self) -> Choice:
        """Somebody pokes something, due or not."""
        agenda = list(self.world.state.tasks("Agenda").values())
        if not agenda or self._rarely():
            return self._anyone(), calls.poke("Task", self.random.randint(1, 9))
        entry = self.random.choice(agenda)
        return self._anyone(), calls.poke(name_of(entry), *entry.values)

    def _owned(self, owner: bytes, kind: Any) -> list[bytes]:
        assets = self.world.state.registry("Assets")
        return [digest for (who, digest), asset in assets.items() if who == owner and asset.kind == kind]

    def _digest(self) -> bytes:
        return self.random.choice(DIGESTS)

    def _anyone(self) -> bytes:
        return self.random.choice((*self.world.accounts, self.world.poor))

    def _mostly(self, account: bytes) -> bytes:
        return self._anyone() if self._rarely() else account

    def _one_of(self, things: list[Any]) -> Any:
        return self.random.choice(things) if things else None

    def _rarely(self) -> bool:
        return self.random.random() < _WRONG

    def _evenly(self) -> bool:
        return self.random.random() < 0.5
