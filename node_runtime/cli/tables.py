"""Tables of tasks, attempts, results and agreement."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from node_runtime.creator.agreement_report import Compared, compare_annotations
from node_runtime.creator.endings import FailedAttempt
from node_runtime.creator.live import AttemptProgress
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.purge import RecordsKept
from node_runtime.creator.results import TaskResult
from node_runtime.creator.tasks import TaskView
from node_runtime.domain.assets import Account, ModelId, ObjectiveId, SubmissionId, short
from node_runtime.domain.document import Document, ModelOf
from node_runtime.domain.parameters import describe_parameters
from node_runtime.domain.task import Assignment, Score, Submission, SubmissionState, Task, TaskId, Terms
from node_runtime.domain.units import amount, duration, gpus, moment, number, since, size
from node_runtime.errors import HostError, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import ResultDocument

from .listing import Table
from .output import coloured, counted, counted_cpus, facts, line, paragraph, render, styled, table, warn
from .progress import stage_of
from .purge import describe_kept
from .scores import note_rounding, score, score_range, scores_of


def task_table(views: Sequence[TaskView], *, now: int, worker: Account | None = None, creators: bool = False) -> Table:
    """Return the table of tasks; for a ``worker`` with its own attempts instead of results and any scores."""
    scored = any(view.submissions and score_range(view.submissions) for view in views)
    brought = ("your attempt",) if worker is not None else ("results", *("score",) * scored)
    whose = ("creator",) * creators
    ends = ("deadline",) * any(not view.task.state.final for view in views)
    columns = ("task", "name", *whose, "kind", "status", *brought, "reward", *ends)
    made = table(*columns, right=("task", "results"), whole=("creator", "kind", "status", "deadline"))
    for view in views:
        task = view.task
        deadline = "" if task.state.final else since(task.terms.deadline, now=now).removeprefix("in ")
        made.add_row(
            str(task.id),
            view.name,
            *(short(task.creator),) * creators,
            task.terms.kind,
            coloured(task.state),
            *_brought(view, worker, scored=scored),
            number(task.terms.reward),
            *(deadline,) * len(ends),
        )
    return made


def _brought(view: TaskView, worker: Account | None, *, scored: bool) -> tuple[str, ...]:
    if worker is not None:
        return (next((_attempt(one) for one in view.attempts if one.worker == worker), ""),)
    counters = view.task.counters
    new = f", {counters.submitted} new" if counters.submitted else ""
    return f"{counters.accepted}/{view.task.terms.slots}{new}", *(score_range(view.submissions),) * scored


def print_task(
    view: TaskView,
    results: Sequence[TaskResult],
    waits: Sequence[str],
    mentions: Mentions,
    *,
    now: int,
    kept: RecordsKept | None = None,
    failed: Sequence[FailedAttempt] = (),
) -> None:
    """Print the details of one task; with ``kept`` until when the records of a final one are kept.

    ``failed`` are its failed attempts, whose steps are told.
    """
    task = view.task
    render(styled((f"task {task.id}", "bold"), f"  {view.name}  {task.terms.kind}  ") + coloured(task.state))
    for reason in waits:
        paragraph(reason, style="yellow", first="  ▸ ", rest="    ")
    records = [("records", describe_kept(kept, task.id, now=now))] if kept is not None else []
    facts((*task_facts(view, now, mentions), *records))
    if view.attempts:
        line("")
        render(attempt_table(view.attempts, now=now, progress=view.progress))
        for one in failed:
            if one.steps is not None:
                line(f"attempt {one.attempt.epoch}: {_seconds(one.steps.seconds.items())}", style="dim")
    if results:
        line("")
        render(result_table(results))
        note_rounding(scores_of(one.submission for one in results))
        print_steps(results)
        line(f"more: node-runtime results {task.id}, node-runtime fetch {task.id} FOLDER", style="dim")


def attempt_table(attempts: Sequence[Assignment], *, now: int, progress: Sequence[AttemptProgress] = ()) -> Table:
    """Return the table of attempts; with stage, elapsed time and time left of those at work."""
    at_work = {one.epoch: one for one in progress}
    times = ("stage", "elapsed", "left") if at_work else ()
    made = table(
        "attempt", "worker", "state", *times, "began", right=("attempt",), whole=("worker", "elapsed", "left", "began")
    )
    for one in attempts:
        known = at_work.get(one.epoch)
        told = (stage_of(known), duration(known.elapsed), duration(known.left)) if known is not None else ("",) * 3
        began = since(one.since, now=now)
        made.add_row(str(one.epoch), short(one.worker), _attempt(one), *told[: len(times)], began)
    return made


def _attempt(one: Assignment) -> str:
    facts = [one.state.replace("_", " "), f"{one.category} ({one.error_type})" if one.category is not None else ""]
    facts += [f"for {amount(one.price)}"] if one.price else []
    facts += [f"paid {amount(one.paid)}"] if one.paid else []
    facts += [f"{amount(one.fees)} held"] if one.fees else []
    return ", ".join(filter(None, facts))


def result_table(results: Sequence[TaskResult]) -> Table:
    """Return the table of results; columns of scores and measurements only if a result has them."""
    scored = any(result.submission.result.perfs for result in results)
    measured = any(result.document is not None for result in results)
    more = ("score", "counts as") * scored + ("seconds", "memory") * measured
    made = table("submission", "worker", "status", *more, right=("submission",), whole=("worker", "score"))
    for result in results:
        one = result.submission
        row: list[str | Text] = [str(one.id), short(one.worker), _status(one)]
        if scored:
            row += [score(one), _counts(one)]
        made.add_row(*row, *(_measured(result.document) if measured else ()))
    return made


def _counts(one: Submission) -> str:
    if one.score is not None:
        return counts_as(one.score)
    return "decided when it is accepted" if one.result.perfs and one.state is SubmissionState.UNDER_REVIEW else ""


def counts_as(score: Score) -> str:
    return f"{score.standing.replace('_', ' ')}, {score.voucher}"


def _status(one: Submission) -> Text:
    same = f", the same outputs as submission {one.same_as}" if one.same_as is not None else ""
    until = f" until {moment(one.until)}" if one.state is SubmissionState.UNDER_REVIEW and one.until is not None else ""
    reason = f": {one.reason}" if one.reason else ""
    return coloured(one.state) + styled((same, "yellow"), (until + reason, "dim"))


def _measured(document: ResultDocument | None) -> tuple[Text, str]:
    """Return each container's seconds, and the peak memory of all."""
    if document is None:
        return styled(("not known", "dim")), ""
    seconds = ", ".join(f"{run.name} {run.seconds:.1f}" for run in document.stages)
    peaks = [run.peak_memory for run in document.stages if run.peak_memory is not None]
    return styled(seconds), size(max(peaks)) if peaks else "not seen"


def print_steps(results: Sequence[TaskResult]) -> None:
    """Print the seconds of each result's steps; nothing for results whose result.json doesn't tell them."""
    for result in results:
        if told := describe_steps(result):
            line(f"submission {result.submission.id}: {told}", style="dim")


def describe_steps(result: TaskResult) -> str:
    """Return the seconds of the result's steps, e.g. ``inputs 0.1 s, …``; empty where it doesn't tell them."""
    steps = result.document.steps if result.document is not None else None
    return _seconds(steps) if steps is not None else ""


def _seconds(steps: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps)


def task_facts(view: TaskView, now: int, mentions: Mentions) -> list[tuple[str, str]]:
    task, terms = view.task, view.task.terms
    slots = f"{task.counters.accepted} accepted, {task.counters.submitted} under review, {task.counters.live} at work"
    facts = [
        ("creator", task.creator),
        ("reward", f"{amount(terms.reward)} for each of {terms.slots}; held now {_held(task)}"),
        ("bond", amount(terms.bond)),
        ("results", f"{slots}, {task.counters.rejected} rejected"),
        ("validation", _validation(task)),
        ("created", f"{moment(task.created)}, {since(task.created, now=now)}"),
        ("deadline", f"{moment(terms.deadline)}, {since(terms.deadline, now=now)}"),
        *_terms(terms),
    ]
    if view.document is not None:
        facts += _inputs(view.document, mentions)
        facts += _measure(view.document, mentions)
    if view.spec is not None:
        objectives = ", ".join(map(mentions.objective, view.spec.objectives))
        facts += [("objectives", objectives)] if objectives else []
        facts += [("document", view.spec.digest)]
    return facts


def _measure(document: Document, mentions: Mentions) -> list[tuple[str, str]]:
    """Return whose metric a cross-validation uses: its document names the objective, which the chain doesn't record."""
    if document.measured_by is None or document.scored_for:
        return []
    objective = mentions.objective(ObjectiveId(document.measured_by))
    return [("measured by", f"metric and opener of objective {objective}; a cross-validation, never certified")]


def _held(task: Task) -> str:
    """Return what is held for the task, and what of it isn't rewards."""
    counters, terms = task.counters, task.terms
    rejections = task.held - (terms.slots - counters.accepted - counters.closed) * terms.reward
    parts = f", {amount(rejections)} of it for possible rejections" if not task.state.final and rejections > 0 else ""
    return amount(task.held) + parts


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


def _inputs(document: Document, mentions: Mentions) -> list[tuple[str, str]]:
    limits = document.limits
    models = ", ".join(_model(one, mentions) for one in document.models)
    return [
        *([("question", document.asked)] if document.asked is not None else []),
        *([("done by", "a person; nodes leave it alone")] if document.person else []),
        *((name, image.source.split("/")[1]) for name, image in document.images()),
        *([("data", counted(len(document.data), "sample"))] if document.data else []),
        *([("models", models)] if models else []),
        *([("parameters", describe_parameters(document.parameters))] if document.parameters is not None else []),
        (
            "limits",
            f"{counted_cpus(limits.cpus)}, {size(limits.memory)} memory, "
            f"{f'{gpus(limits.gpus, limits.gpu_memory)}, ' if limits.gpus else ''}"
            f"{duration(limits.timeout * 1000)} a container, "
            f"{size(limits.outputs)} of outputs, {size(min(limits.scratch, limits.memory))} of scratch",
        ),
    ]


def _model(one: ModelOf, mentions: Mentions) -> str:
    if one.task is not None:
        return mentions.task(TaskId(one.task))
    if one.submission is not None:
        return mentions.model(ModelId(submission=SubmissionId(one.submission)), "submission")
    return short(one.asset or "")


def compared_or_none(view: TaskView, store: AssetStore) -> Compared | None:
    """Compare the annotations; None for other tasks, and on errors, which are printed as warnings."""
    try:
        return compare_annotations(view, store)
    except (StorageError, HostError) as error:
        warn(f"the annotations can't be compared: {error}")
        return None


def print_agreement(view: TaskView, store: AssetStore) -> None:
    """Print the agreement of annotators; nothing for other tasks."""
    compared = compared_or_none(view, store)
    if compared is None:
        return
    for unfit in compared.unfit:
        line(f"submission {unfit.submission} is not what the task asks for: {unfit.reason}", style="red")
    if compared.agreement is not None:
        _print_table(compared)


def _print_table(compared: Compared) -> None:
    found = compared.agreement
    assert found is not None  # checked by the caller
    located = found.overlap is not None
    boxes = ("mean IoU of matching boxes",) * located
    made = table("agreement", found.measure, *boxes, right=(found.measure, *boxes))
    for pair in found.pairs:
        names = f"submissions {compared.submissions[pair.first]} and {compared.submissions[pair.second]}"
        made.add_row(names, f"{pair.score:.3f}", *(_share(pair.overlap),) * located)
    if len(found.pairs) > 1:
        made.add_row("mean", f"{found.score:.3f}", *(_share(found.overlap),) * located)
    render(made)


def _share(overlap: float | None) -> str:
    return f"{overlap:.3f}" if overlap is not None else ""
