"""Plans whose `submit` is killed at random moments: gone on with, they hold what an undisturbed one does."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node_runtime.domain.task import PlanId, TaskState
from node_runtime.substrate.client import SubstrateChain, connect
from tests.background import ended, in_time
from tests.scenarios.conftest import Desk
from tests.scenarios.test_submit import TRAINING

TASKS = int(os.environ.get("PLAN_TASKS", "44"))
"""Tasks of the plan; docs/plans.md says what 1,000 take."""
WIDTH = 10  # trainings of a round, before an aggregation of them
MOST_KILLS = 5


def rounds(tasks: int) -> str:
    """Return a federation's plan: each round's trainings begin with the last aggregation."""
    documents = list[str]()
    for number in range(tasks):
        place, turn = number % (WIDTH + 1), number // (WIDTH + 1)
        if place == WIDTH:
            models = ", ".join(f"{{task: train-{turn}-{one}}}" for one in range(WIDTH))
            kind = f"kind: aggregation\nname: merge-{turn}\nmodels: [{models}]\nalgo: algo/\nreward: 0.5\n"
            documents.append(kind)
        else:
            begun = f"models: [{{task: merge-{turn - 1}}}]\n" * (turn > 0)
            named = TRAINING.replace("round-1", f"train-{turn}-{place}").replace("reward: 10", "reward: 0.25")
            documents.append(named + begun)
    return "---\n".join(documents)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What an account has of a plan: the tasks' states, and base units held."""

    states: Counter[TaskState]
    held: int
    plans: frozenset[PlanId | None]

    @classmethod
    def of(cls, chain: SubstrateChain) -> "Held":
        records = chain.records(chain.tasks_of(chain.account))
        return cls(
            states=Counter(one.task.state for one in records),
            held=chain.balance(chain.account).held,
            plans=frozenset(one.task.terms.plan for one in records),
        )


def submitting(desk: Desk, environment: dict[str, str], key: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "node_runtime", "submit", "plan.yaml"]
    named = environment | {"NODE_RUNTIME_KEY": key, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, cwd=desk.folder, env=named, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str], moment: float) -> bool:
    """Kill the submit so many seconds after it begins with its transactions; return whether its process was alive."""
    assert process.stdout is not None
    with in_time(process):
        for line in process.stdout:
            if line.startswith("registered on chain"):
                break
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def had_ended(chain: SubstrateChain, home: Path) -> bool:
    """Return whether a killed submit had nothing left to do: all tasks are there and its journal is empty."""
    return len(chain.tasks_of(chain.account)) == TASKS and not any(home.glob("submits/*/*"))


def test_a_plan_whose_submit_is_killed_again_and_again_holds_what_an_undisturbed_one_does(
    desk: Desk, network: str, environment: dict[str, str]
) -> None:
    (desk.folder / "plan.yaml").write_text(rounds(TASKS))
    moments, kills, key = random.Random(1), 0, "//Alice//killed"
    with closing(connect(network, key)) as chain, closing(connect(network, f"{key}//calm")) as other:
        for account in (chain.account, other.account):
            desk.chain.pay(account, 2000 * 10**12)
        while kills < MOST_KILLS:
            with ended(submitting(desk, environment, key)) as process:
                if not killed(process, moments.uniform(0, TASKS / 50)):
                    assert process.returncode == 0
                    break
            kills += 1
            if had_ended(chain, Path(environment["NODE_RUNTIME_HOME"])):
                break
        else:
            with ended(submitting(desk, environment, key)) as process:
                assert process.communicate() is not None
                assert process.returncode == 0
        assert kills, "not killed once: choose earlier moments"
        with ended(submitting(desk, environment, f"{key}//calm")) as process:
            process.communicate()
            assert process.returncode == 0
        found, undisturbed = Held.of(chain), Held.of(other)
        assert len(found.plans) == 1
        assert (found.states, found.held) == (undisturbed.states, undisturbed.held)
        assert found.states.total() == TASKS
