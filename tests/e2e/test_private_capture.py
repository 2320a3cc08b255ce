"""A plan on a private sample, with all that its node says recorded: nothing of that has a byte of the sample.

Recorded are every message between the node and the chain, and the storage, while the plan runs and after it.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from node_runtime.creator.submit import submit
from node_runtime.domain.live import live_prefix
from node_runtime.domain.task import TaskId
from node_runtime.spec.read import read_specs
from tests.background import LIMIT
from tests.contract.lossy_chain import served
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, wait_for
from tests.e2e.leak_world import ENTRY, PRELUDE, LeakWorld, open_leak_world

pytestmark = [pytest.mark.docker, pytest.mark.slow]

_HEXADECIMAL = re.compile(rb"0x((?:[0-9a-f]{2})+)")
PROGRAM = """
print(SECRET.hex(), NAME, flush=True); print(SECRET.hex(), NAME, file=sys.stderr, flush=True)
while STAGE == "train" and not os.path.exists("/tmp/go"): time.sleep(0.05)
if STAGE == "predict": pred(SECRET)
elif STAGE == "train": model()
else: perf(**{"all": 0.5, NAME: 1, "text": SECRET.hex()})
"""
PLAN = """\
kind: training
name: private-training
algo: algo/
opener: opener.py
data: [{key}]
reward: 1
assign_to: {worker}
limits: {{cpus: 0.5, memory: 64MiB, outputs: 8MiB}}
---
kind: scoring
name: private-scoring
model: {{task: private-training}}
algo: algo/
metrics: metric/
opener: opener.py
data: [{key}]
label: train
reward: 1
assign_to: {worker}
limits: {{cpus: 0.5, memory: 64MiB, outputs: 8MiB}}
"""


@dataclass(kw_only=True)
class Recorder:
    """A relay in front of the chain that keeps every message of both sides. ``url``: its own address."""

    messages: list[bytes] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def in_front_of(self, upstream: str) -> Iterator[str]:
        def relay(client: ServerConnection) -> None:
            with connect(upstream, open_timeout=LIMIT, compression=None, max_size=None) as chain:
                for request in client:
                    chain.send(request)
                    answer = chain.recv(timeout=LIMIT)
                    self.messages += [_bytes(request), _bytes(answer)]
                    client.send(answer)

        with served(relay) as self.url:
            yield self.url

    @property
    def recorded(self) -> bytes:
        """All messages, and the bytes that they hold in hexadecimal, as transactions and the chain's storage are."""
        said = b"\n".join(self.messages)
        return said + b"\n".join(bytes.fromhex(found.decode()) for found in _HEXADECIMAL.findall(said))


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def submitted(leaks: LeakWorld, folder: Path) -> tuple[TaskId, ...]:
    folder.mkdir()
    for name, more in (("algo", {}), ("metric", {"metric": ""})):
        (folder / name).mkdir()
        for file, text in {"Dockerfile": DOCKERFILE, "entry.sh": ENTRY, **more}.items():
            (folder / name / file).write_text(text)
    (folder / "opener.py").write_text(PRELUDE + PROGRAM)
    (folder / "plan.yaml").write_text(PLAN.format(key=leaks.secret.asset.ref, worker=leaks.daemon.account))
    specs = read_specs(folder / "plan.yaml")
    return tuple(task.id for task in submit(specs, leaks.world.chain, leaks.world.store, say=lambda _: None).tasks)


def peers_of(daemon: DaemonProcess) -> set[int]:
    """Return the ports that the daemon's process is connected to by a network."""
    connections = psutil.Process(daemon.process.pid).net_connections("inet")
    return {one.raddr.port for one in connections if one.raddr and one.type is socket.SOCK_STREAM}


def test_nothing_that_a_node_sends_or_stores_of_a_private_plan_has_a_byte_of_its_sample(
    tmp_path: Path, docker_engine: DockerHost
) -> None:
    recorder = Recorder()
    with open_leak_world(tmp_path / "world", docker_engine, through=recorder.in_front_of) as leaks:
        training, scoring = submitted(leaks, tmp_path / "plan")
        area = leaks.world.store.live
        chunks = wait_for(
            lambda: [area.read(name) for name in area.list(live_prefix(leaks.daemon.account, training, 1))],
            "the live channel of the training",
        )
        leaks.daemon.container_of(training)
        assert leaks.secret.traces(b"\n".join(chunk or b"" for chunk in chunks)) == []
        assert leaks.public_traces(leaks.secret) == []
        assert peers_of(leaks.daemon) == {urlsplit(recorder.url).port}  # all that it says goes through the recorder
        leaks.daemon.let_go(training)

        trained, scored = leaks.seen(training), leaks.seen(scoring)
        assert trained.stays == ("logs",)
        assert scored.stays == ("pred", "logs")
        assert leaks.public_traces(leaks.secret) == []
        assert leaks.secret.traces(recorder.recorded) == []

        assert scored.submission is not None
        assert scored.submission.result.digest.encode() in recorder.recorded  # as the node sent it
        assert leaks.secret.asset.ref.digest.encode() in recorder.recorded  # which is public
        assert leaks.secret.files_with_traces(leaks.daemon.work / "private-logs")
