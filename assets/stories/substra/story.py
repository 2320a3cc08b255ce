"""Two hospitals train a model on data that stay with them, in both of Substra's layouts; then a composite of two nodes.

    make story-substra

Everything is real: an embedded chain, a daemon for each of three accounts, containers with substratools, the tumours
and the handwritten digits inside scikit-learn.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from examples.steps import Steps, errors_told
from examples.story import Stage, balances, on_stage, wait_for_results
from node_runtime.cli.leaderboard import print_board
from node_runtime.cli.listing import Table
from node_runtime.cli.output import line, render, styled, table
from node_runtime.cli.plan_tables import print_plan
from node_runtime.config import load_config
from node_runtime.creator.leaderboard import read_board
from node_runtime.creator.plans import PlanReader, PlanView
from node_runtime.creator.results import read_document
from node_runtime.creator.submit import create_objective, submit
from node_runtime.creator.upload import digest_of_own_files
from node_runtime.domain.assets import AssetKind, AssetRef, Label, Objective
from node_runtime.domain.permissions import Permissions
from node_runtime.errors import InputError
from node_runtime.spec.read import read_specs
from node_runtime.substrate.client import connect
from node_runtime.worker.assembly import connect_node
from node_runtime.worker.private_data import add_sample

ASSETS = Path(__file__).parents[2]
TABULAR, COMPOSITE = ASSETS / "substra" / "tabular", ASSETS / "substra" / "composite"
DATA = (TABULAR / "make_data.py", ASSETS / "digits" / "make_data.py")
LAYOUTS = {
    "sandbox": "sandbox",
    "substra": "functions",
}  # the layouts' names, and the folders of what is written in them
ROLES = {"alice": "creator", "bob": "hospital 1", "charlie": "hospital 2", "dave": "registry"}
NODES = ("bob", "charlie", "dave")
REGISTRY = "//Dave"
STEPS = 7
ROUNDS = 3
GOOD_ENOUGH = 0.95  # accuracy of the last round

# which programs of the creator may run with a private sample
OPENERS = {"sandbox/opener.py": AssetKind.OPENER, "functions/opener.py": AssetKind.OPENER}
TRAIN = {"sandbox/algo": AssetKind.ALGO, "functions/train": AssetKind.FUNCTION}
PREDICT = {"sandbox/algo": AssetKind.ALGO, "functions/predict": AssetKind.FUNCTION}
SAMPLES = {
    "hospital-1": ("bob", Label.TRAIN, OPENERS | TRAIN),
    "hospital-2": ("charlie", Label.TRAIN, OPENERS | TRAIN),
    "registry": ("dave", Label.TEST, PREDICT),  # opener and metric are the registry's own
}


def tell() -> None:
    """Raises what went wrong; then too nothing is left running."""
    steps = Steps(STEPS)
    with steps.step("write the tumours and the handwritten digits of scikit-learn as data samples"):
        for script in DATA:
            subprocess.run([sys.executable, str(script)], check=True, stdout=subprocess.DEVNULL)
    with on_stage("substra", ROLES, NODES, steps) as stage:
        with steps.step("two hospitals and a registry add samples, whose bytes stay on their nodes"):
            samples = [_add_sample(name, stage) for name in SAMPLES]
        with steps.step("the registry says what models are measured by"):
            objectives = [_objective(folder, number, stage) for number, folder in enumerate(LAYOUTS.values(), 1)]
        with steps.step("three rounds: each hospital trains, one averages, the registry scores"):
            rounds = _done(TABULAR, stage)
        _print_plans(rounds, stage)
        with steps.step("a composite: each node trains a head, which stays, and a common trunk"):
            composites = _done(COMPOSITE, stage)
        _print_plans(composites, stage)
        render(_staying((*rounds, *composites), stage))
        _check_samples(samples, stage)
        render(balances(stage))
        for objective in objectives:
            line("")
            print_board(read_board(objective, stage.chain, stage.store))
        best = _check_rounds(objectives, stage)
    line("")
    render(styled(("the story ends well", "bold green"), f": {best}; {steps.seconds:.0f} s in all"))


def _add_sample(name: str, stage: Stage) -> AssetRef:
    """Do what the node's operator does by ``node-runtime data add``."""
    node, label, programs = SAMPLES[name]
    everyone = tuple(stage.accounts[role] for role in ROLES.values())
    digests = tuple(digest_of_own_files(TABULAR / path, kind) for path, kind in programs.items())
    settings = load_config(stage.nodes[node])
    with closing(connect_node(settings)) as chain:
        allowed = Permissions(process=everyone, logs=(), algos=digests)  # models of it may leave the node
        ref = add_sample(settings, chain, TABULAR / "data" / name, label, allowed).asset.ref
    for folder in LAYOUTS.values():
        file = TABULAR / folder / ("plan.yaml" if label is Label.TRAIN else "objective.yaml")
        if str(ref) not in file.read_text():
            raise InputError(f"{file} names another sample than {ref}", remedy="write this key into it")
    told = f"{label.capitalize()} sample {ref.digest[:12]}…, for {len(digests)} programs of the creator"
    stage.steps.say(f"{ROLES[node]}: {told}")
    return ref


def _objective(folder: str, number: int, stage: Stage) -> Objective:
    file = read_specs(TABULAR / folder / "objective.yaml")
    with closing(connect(stage.url, REGISTRY)) as chain:
        made = create_objective(file.objectives[0], file, chain, stage.store, say=lambda _: None)
    if made.id != number:
        raise InputError(
            f"{file.path} is objective {made.id}", remedy=f"name that in its plan.yaml, which has {number}"
        )
    stage.steps.say(f"objective {made.id} {made.name}")
    return made


def _done(folder: Path, stage: Stage) -> list[PlanView]:
    """Submit the plan of each layout, and wait until their tasks, which are done side by side, all are."""
    made = {}
    for layout, name in LAYOUTS.items():
        file = read_specs(folder / name / "plan.yaml")
        made[layout] = submit(file, stage.chain, stage.store, say=lambda _: None)
        stage.steps.say(f"plan {made[layout].plan}: {len(made[layout].tasks)} tasks in layout {layout}")
    tasks = {f"{task.name} ({layout})": task.id for layout, one in made.items() for task in one.tasks}
    wait_for_results(stage, tasks, told=[name for name in tasks if "score" in name])
    plans = [one.plan for one in made.values() if one.plan is not None]
    return [PlanReader(chain=stage.chain, store=stage.store, number=plan).read() for plan in plans]


def _print_plans(plans: Sequence[PlanView], stage: Stage) -> None:
    """Print what ``plan show`` does."""
    for view in plans:
        line("")
        print_plan(view, now=stage.chain.now())
    line("")


def _staying(plans: Sequence[PlanView], stage: Stage) -> Table:
    """What of the results stayed on the nodes, counted by the names of outputs, with the logs."""
    stayed, left = Counter[str](), Counter[str]()
    for submission in (one for view in plans for task in view.tasks for one in task.submissions):
        document = read_document(submission, stage.store)
        stays = document.outputs_stay or ()
        stayed.update(stays)
        left.update(name for name in document.outputs if name not in stays)
        (stayed if document.log_stays else left)["logs"] += 1
    made = table("output", "left its node", "stayed there", right=("left its node", "stayed there"))
    made.title = "outputs of all results"
    for name in sorted({*stayed, *left}):
        made.add_row(name, str(left[name] or ""), str(stayed[name] or ""))
    return made


def _check_samples(samples: Sequence[AssetRef], stage: Stage) -> None:
    for ref in samples:
        if stage.store.has(ref.digest):
            raise InputError(f"the private sample {ref} is in the storage", remedy="see how it came there")


def _check_rounds(objectives: Sequence[Objective], stage: Stage) -> str:
    """Say how good the last round is; raise unless each round was certified, with the same scores in both layouts."""
    boards = [[one.value for one in stage.chain.scores(objective.id)] for objective in objectives]
    if len(boards[0]) != ROUNDS or max(boards[0]) < GOOD_ENOUGH or sorted(boards[0]) != sorted(boards[1]):
        raise InputError(f"the objectives have the scores {boards}", remedy="see their tasks' results")
    return f"after {ROUNDS} rounds {max(boards[0]):.1%} of the registry's tumours are told right in either layout"


if __name__ == "__main__":
    with errors_told():
        tell()
