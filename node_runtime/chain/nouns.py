"""How do the chain's records become our nouns, and our nouns a call's arguments? Shapes are the metadata's."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from scalecodec.utils.ss58 import ss58_encode

from node_runtime.errors import FailureCategory
from node_runtime.task import (
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Assignment,
    AssignmentState,
    Counters,
    Digest,
    Direction,
    Kind,
    Label,
    Model,
    Objective,
    ObjectiveId,
    Output,
    PlanId,
    Result,
    Review,
    Score,
    Spec,
    Standing,
    Submission,
    SubmissionId,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
    Terms,
    Visibility,
    Voucher,
)

from .codec import SS58_FORMAT

Word = TypeVar("Word", bound=StrEnum)


def camel(word: StrEnum) -> str:
    """The chain writes ``TaskError`` where we write ``task_error``."""
    return "".join(part.capitalize() for part in word.value.split("_"))


def variant(value: Any) -> tuple[str, Any]:
    """Name and data of an enum's value; the library leaves out the data of a variant that has none."""
    return next(iter(value.items())) if isinstance(value, dict) else (value, None)


def word(known: type[Word], value: Any) -> Word:
    name, _ = variant(value)
    return _WORDS[known][name]  # type: ignore[return-value]


_WORDS: dict[type[StrEnum], dict[str, StrEnum]] = {
    known: {camel(each): each for each in known}
    for known in (AssetKind, AssignmentState, Direction, FailureCategory, Kind, Label, Standing, SubmissionState,
                  TaskState, Visibility, Voucher)
}  # fmt: skip


def text_bytes(text: str) -> str:
    """Text as bytes in hexadecimal: the library would read text that begins with 0x as such."""
    return "0x" + text.encode().hex()


def address(public_key: bytes) -> Account:
    return Account(ss58_encode(public_key, SS58_FORMAT))


def digest(value: str) -> Digest:
    return Digest(value.removeprefix("0x"))


def digest_bytes(value: Digest) -> str:
    return "0x" + value


def asset(ref: AssetRef, value: Any) -> Asset:
    name, data = variant(value["kind"])
    label = word(Label, data) if name == "DataSample" else None
    visibility = word(Visibility, value["visibility"])
    return Asset(ref=ref, kind=word(AssetKind, name), label=label, visibility=visibility, uri=value["uri"])


def objective(id_: ObjectiveId, value: Any) -> Objective:
    return Objective(
        id=id_,
        owner=Account(value["owner"]),
        name=value["name"],
        metric=digest(value["metric"]),
        opener=digest(value["opener"]),
        direction=word(Direction, value["direction"]),
        tolerance=value["tolerance"],
        samples=tuple(digest(sample) for sample in value["samples"]),
    )


def model(id_: SubmissionId, value: Any) -> Model:
    return Model(
        id=id_,
        owner=Account(value["owner"]),
        digest=digest(value["digest"]),
        uri=value["uri"],
        parents=tuple(SubmissionId(parent) for parent in value["parents"]),
        clean_for=tuple(ObjectiveId(each) for each in value["clean_for"]),
    )


def task(id_: TaskId, value: Any) -> Task:
    counters = value["counters"]
    return Task(
        id=id_,
        creator=Account(value["creator"]),
        terms=_terms(value["terms"]),
        state=_task_state(value["status"]),
        counters=Counters(
            live=counters["live"],
            submitted=counters["submitted"],
            accepted=counters["accepted"],
            rejected=counters["rejected"],
            failures=counters["failures"],
            closed=counters["closed"],
        ),
        held=value["held"],
        created=value["created"],
    )


def _task_state(status: Any) -> TaskState:
    name, data = variant(status)
    return word(TaskState, data["outcome"] if name == "Final" else name)


def _terms(value: Any) -> Terms:
    review = Review(judge=Account(value["review"]["judge"]), window=value["review"]["window"])
    return Terms(
        kind=word(Kind, value["kind"]),
        reward=value["reward"],
        bond=value["bond"],
        slots=value["slots"],
        max_rejects=value["max_rejects"],
        max_failures=value["max_failures"],
        review=review,
        deadline=value["deadline"],
        timeout=value["timeout"],
        plan=None if value["plan"] is None else PlanId(value["plan"]),
        assignee=None if value["assignee"] is None else Account(value["assignee"]),
    )


def spec(value: Any) -> Spec:
    inputs = [variant(each) for each in value["inputs"]]
    return Spec(
        digest=digest(value["digest"]),
        uri=value["uri"],
        assets=tuple(
            AssetRef(owner=Account(data["owner"]), digest=digest(data["digest"]))
            for name, data in inputs
            if name == "Asset"
        ),
        models=tuple(SubmissionId(data) for name, data in inputs if name == "Model"),
        parents=tuple(TaskId(parent) for parent in value["parents"]),
        objectives=tuple(ObjectiveId(each) for each in value["objectives"]),
    )


def assignment(worker: Account, id_: TaskId, value: Any) -> Assignment:
    name, data = variant(value["state"])
    return Assignment(
        task=id_,
        worker=worker,
        epoch=value["epoch"],
        since=value["since"],
        due=value["due"],
        bond=value["bond"],
        state=word(AssignmentState, name),
        submission=SubmissionId(data["submission"]) if name == "Submitted" else None,
        category=word(FailureCategory, data["category"]) if name == "Failed" else None,
        log=digest(data["log"]) if name == "Failed" else None,
    )


def submission(task_id: TaskId, id_: SubmissionId, value: Any) -> Submission:
    name, data = variant(value["status"])
    given = value["score"]
    score = None
    if given is not None:
        standing, voucher = word(Standing, given["standing"]), word(Voucher, given["voucher"])
        score = Score(value=given["value"], standing=standing, voucher=voucher)
    outputs = tuple(Output(name=each["name"], digest=digest(each["digest"])) for each in value["outputs"])
    perf = None if score is None else score.value
    return Submission(
        id=id_,
        task=task_id,
        worker=Account(value["worker"]),
        epoch=value["epoch"],
        result=Result(digest=digest(value["result"]), outputs=outputs, uri=value["uri"], perf=perf),
        state=word(SubmissionState, name),
        score=score,
        until=data["until"] if name == "UnderReview" else None,
        reason=data["reason"] if name == "Rejected" else None,
    )


def asset_arguments(asset: Asset) -> dict[str, Any]:
    return {
        "digest": digest_bytes(asset.ref.digest),
        "kind": {camel(asset.kind): camel(asset.label)} if asset.label is not None else camel(asset.kind),
        "visibility": camel(asset.visibility),
        "uri": text_bytes(asset.uri),
    }


def terms_argument(terms: Terms) -> dict[str, Any]:
    return {
        "kind": camel(terms.kind),
        "reward": terms.reward,
        "bond": terms.bond,
        "slots": terms.slots,
        "max_rejects": terms.max_rejects,
        "max_failures": terms.max_failures,
        "review": {"judge": terms.review.judge, "window": terms.review.window},
        "deadline": terms.deadline,
        "timeout": terms.timeout,
        "plan": terms.plan,
        "assignee": terms.assignee,
    }


def spec_argument(spec: Spec) -> dict[str, Any]:
    inputs: list[Any] = [{"Asset": {"owner": ref.owner, "digest": digest_bytes(ref.digest)}} for ref in spec.assets]
    inputs += [{"Model": id_} for id_ in spec.models]
    return {
        "digest": digest_bytes(spec.digest),
        "uri": text_bytes(spec.uri),
        "inputs": inputs,
        "parents": list(spec.parents),
        "objectives": list(spec.objectives),
    }


def outputs_argument(outputs: Sequence[Output]) -> list[dict[str, str]]:
    return [{"name": text_bytes(output.name), "digest": digest_bytes(output.digest)} for output in outputs]
