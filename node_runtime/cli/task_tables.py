"""How are tasks and their results shown at a glance?"""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from node_runtime.cli.text import best_score, coloured, console, counted, paragraph, safe, score, short, table
from node_runtime.creator.results import TaskResult
from node_runtime.creator.tasks import TaskView
from node_runtime.document import Document
from node_runtime.results import ResultDocument
from node_runtime.task import Account, Assignment, AssignmentState, Submission, SubmissionState, Task, Terms
from node_runtime.units import amount, duration, moment, number, since, size


def task_table(views: Sequence[TaskView], *, now: int, worker: Account | None = None) -> Table:
    """For a ``worker`` its own attempts stand where others see how many results there are, and their score."""
    brought = ("your attempt",) if worker is not None else ("results", "score")
    columns = ("task", "name", "kind", "status", *brought, "reward", "deadline")
    made = table(*columns, right=("task", "results"), whole=("kind", "status"))
    for view in views:
        task = view.task
        deadline = "" if task.state.final else since(task.terms.deadline, now=now).removeprefix("in ")
        made.add_row(
            str(task.id),
            Text(safe(view.name)),
            task.terms.kind,
            coloured(task.state),
            *_brought(view, worker),
            number(task.terms.reward),
            deadline,
        )
    return made


def _brought(view: TaskView, worker: Account | None) -> tuple[str, ...]:
    if worker is not None:
        return (next((_attempt(one) for one in view.attempts if one.worker == worker), ""),)
    counters = view.task.counters
    new = f", {counters.submitted} new" if counters.submitted else ""
    return f"{counters.accepted}/{view.task.terms.slots}{new}", score(best_score(view.submissions))


def print_task(view: TaskView, results: Sequence[TaskResult], waits: Sequence[str], *, now: int) -> None:
    """Everything about one task, the most important first."""
    task = view.task
    headline = Text.assemble((f"task {task.id}", "bold"), f"  {safe(view.name)}  {task.terms.kind}  ")
    console.print(headline + coloured(task.state))
    for reason in waits:
        paragraph(reason, style="yellow", first="  ▸ ", rest="    ")
    facts = table("", "")
    for name, value in _facts(view, now):
        facts.add_row(Text(name, style="dim"), Text(value))
    facts.show_header = False
    console.print(facts)
    if view.attempts:
        console.print()
        console.print(attempt_table(view.attempts, now=now))
    if results:
        console.print()
        console.print(result_table(results))
        console.print(Text(f"more: node-runtime results {task.id}, node-runtime fetch {task.id} FOLDER", style="dim"))


def attempt_table(attempts: Sequence[Assignment], *, now: int) -> Table:
    made = table("attempt", "worker", "state", "began", "due", right=("attempt",))
    for one in attempts:
        due = since(one.due, now=now) if one.state is AssignmentState.LIVE else ""
        made.add_row(str(one.epoch), short(one.worker), _attempt(one), since(one.since, now=now), due)
    return made


def _attempt(one: Assignment) -> str:
    return one.state.replace("_", " ") + (f", {one.category}" if one.category is not None else "")


def result_table(results: Sequence[TaskResult]) -> Table:
    """Scores and what a run needed stand there when at least one result tells them."""
    scored = any(result.submission.score is not None for result in results)
    measured = any(result.document is not None for result in results)
    more = ("score", "counts as") * scored + ("seconds", "memory") * measured
    made = table("submission", "worker", "status", *more, right=("submission",))
    for result in results:
        one = result.submission
        row: list[str | Text] = [str(one.id), short(one.worker), _status(one)]
        if scored:
            counts = f"{one.score.standing.replace('_', ' ')}, {one.score.voucher}" if one.score is not None else ""
            row += [score(one.score), counts]
        made.add_row(*row, *(_measured(result.document) if measured else ()))
    return made


def _status(one: Submission) -> Text:
    status = coloured(one.state)
    if one.state is SubmissionState.UNDER_REVIEW and one.until is not None:
        status.append(f" until {moment(one.until)}", style="dim")
    if one.reason:
        status.append(f": {safe(one.reason)}", style="dim")
    return status


def _measured(document: ResultDocument | None) -> tuple[Text, str]:
    """Each container's seconds, and the most memory that one of them was seen with."""
    if document is None:
        return Text("not known", style="dim"), ""
    seconds = ", ".join(f"{run.name} {run.seconds:.1f}" for run in document.stages)
    peaks = [run.peak_memory for run in document.stages if run.peak_memory is not None]
    return Text(safe(seconds)), size(max(peaks)) if peaks else "not seen"


def _facts(view: TaskView, now: int) -> list[tuple[str, str]]:
    task, terms = view.task, view.task.terms
    slots = f"{task.counters.accepted} accepted, {task.counters.submitted} under review, {task.counters.live} at work"
    facts = [
        ("creator", task.creator),
        ("reward", f"{amount(terms.reward)} for each of {terms.slots}; held now {amount(task.held)}"),
        ("bond", amount(terms.bond)),
        ("results", f"{slots}, {task.counters.rejected} rejected"),
        ("validation", _validation(task)),
        ("created", f"{moment(task.created)}, {since(task.created, now=now)}"),
        ("deadline", f"{moment(terms.deadline)}, {since(terms.deadline, now=now)}"),
        *_terms(terms),
    ]
    if view.document is not None:
        facts += _inputs(view.document)
    if view.spec is not None:
        facts += [("objectives", ", ".join(map(str, view.spec.objectives)))] if view.spec.objectives else []
        facts += [("document", view.spec.digest)]
    return facts


def _terms(terms: Terms) -> list[tuple[str, str]]:
    facts = [("attempt", f"{duration(terms.timeout)} at most, preparing included")]
    if terms.assignee is not None:
        facts.append(("offered to", terms.assignee))
    if terms.plan is not None:
        facts.append(("plan", str(terms.plan)))
    return facts


def _validation(task: Task) -> str:
    review = task.terms.review
    if review.window == 0:
        return "auto: results are accepted at once"
    judge = "its creator" if review.judge == task.creator else review.judge
    return f"{judge} judges within {duration(review.window)}; silence accepts"


def _inputs(document: Document) -> list[tuple[str, str]]:
    limits = document.limits
    images = [(name, image) for name, image in (("algo", document.algo), ("metric", document.metric)) if image]
    models = ", ".join(
        f"task {one.task}" if one.task else f"submission {one.submission}" if one.submission else short(one.asset or "")
        for one in document.models
    )
    question = document.annotation.question if document.annotation is not None else document.question
    return [
        *([("question", safe(question))] if question is not None else []),
        *([("done by", "a person; nodes leave it alone")] if document.person else []),
        *((name, image.source.split("/")[1]) for name, image in images),
        *([("data", counted(len(document.data), "sample"))] if document.data else []),
        *([("models", models)] if models else []),
        (
            "limits",
            f"{limits.cpus:g} CPU, {size(limits.memory)} memory, {duration(limits.timeout * 1000)} a container, "
            f"{size(limits.outputs)} of outputs",
        ),
    ]
