"""The seccomp profile refuses dangerous system calls and allows those of ordinary programs."""

import re

import pytest

from tests.contract.engine_images import built, source
from tests.contract.engine_world import MIB, EngineWorld
from tests.contract.test_engine_traces import python

pytestmark = pytest.mark.docker

ATTACKS = """
import ctypes, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)

def family(number, kind=socket.SOCK_STREAM, protocol=0):
    try:
        socket.socket(number, kind, protocol).close()
        return "open"
    except OSError as error:
        return error.errno

def call(number, *arguments):
    given = [ctypes.c_long(one) for one in (*arguments, *[0] * (6 - len(arguments)))]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *given) == -1 else "open"

x86 = platform.machine() == "x86_64"
numbers = {  # of x86_64, and of aarch64
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "userfaultfd": (323, 282),
    "bpf": (321, 280), "perf_event_open": (298, 241), "ptrace": (101, 117), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "fanotify_init": (300, 262), "process_vm_readv": (310, 270), "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_setup": (206, 0), "clone3": (435, 435),
}
for name, pair in numbers.items():
    print(name, call(pair[not x86], 1, 1))
for name, number in {"vsock": 40, "alg": 38, "packet": 17, "bluetooth": 31, "xdp": 44, "tipc": 30, "rds": 21}.items():
    print(name, family(number, socket.SOCK_DGRAM if name != "vsock" else socket.SOCK_STREAM))
print("vsock_in_the_lower_half", call(41 if x86 else 198, (1 << 32) + 40, 1, 0))
print("netfilter", family(socket.AF_NETLINK, socket.SOCK_RAW, 12))
print("generic", family(socket.AF_NETLINK, socket.SOCK_RAW, 16))
print("new_user", call(56 if x86 else 220, 0x10000000 | 17))
"""
ENOSYS, EPERM = "38", "1"
MISSING = {"io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "clone3"}


def test_calls_that_lead_out_of_a_container_are_refused(engine_world: EngineWorld) -> None:
    output = dict(line.split() for line in engine_world.says(python(ATTACKS)).splitlines())
    assert len(output) == 29
    assert output == {name: ENOSYS if name in MISSING else EPERM for name in output}


def test_a_program_for_another_architecture_does_not_get_around_the_list(engine_world: EngineWorld) -> None:
    """In 32-bit mode `socketcall` would open any family."""
    probe = """
import ctypes, mmap, platform
assert platform.machine() == "x86_64", "not on this processor"
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("b814000000 cd80 c3"))  # mov eax, 20 (getpid of i386); int 0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print("ran")
"""
    if "x86_64" not in engine_world.says("uname -m"):
        return
    run = engine_world.run(spec := engine_world.spec(python(probe), name="probe"))
    assert run.exit_code == 128 + 31, spec.log.read_text()
    assert "SIGSYS" in run.message


ORDINARY = """
import asyncio, ctypes, mmap, multiprocessing, os, select, signal, socket, sqlite3, subprocess, tempfile, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory

def square(number):
    return number * number

async def child():
    started = await asyncio.create_subprocess_exec("true")
    return await started.wait()

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(4)) == [0, 1, 4, 9], method
    with multiprocessing.Manager() as manager:
        assert list(manager.list([1])) == [1]
    with ProcessPoolExecutor(2) as pool, ThreadPoolExecutor(4) as threads:
        assert sum(pool.map(square, range(4))) == sum(threads.map(square, range(4)))
    memory = shared_memory.SharedMemory(create=True, size=4096); memory.close(); memory.unlink()
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
        client.sendall(b"x"); assert server.recv(1) == b"x"
    assert socket.getaddrinfo("localhost", 80) and socket.if_nameindex()
    assert asyncio.run(child()) == 0
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(f"{folder}/base")
        base.execute("pragma journal_mode=wal"); base.execute("create table a (b)")
        os.mkfifo(f"{folder}/pipe")
    mmap.mmap(-1, 4096).madvise(mmap.MADV_DONTNEED)
    os.close(os.memfd_create("a")); os.close(os.eventfd(0)); os.close(os.pidfd_open(os.getpid()))
    os.sched_setaffinity(0, os.sched_getaffinity(0)); os.nice(1)
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = {"x86_64": (238, 239), "aarch64": (237, 236)}[os.uname().machine]
    assert libc.syscall(numbers[0], 0, 0, 0) == 0  # set_mempolicy
    assert libc.syscall(numbers[1], 0, 0, 0, 0, 0) == 0  # get_mempolicy
    signal.setitimer(signal.ITIMER_REAL, 60); signal.alarm(0)
    print("all of it")
"""


def test_what_programs_live_by_works(engine_world: EngineWorld) -> None:
    script = f"cat > /tmp/a.py <<'END'\n{ORDINARY}\nEND\nexec python3 /tmp/a.py"
    run = engine_world.run(spec := engine_world.spec(script, memory=512 * MIB))
    assert run.failure is None, spec.log.read_text()
    assert spec.log.read_text().endswith("all of it\n")


SEARCH = """
import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
data = load_digits(return_X_y=True)
for backend in ("loky", "multiprocessing", "threading"):
    with joblib.parallel_backend(backend, n_jobs=2):
        scores = cross_val_score(RandomForestClassifier(20, n_jobs=2, random_state=0), *data, cv=2)
        print(backend, "score", scores.mean() > 0.8)
"""


@pytest.mark.slow
def test_scikit_learn_works_with_several_jobs(engine_world: EngineWorld) -> None:
    dockerfile = f"FROM {engine_world.host.base_image}\nRUN pip install --no-cache-dir scikit-learn"
    image, _ = built(engine_world, source(engine_world, dockerfile))
    engine_world.run(engine_world.spec("true", name="before"))
    pause_containers = engine_world.pause_containers()
    spec = engine_world.spec(python(SEARCH), image=image, memory=1024 * MIB)
    run = engine_world.run(spec)
    assert run.failure is None, spec.log.read_text()
    assert re.findall(r"^(\w+) score True$", spec.log.read_text(), re.MULTILINE) == [
        "loky",
        "multiprocessing",
        "threading",
    ]
    assert engine_world.pause_containers() == pause_containers  # leaves no traces in the network namespace
