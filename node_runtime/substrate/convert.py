"""Conversion between decoded chain records, in the metadata's shapes, and the types of `domain`."""

from enum import StrEnum
from typing import Any, TypeVar

from scalecodec.utils.ss58 import ss58_encode

from node_runtime.domain.assets import (
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Direction,
    Label,
    Model,
    ModelId,
    Objective,
    ObjectiveId,
    SameBytes,
    SubmissionId,
    Visibility,
)
from node_runtime.domain.task import (
    Assignment,
    AssignmentState,
    CertifiedScore,
    Counters,
    Kind,
    Output,
    OutputKind,
    OutputRole,
    Perf,
    Plan,
    PlanId,
    Result,
    Review,
    Roles,
    Score,
    Spec,
    Standing,
    Submission,
    SubmissionState,
    Take,
    Task,
    TaskId,
    TaskState,
    Terms,
    Voucher,
)
from node_runtime.domain.units import from_fixed
from node_runtime.errors import FailureCategory

from .codec import SS58_FORMAT

Word = TypeVar("Word", bound=StrEnum)


def camel(word: StrEnum) -> str:
    """Return the chain's spelling of a word: ``TaskError`` for ``task_error``."""
    return "".join(part.capitalize() for part in word.value.split("_"))


def variant(value: Any) -> tuple[str, Any]:
    """Return name and data of an enum's value; data is None for a variant without fields."""
    return next(iter(value.items())) if isinstance(value, dict) else (value, None)


def word(known: type[Word], value: Any) -> Word:
    name, _ = variant(value)
    return _WORDS[known][name]  # type: ignore[return-value]


_WORDS: dict[type[StrEnum], dict[str, StrEnum]] = {
    known: {camel(each): each for each in known}
    for known in (AssetKind, AssignmentState, Direction, FailureCategory, Kind, Label, OutputKind, Standing,
                  SubmissionState, TaskState, Visibility, Voucher)
}  # fmt: skip


def text_bytes(text: str) -> str:
    """Encode text as hexadecimal bytes, since the library decodes text that begins with 0x."""
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
        tolerance=from_fixed(value["tolerance"]),
        samples=tuple(digest(sample) for sample in value["samples"]),
    )


def model_id(value: Any) -> ModelId:
    return ModelId(submission=SubmissionId(value["submission"]), output=value["output"])


def model(id_: ModelId, value: Any, *, private: bool) -> Model:
    return Model(
        id=id_,
        owner=Account(value["owner"]),
        trainer=Account(value["trainer"]),
        digest=digest(value["digest"]),
        uri=value["uri"],
        parents=tuple(model_id(parent) for parent in value["parents"]),
        clean_for=tuple(ObjectiveId(each) for each in value["clean_for"]),
        input_owners=tuple(Account(each) for each in value["input_owners"]),
        same_bytes=tuple(_same_bytes(each) for each in value["same_bytes"]),
        more_same_bytes=value["more_same_bytes"],
        private=private,
    )


def _same_bytes(value: Any) -> SameBytes:
    return same_bytes(digest(value["digest"]), value["origin"])


def same_bytes(known: Digest, origin: Any) -> SameBytes:
    name, data = variant(origin)
    if name == "Recorded":
        return SameBytes(digest=known, model=model_id(data))
    return SameBytes(digest=known, importer=Account(data))


def certified_score(objective_id: ObjectiveId, submission_id: SubmissionId, value: Any) -> CertifiedScore:
    return CertifiedScore(
        objective=objective_id,
        submission=submission_id,
        model=model_id(value["model"]),
        value=from_fixed(value["value"]),
        voucher=word(Voucher, value["voucher"]),
        scorer=Account(value["scorer"]),
        payer=Account(value["payer"]),
        at=value["at"],
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
        paused_until=_paused_until(value["status"]),
        ended=_ended(value["status"]),
        held_for_spec=value.get("bytes", {}).get("spec", 0),  # absent in earlier runtimes
        stalled_since=value.get("stalled_since"),  # the same
    )


def _paused_until(status: Any) -> int | None:
    name, data = variant(status)
    return data["until"] if name == "Paused" else None


def _ended(status: Any) -> int | None:
    name, data = variant(status)
    return data["at"] if name == "Final" else None


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


def plan(id_: PlanId, value: Any) -> Plan:
    cancelled = value["cancelled"]
    return Plan(
        id=id_, creator=Account(value["creator"]), cancelled=None if cancelled is None else int(cancelled["at"])
    )


def spec(value: Any, roles: Any = None) -> Spec:
    """Convert a spec, with the record of its declared roles where there is one."""
    inputs = [variant(each) for each in value["inputs"]]
    return Spec(
        digest=digest(value["digest"]),
        uri=value["uri"],
        assets=tuple(
            AssetRef(owner=Account(data["owner"]), digest=digest(data["digest"]))
            for name, data in inputs
            if name == "Asset"
        ),
        models=tuple(model_id(data) for name, data in inputs if name == "Model"),
        parents=tuple(TaskId(parent) for parent in value["parents"]),
        objectives=tuple(ObjectiveId(each) for each in value["objectives"]),
        roles=None if roles is None else _roles(roles),
    )


def _roles(value: Any) -> Roles:
    return Roles(
        outputs=tuple(
            OutputRole(name=each["name"], kind=word(OutputKind, each["kind"]), private=each["private"])
            for each in value["outputs"]
        ),
        takes=tuple(Take(parent=TaskId(each["parent"]), output=each["output"]) for each in value["takes"]),
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
        paid=data["paid"] if name == "Aborted" else 0,
        price=data["price"] if name == "HandedBack" else 0,
        fees=value["fees"]["latest"] + value["fees"]["earlier"],
        hand_backs=value["hand_backs"],
    )


def submission(task_id: TaskId, id_: SubmissionId, value: Any) -> Submission:
    name, data = variant(value["status"])
    given = value["score"]
    score = None
    if given is not None:
        standing, voucher = word(Standing, given["standing"]), word(Voucher, given["voucher"])
        score = Score(value=from_fixed(given["value"]), standing=standing, voucher=voucher)
    outputs = tuple(Output(name=each["name"], digest=digest(each["digest"])) for each in value["outputs"])
    perfs = tuple(Perf(name=each["name"], value=from_fixed(each["value"])) for each in value["perfs"])
    return Submission(
        id=id_,
        task=task_id,
        worker=Account(value["worker"]),
        epoch=value["epoch"],
        result=Result(digest=digest(value["result"]), outputs=outputs, uri=value["uri"], perfs=perfs),
        state=word(SubmissionState, name),
        score=score,
        same_as=None if value["same_as"] is None else SubmissionId(value["same_as"]),
        until=data["until"] if name == "UnderReview" else None,
        reason=data["reason"] if name == "Rejected" else None,
    )
