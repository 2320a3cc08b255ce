"""Reads of what an account may claim at one block, and of the claims that wait for a block."""

from collections import Counter
from collections.abc import Collection

from node_runtime.domain.assets import Account
from node_runtime.domain.task import Kind, TaskId
from node_runtime.ports.chain import Claimable

from .blocks import U64, Snapshot, number
from .codec import Call, Codec
from .connection import Requests, RpcRefused
from .convert import camel


def claim(task: TaskId) -> Call:
    """Build the call that claims a slot of the task."""
    return Call(pallet="Tasks", function="assign_task", arguments={"task": task})


def claimable_at(snapshot: Snapshot, account: Account, kinds: Collection[Kind], *, now: int) -> Claimable:
    """Read the offers and the open tasks, each by one request per page of keys."""
    return Claimable(
        now=now,
        offers=tuple(map(TaskId, snapshot.ids("Tasks", "Offers", account))),
        open=_open_tasks(snapshot, kinds),
    )


def _open_tasks(snapshot: Snapshot, kinds: Collection[Kind]) -> tuple[TaskId, ...]:
    if not kinds:
        return ()
    prefixes = tuple(snapshot.codec.key("Tasks", "OpenTasks", (camel(kind),)).to_hex() for kind in kinds)
    every = prefixes[0] if len(prefixes) == 1 else snapshot.codec.key("Tasks", "OpenTasks", ()).to_hex()
    wanted = (key for key in snapshot.keys(every) if key.startswith(prefixes))
    return tuple(sorted(TaskId(number(bytes.fromhex(key[-2 * U64 :]))) for key in wanted))


def pending_claims(connection: Requests, codec: Codec) -> Counter[TaskId]:
    """Count for each task the transactions in the node's pool that claim it; a call ends its transaction's bytes.

    Nothing of a node that keeps its pool to itself. What looks like a claim and is none is counted too.
    """
    try:
        pool = connection.request("author_pendingExtrinsics")
    except RpcRefused:
        return Counter()
    call = codec.call(claim(TaskId(0))) if pool else b""
    name, size = call[:-U64].hex(), 2 * U64
    claims = (one[-size:] for one in pool if one[:-size].endswith(name))
    return Counter(TaskId(number(bytes.fromhex(task))) for task in claims)
