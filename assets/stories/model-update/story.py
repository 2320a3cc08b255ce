"""How is a model updated by many? The creator makes it, an engineer restructures it, contributors train it further.

    make story-model-update

Everything is real: an embedded chain, a daemon for each role, containers with TensorFlow, the handwritten digits inside
scikit-learn. Results stay in ``results/``.
"""

import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from examples.steps import Steps, errors_told
from examples.story import Stage, balances, on_stage, wait_for_results
from node_runtime import creator
from node_runtime.cli.listing import Table
from node_runtime.cli.output import line, render, styled, table
from node_runtime.creator.federation import Chosen, federate
from node_runtime.creator.local_run import open_bench, run_locally
from node_runtime.creator.results import fetch_result
from node_runtime.creator.submit import submit
from node_runtime.domain.task import Submission, TaskId
from node_runtime.errors import InputError
from node_runtime.federation.model_folder import WEIGHTS
from node_runtime.localnet.record import CREATOR
from node_runtime.spec.read import read_specs

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROLES = {
    "alice": "creator",
    "bob": "engineer",
    "charlie": "contributor 1",
    "dave": "contributor 2",
    "eve": "contributor 3",
    "ferdie": "measurer",
}
CONTRIBUTORS = ("contributor-1", "contributor-2", "contributor-3")
ACCEPTED = CONTRIBUTORS[:2]
STEPS = 9

Scores = dict[str, Decimal]


def tell() -> None:
    """Raises what went wrong; then too nothing is left running."""
    steps = Steps(STEPS)
    with steps.step("split the handwritten digits of scikit-learn into the roles' shards"):
        subprocess.run([sys.executable, str(HERE / "make_shards.py")], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(RESULTS, ignore_errors=True)
    with (
        on_stage("model-update", ROLES, tuple(ROLES), steps) as stage,
        creator.Substrate(stage.url, stage.store) as substrate,
    ):
        scores: Scores = {}
        with steps.step("the creator makes, trains and saves a model; the engineer gives it another structure"):
            tasks = _submit("1-update.yaml", stage)
            made = wait_for_results(stage, {name: tasks[name] for name in ("first-model", "first-score", "engineer")})
            scores["first model"] = _certified(made["first-score"])
            _look_at("engineer", made["engineer"], stage)
            creator.accept_task_results(substrate, CREATOR, None, tasks["engineer"])
            steps.say("the creator looks at the engineer's model and accepts it")
        with steps.step("three contributors train it on different shards, at the same time"):
            delivered = wait_for_results(stage, {name: tasks[name] for name in CONTRIBUTORS})
            for name, submission in delivered.items():
                _look_at(name, submission, stage)
        with steps.step("the creator evaluates their models, federates them, and evaluates again"):
            scores |= _evaluated(delivered, stage)
        with steps.step("the creator accepts two and rejects one with a reason"):
            _judge(delivered, scores, substrate, stage)
        with steps.step("a node federates the accepted models, and the result gets its certified score"):
            accepted = [tasks[name] for name in ACCEPTED]
            scores["federated by a node"] = _federated_by_a_node(accepted, substrate, stage)
        with steps.step("look at what became of it"):
            better = _check_better(scores)
        render(_scores_table(scores))
        render(balances(stage))
    line("")
    render(styled(("the story ends well", "bold green"), f": {better}; {steps.seconds:.0f} s in all"))


def _submit(file: str, stage: Stage) -> dict[str, TaskId]:
    submitted = submit(read_specs(HERE / file), stage.chain, stage.store, say=stage.steps.say)
    return {task.name: task.id for task in submitted.tasks}


def _look_at(name: str, submission: Submission, stage: Stage) -> None:
    fetch_result(submission, stage.store, RESULTS / name)
    stage.steps.say(f"fetched, verified: results/{name}/")


def _evaluated(delivered: dict[str, Submission], stage: Stage) -> Scores:
    """Of each model, and of two averages, on the creator's own machine: nothing is accepted yet."""
    for target, chosen in (("of-all-three", CONTRIBUTORS), ("of-one-and-two", ACCEPTED)):
        named = [Chosen(task=delivered[name].task, submission=delivered[name].id) for name in chosen]
        made = federate(named, stage.chain, stage.store, RESULTS / target)
        stage.steps.say(f"results/{target}/: the average of {len(chosen)} models, {made.samples} pictures")
    scores: Scores = {}
    with open_bench(RESULTS / "evaluated", say=stage.steps.say) as bench:
        for result in run_locally(read_specs(HERE / "2-evaluate.yaml"), bench):
            if result.perf is not None:
                scores[result.name] = result.perf.score
    return scores


def _judge(delivered: dict[str, Submission], scores: Scores, substrate: creator.Substrate, stage: Stage) -> None:
    for name in CONTRIBUTORS:
        submission = delivered[name]
        if name in ACCEPTED:
            creator.accept_task_results(substrate, CREATOR, None, submission.task, submission.id)
            stage.steps.say(f"{name} is accepted: {scores[name]:.4f}")
        else:
            reason = f"it tells {scores[name]:.1%} of the test pictures right: are your labels right?"
            creator.reject_task_results(substrate, CREATOR, None, submission.task, submission.id, reason)
            stage.steps.say(f"{name} is rejected: {reason}")


def _federated_by_a_node(accepted: list[TaskId], substrate: creator.Substrate, stage: Stage) -> Decimal:
    file = HERE / "3-federate.yaml"
    named = [model.task for _, spec in read_specs(file).tasks for model in spec.needed_models]
    if named[: len(accepted)] != accepted:
        raise InputError(f"{file} names other tasks than {accepted}", remedy="write these numbers into it")
    made = wait_for_results(stage, _submit(file.name, stage))
    _look_at("federated", made["federated"], stage)
    creator.federate(substrate, accepted, RESULTS / "accepted")
    here, there = (RESULTS / folder / WEIGHTS for folder in ("accepted", "federated/model/model"))
    same = "the very same" if here.read_bytes() == there.read_bytes() else "other"
    stage.steps.say(f"the node came to {same} weights as the creator did")
    return _certified(made["federated-score"])


def _certified(submission: Submission) -> Decimal:
    if submission.score is None:
        raise InputError(f"submission {submission.id} has no score", remedy="see its logs")
    return submission.score.value


def _check_better(scores: Scores) -> str:
    first, federated = scores["first model"], scores["federated by a node"]
    if federated <= max(first, *(scores[name] for name in ACCEPTED)):
        raise InputError(f"the federated model is no better: {scores}", remedy="see results/ for what went wrong")
    return f"the federated model tells {federated:.1%} of the pictures right, the first one {first:.1%}"


def _scores_table(scores: Scores) -> Table:
    made = table("model", "accuracy", "measured by", right=("accuracy",))
    made.title = "360 pictures that nobody trained on"
    for name, score in scores.items():
        certified = name in ("first model", "federated by a node")
        made.add_row(name, f"{score:.4f}", "a node, certified" if certified else "the creator, before judging")
    return made


if __name__ == "__main__":
    with errors_told():
        tell()
