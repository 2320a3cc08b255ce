"""How are pictures annotated by several? Two nodes and a person do it, the creator compares, accepts and rejects.

    make story-annotation

Everything is real: an embedded chain, a daemon for each node, containers with scikit-image, parts of the photographs
inside it. Results stay in ``results/``.
"""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from examples.steps import Steps, errors_told
from examples.story import Stage, balances, on_stage, wait_for_results
from node_runtime import creator
from node_runtime.cli.output import line, render, styled
from node_runtime.cli.tables import print_agreement
from node_runtime.contributor import send_result, work
from node_runtime.contributor.interactive import open_workbench
from node_runtime.creator.results import fetch_result
from node_runtime.creator.submit import submit
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.domain.task import Submission, SubmissionState, TaskId, TaskState
from node_runtime.errors import InputError
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.agreement import agreement
from node_runtime.kinds.annotation.definition import Annotation, annotation_files
from node_runtime.kinds.annotation.outputs import output_name
from node_runtime.spec.read import read_specs

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TRUTH = HERE / "truth"
ROLES = {"alice": "creator", "bob": "node 1", "charlie": "node 2", "dave": "person 1", "eve": "person 2"}
NODES = ("bob", "charlie")
STEPS = 9
GOOD_ENOUGH = 0.8  # F1 of boxes against the truth

HURRIED = [20, 20, 60, 60]  # what somebody draws who didn't look
OUTSIDE = [380, 380, 60, 60]


def tell() -> None:
    """Raises what went wrong; then too nothing is left running."""
    steps = Steps(STEPS)
    with steps.step("paste coins, cats and cups out of photographs into larger pictures"):
        subprocess.run([sys.executable, str(HERE / "make_pictures.py")], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(RESULTS, ignore_errors=True)
    with on_stage("annotation", ROLES, NODES, steps) as stage, creator.Substrate(stage.url, stage.store) as substrate:
        with steps.step("the creator asks three annotators where the samples are"):
            submitted = submit(read_specs(HERE / "annotate.yaml"), stage.chain, stage.store, say=steps.say)
            task = submitted.tasks[0].id
        with steps.step("a person takes a slot, draws a box where nothing is, and sends it; two nodes take the others"):
            _annotate_in_a_hurry(task, substrate, stage)
            wait_for_results(stage, {"find-samples": task})
        with steps.step("the creator compares them, with each other and with the truth"):
            found = _compare(task, stage)
        with steps.step("the creator accepts two and rejects one with a reason"):
            _judge(task, found, substrate, stage)
        with steps.step("another person takes the free slot, and works in the task's container"):
            _annotate_in_a_container(task, substrate, stage)
        with steps.step("the creator compares again, and accepts"):
            _judge(task, _compare(task, stage), substrate, stage)
            _check_done(task, stage)
        render(balances(stage))
    line("")
    render(styled(("the story ends well", "bold green"), ": three annotations are accepted and paid, one was rejected"))


def _annotate_in_a_hurry(task: TaskId, substrate: creator.Substrate, stage: Stage) -> None:
    """By the functions of DecentralML's tutorial: list, assign, send."""
    offered = creator.list_task(substrate, kind="annotation", sudoaccount="//Dave")
    stage.steps.say(f"person 1 sees {', '.join(f'task {view.task.id} {view.name!r}' for view in offered)}")
    assigned = creator.assign_task(substrate, "//Dave", None, task, into=RESULTS / "person-1", say=stage.steps.say)
    outputs = assigned.folder / "outputs"
    outputs.mkdir(exist_ok=True)
    _draw(outputs, annotation_files(assigned.folder), OUTSIDE)
    try:
        creator.send_task_result(substrate, "//Dave", assigned, "drawn by hand", outputs)
    except InputError as error:
        stage.steps.say(f"refused before it is sent: {error.message.splitlines()[0]}")
    _draw(outputs, annotation_files(assigned.folder), HURRIED)
    number = creator.send_task_result(substrate, "//Dave", assigned, "drawn by hand", outputs)
    stage.steps.say(f"person 1 draws other boxes and sends them: submission {number}")


def _draw(outputs: Path, files: tuple[str, ...], box: list[int]) -> None:
    for file in files:
        annotations = [{"label": "coin", "box": box}]
        (outputs / output_name(file)).write_text(json.dumps({"file": file, "annotations": annotations}))


def _annotate_in_a_container(task: TaskId, substrate: creator.Substrate, stage: Stage) -> None:
    """As the command ``node-runtime work`` does."""
    person = substrate.account("//Eve")
    assigned = creator.assign_task(substrate, "//Eve", None, task, into=RESULTS / "person-2", say=stage.steps.say)
    with open_workbench(assigned, stage.store, say=lambda _: None) as bench:
        worked = work(assigned, bench, person, stop=threading.Event())
    if worked.failure is not None:
        raise worked.failure
    outputs = assigned.folder / "outputs"
    sent = send_result(person, stage.store, task, outputs, witnessed=worked.witnessed)
    stage.steps.say(f"start_task.sh found the samples: submission {sent.submission}")


def _compare(task: TaskId, stage: Stage) -> dict[Submission, float]:
    """How well each result under review agrees with the truth."""
    view = view_task(stage.chain, stage.store, task)
    print_agreement(view, stage.store)
    found = {}
    for submission in view.submissions:
        if submission.state is SubmissionState.UNDER_REVIEW:
            folder = RESULTS / f"submission-{submission.id}"
            fetch_result(submission, stage.store, folder)
            against = agreement([folder / "outputs", TRUTH], _annotation(view))
            overlap = f", mean IoU of matching boxes {against.overlap:.3f}" if against.overlap is not None else ""
            stage.steps.say(
                f"submission {submission.id} of {_role(submission, stage)} against the truth: "
                f"{against.measure} {against.score:.3f}{overlap}"
            )
            found[submission] = against.score
    return found


def _judge(task: TaskId, found: dict[Submission, float], substrate: creator.Substrate, stage: Stage) -> None:
    """Accepting pays; a rejection frees the slot for somebody else."""
    poor = {one: score for one, score in found.items() if score < GOOD_ENOUGH}
    rejected = {one.id: f"{score:.0%} of the boxes are where the samples are" for one, score in poor.items()}
    strategy = creator.ManualAccept(accept={one.id for one in found if one.id not in rejected}, reject=rejected)
    creator.validate_task_results(substrate, "//Alice", None, task, strategy, say=stage.steps.say)


def _check_done(task: TaskId, stage: Stage) -> None:
    state = view_task(stage.chain, stage.store, task).task.state
    if state is not TaskState.DONE:
        raise InputError(f"task {task} is {state}, not done", remedy="see its results above")
    stage.steps.say(f"task {task} is done")


def _annotation(view: TaskView) -> Annotation:
    if not isinstance(view.document, AnnotationDocument):
        raise InputError(f"task {view.task.id} is no annotation", remedy="see annotate.yaml")
    return view.document.annotation


def _role(submission: Submission, stage: Stage) -> str:
    return next(role for role, account in stage.accounts.items() if account == submission.worker)


if __name__ == "__main__":
    with errors_told():
        tell()
