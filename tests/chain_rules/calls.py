"""The pallets' calls: one function each, with its arguments."""

from dataclasses import dataclass, make_dataclass
from hashlib import sha256
from typing import Any

from tests.chain_rules.codec import Case
from tests.chain_rules.schema import Call

UNIT = 10**12
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TRAIN_SAMPLE = Case.of("DataSample", "Train")
TEST_SAMPLE = Case.of("DataSample", "Test")


@dataclass(frozen=True, kw_only=True)
class AssetRef:
    owner: bytes
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Review:
    """``window`` in milliseconds; 0 accepts at once."""

    judge: bytes
    window: int


@dataclass(frozen=True, kw_only=True)
class Terms:
    """``deadline`` is a moment, ``timeout`` a duration, both in milliseconds; money is in base units."""

    kind: str
    reward: int
    bond: int
    slots: int
    max_rejects: int
    max_failures: int
    review: Review
    deadline: int
    timeout: int
    plan: int | None = None
    assignee: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Spec:
    digest: bytes = b"s" * 32
    uri: bytes = b"store:spec"
    inputs: tuple[Case, ...] = ()
    parents: tuple[int, ...] = ()
    objectives: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OutputRole:
    name: bytes
    kind: str = "Model"
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class Take:
    """A model that goes in: a parent's output, by its place."""

    parent: int
    output: int = 0


@dataclass(frozen=True, kw_only=True)
class Roles:
    outputs: tuple[OutputRole, ...] = ()
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Output:
    name: bytes
    digest: bytes


def asset_input(owner: bytes, digest: bytes) -> Case:
    return Case.of("Asset", AssetRef(owner=owner, digest=digest))


@dataclass(frozen=True, kw_only=True)
class ModelId:
    submission: int
    output: int = 0


@dataclass(frozen=True, kw_only=True)
class Perf:
    """``value`` in units of 10^-18."""

    name: bytes
    value: int


def model_input(submission: int, output: int = 0) -> Case:
    return Case.of("Model", ModelId(submission=submission, output=output))


def transfer(to: bytes, amount: int) -> Call:
    return Call("Balances", "transfer_keep_alive", (Case.of("Id", to), amount))


def set_storage(key: bytes, value: bytes) -> Call:
    """By the sudo key."""
    inner = make_dataclass("set_storage", ["items"])([(key, value)])
    return Call("Sudo", "sudo", (Case.of("System", inner),))


def register_asset(digest: bytes, kind: Any, visibility: str = "Shared") -> Call:
    return Call("Registry", "register_asset", (digest, kind, visibility, b"store:" + digest[:4].hex().encode()))


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Each ``Public`` or a case ``Accounts``."""

    process: Any = "Public"
    download: Any = "Public"
    logs: Any = "Public"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    rights: Rights = Rights()
    algos: Any = "Any"


def register_permitted(
    digest: bytes, kind: Any, visibility: str = "Private", permissions: Permissions | None = None
) -> Call:
    """An asset with permissions, by default public ones."""
    plain = register_asset(digest, kind, visibility).arguments
    return Call("Registry", "register_asset_with_permissions", (*plain, permissions or Permissions()))


def only(*accounts: bytes) -> Case:
    return Case.of("Accounts", accounts)


def processed_by(*accounts: bytes) -> Permissions:
    """For these accounts and the owner to process, for everyone to download."""
    return Permissions(rights=Rights(process=only(*accounts)))


def move_asset(digest: bytes, uri: bytes) -> Call:
    return Call("Registry", "move_asset", (digest, uri))


def create_objective(
    *, metric: bytes, opener: bytes, samples: tuple[bytes, ...], name: bytes | None = None, tolerance: int = 0
) -> Call:
    """By default its name stands for what it is made of: an owner's names are unique."""
    if name is None:
        name = b"accuracy " + sha256(b"".join((metric, opener, *samples))).hexdigest()[:16].encode()
    return Call("Registry", "create_objective", (name, metric, opener, "Higher", tolerance, samples))


def create_plan() -> Call:
    return Call("Tasks", "create_plan", ())


def cancel_plan(plan: int, *, abort: bool) -> Call:
    return Call("Tasks", "cancel_plan", (plan, abort))


def create_task(terms: Terms, spec: Spec) -> Call:
    return Call("Tasks", "create_task", (terms, spec))


def create_task_with_roles(terms: Terms, spec: Spec, roles: Roles) -> Call:
    return Call("Tasks", "create_task_with_roles", (terms, spec, roles))


def create_task_with_rights(terms: Terms, spec: Spec, rights: Rights, roles: Roles | None = None) -> Call:
    return Call("Tasks", "create_task_with_rights", (terms, spec, roles, rights))


def cancel_task(task: int, *, abort: bool) -> Call:
    return Call("Tasks", "cancel_task", (task, abort))


def resume_task(task: int) -> Call:
    return Call("Tasks", "resume_task", (task,))


def decline_offer(task: int) -> Call:
    return Call("Tasks", "decline_offer", (task,))


def assign_task(task: int) -> Call:
    return Call("Tasks", "assign_task", (task,))


def send_result(
    task: int,
    epoch: int,
    *,
    outputs: tuple[Output, ...] = (),
    score: int | None = None,
    perfs: tuple[Perf, ...] = (),
    result: bytes = b"r" * 32,
) -> Call:
    """A result, of a scoring with its ``score`` in units of 10^-18, of a function with its ``perfs``."""
    perfs = perfs if score is None else (Perf(name=b"all", value=score),)
    return Call("Tasks", "send_task_result", (task, epoch, result, outputs, b"store:result", perfs))


def report_failure(task: int, epoch: int, category: str) -> Call:
    return Call("Tasks", "report_failure", (task, epoch, category, b"l" * 32))


def confirm_failure(task: int, worker: bytes) -> Call:
    return Call("Tasks", "confirm_failure", (task, worker))


def hand_back(task: int, epoch: int) -> Call:
    return Call("Tasks", "hand_back", (task, epoch))


def accept(task: int, submission: int) -> Call:
    return Call("Tasks", "accept_task_results", (task, submission))


def reject(task: int, submission: int, reason: bytes = b"noise") -> Call:
    return Call("Tasks", "reject_task_results", (task, submission, reason))


def poke(kind: str, *which: Any) -> Call:
    """An object of the agenda: ``Task`` or ``Plan`` with its id, ``Assignment`` with worker and task, ``Submission``
    with task and id."""
    return Call("Tasks", "poke", (Case.of(kind, *which),))


def purge_task(task: int) -> Call:
    return Call("Tasks", "purge_task", (task,))


def purge_plan(plan: int) -> Call:
    return Call("Tasks", "purge_plan", (plan,))
