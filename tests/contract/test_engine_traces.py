"""A container can't pass network state to the next one of its slot, nor exhaust user limits of other slots."""

import struct
import threading
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from node_runtime.cli.uid_ranges import collisions_of
from node_runtime.engines.docker import pause_container
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.settings import UidRange
from node_runtime.ports.engine import Mount
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_world import MIB, EngineWorld, has_printed

pytestmark = pytest.mark.docker

COUNTERS = "cd /proc/net; cat snmp snmp6 netstat dev tcp udp ip6_flowlabel"

# labels of Test samples, encoded in the listening address
LISTENS = """
import socket
for number, label in enumerate((7, 3, 9)):
    listener = socket.create_server((f"127.{label}.{number}.1", 0))
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"SECRET")
"""

FLOW_LABEL = 32  # IPV6_FLOWLABEL_MGR
LEASES = f"""
import socket
loopback = socket.inet_pton(socket.AF_INET6, "::1")
request = loopback + {struct.pack("!I", 0x739)!r} + {struct.pack("=BBHHHI", 0, 255, 1, 30, 60, 0)!r}
socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).setsockopt(socket.IPPROTO_IPV6, {FLOW_LABEL}, request)
print(open("/proc/net/ip6_flowlabel").read())
"""


def python(program: str) -> str:
    return f"python3 - <<'END'\n{program}\nEND"


@pytest.mark.parametrize("program", [LISTENS, LEASES], ids=["connections", "flow labels"])
def test_what_a_stage_leaves_in_its_network_is_not_there_for_the_next(engine_world: EngineWorld, program: str) -> None:
    before = engine_world.run(first := engine_world.spec(COUNTERS, name="first"))
    output = engine_world.run(engine_world.spec(python(program), name="predict"))
    after = engine_world.run(second := engine_world.spec(COUNTERS, name="metrics"))
    assert (before.failure, output.failure, after.failure) == (None, None, None)
    assert second.log.read_text() == first.log.read_text()


def test_stages_that_leave_nothing_share_a_namespace(engine_world: EngineWorld) -> None:
    harmless = python("import multiprocessing, socket; socket.getaddrinfo('localhost', 80); socket.socket()")
    engine_world.run(engine_world.spec("true", name="first"))
    pause_containers = engine_world.pause_containers()
    assert engine_world.run(engine_world.spec(harmless, name="second")).failure is None
    assert engine_world.run(engine_world.spec("true", name="third")).failure is None
    assert engine_world.pause_containers() == pause_containers
    assert len(pause_containers) == 1


def test_a_namespace_with_traces_is_replaced_before_anybody_asks_for_it(engine_world: EngineWorld) -> None:
    engine_world.run(engine_world.spec("true", name="first"))
    (before,) = engine_world.pause_containers()
    assert engine_world.run(engine_world.spec(python(LISTENS), name="predict")).failure is None

    def replaced() -> bool:
        pause_containers = engine_world.pause_containers()
        return len(pause_containers) == 1 and before not in pause_containers

    wait_until(replaced, "another pause container of the slot")


def test_where_nobody_can_look_into_namespaces_each_container_has_its_own(
    engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with an engine on another machine, whose process ids mean nothing here."""
    monkeypatch.setattr(pause_container, "read_traces", lambda *_: None)
    specs = [engine_world.spec("ls /sys/class/net", name=f"run-{n}") for n in range(2)]
    assert [engine_world.run(spec).failure for spec in specs] == [None] * 2
    assert [spec.log.read_text() for spec in specs] == ["lo\n"] * 2
    with closing(connect(engine_world.host.url)) as client:
        modes = {client.inspect_container(spec.name)["HostConfig"]["NetworkMode"] for spec in specs}
    assert modes == {"none"}


INOTIFY = """
import ctypes, sys
libc, held = ctypes.CDLL(None), 0
while libc.inotify_init() >= 0:
    held += 1
print("held", held, flush=True)
"""


def test_a_task_that_uses_up_the_limits_of_its_user_takes_nothing_from_another_slot(engine_world: EngineWorld) -> None:
    hold = engine_world.spec(python(INOTIFY + "import time; time.sleep(200)"), name="hog", slot=0)
    other = engine_world.spec(python(INOTIFY), name="other", slot=1)
    stop = threading.Event()
    with ExitStack() as stack:
        engine = stack.enter_context(numbered(engine_world))
        running = in_background(lambda: engine.run(hold, stop=stop))
        try:
            has_printed(hold, "held")
            assert engine.run(other, stop=threading.Event()).failure is None
        finally:
            stop.set()
            running.exception(LIMIT)
    assert int(other.log.read_text().split()[1]) > 0


def test_what_a_slot_writes_is_its_users_and_the_next_slot_can_go_on_with_it(engine_world: EngineWorld) -> None:
    out = engine_world.writable("out", MIB)
    mounts = (Mount(source=out, target="/out", quota=MIB),)
    with numbered(engine_world) as engine:
        for slot in (3, 5):
            spec = engine_world.spec("id -u; echo a >> /out/x", name=f"in-{slot}", mounts=mounts, slot=slot)
            assert engine.run(spec, stop=threading.Event()).failure is None
            uid = int(spec.log.read_text())
            assert uid == BASE + slot
            assert (out.stat().st_uid, (out / "x").stat().st_uid) == (uid, uid)


def test_a_container_that_is_taken_up_keeps_its_user(engine_world: EngineWorld) -> None:
    out = engine_world.writable("out", MIB)
    script = "echo ready; until test -e /out/go; do sleep 0.1; done; id -u"
    mounts = (Mount(source=out, target="/out", quota=MIB),)
    spec = engine_world.spec(script, mounts=mounts, slot=2)
    with numbered(engine_world) as engine, numbered(engine_world) as after_restart:
        running = in_background(lambda: engine.run(spec, stop=threading.Event()))
        has_printed(spec)
        adopting = in_background(lambda: after_restart.run(replace(spec, slot=6), stop=threading.Event()))
        (out / "go").touch()
        assert adopting.result(LIMIT).adopted
        assert running.result(LIMIT).failure is None
    assert spec.log.read_text() == f"ready\n{BASE + 2}\n"


def test_the_doctor_sees_that_another_node_of_the_engine_has_the_same_users(engine_world: EngineWorld) -> None:
    mine = UidRange(node="another", first=BASE, count=4)
    with numbered(engine_world) as engine:
        assert engine.run(engine_world.spec("true", slot=3), stop=threading.Event()).failure is None
        output = list(collisions_of([mine], engine=engine_world.host.url))
    assert f"{BASE}-{BASE + 3}: uid {BASE + 3} is used by node {engine_world.node} on this engine" in output


BASE = 210_000


class numbered:
    """The node with its own uid range, like a daemon of root."""

    def __init__(self, world: EngineWorld) -> None:
        settings = world.host.settings(node=world.node, work=world.folder / "node")
        self._engine = DockerEngine(replace(settings, uid_base=BASE))

    def __enter__(self) -> DockerEngine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.close()
