"""Mistakes in the folders that a task names are found before anything is stored, all of them, each with its place."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from node_runtime.creator.terms import terms_of
from node_runtime.domain.assets import Account, AssetRef, Digest
from node_runtime.domain.document import ModelOf
from node_runtime.errors import SpecError
from node_runtime.kinds import Resolved, TaskSpec, document_of, read_document
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.read import read_specs

FILES = Path(__file__).parent / "spec" / "files"
TRAINING = "kind: training\nname: round-1\nalgo: algo/\ndata: [train-0, train-1]\nreward: 10\n"
BUNDLE = "kind: training\nname: round-1\nbundle: bundle/\ndata: [train-0]\nreward: 10\n"
SCORING = (
    "kind: scoring\nname: s\nmodel: {task: 1}\nalgo: algo/\nmetrics: metric/\nopener: opener.py\ndata: [train-0]\n"
)
SCORING += "reward: 2\n"
REF = AssetRef(owner=Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"), digest=Digest("a" * 64))
KEPT = "and only regular files and folders are kept"
LF = "write LF line ends: sed -i 's/\\r$//'"
CRLF = "the line ends with CR LF"
NOT_FOUND = f"{CRLF}, so no container finds its interpreter"
LAST_WORD = f"{CRLF}, and sh takes the CR as part of its last word; {LF}"
EXAMPLE = 'ENTRYPOINT ["python", "/algo.py"]'
NONE = "there is no ENTRYPOINT, and an algo is called with arguments"
SHELL = "ENTRYPOINT in shell form loses the stage's arguments, e.g. 'train'; write a list:"
COMMAND = "its CMD is replaced by them, so write that as ENTRYPOINT"
NO_LINE = "has no #! line ('exec format error'); begin it with #!/bin/sh"
WRITE = f"write e.g. {EXAMPLE}"
NOT_STARTED = "algo/run.sh is started by its path and"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A creator's folder, the working directory."""
    shutil.copytree(FILES, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def mistakes(text: str) -> list[str]:
    Path("task.yaml").write_text(text)
    with pytest.raises(SpecError) as refused:
        read_specs(Path("task.yaml"), bounds=packaged_bounds())
    return refused.value.message.splitlines()


def warnings(text: str) -> list[str]:
    Path("task.yaml").write_text(text)
    return list(read_specs(Path("task.yaml"), bounds=packaged_bounds()).warnings)


def script(content: bytes, name: str = "bundle/start_task.sh") -> None:
    Path(name).write_bytes(content)


def test_everything_in_a_folder_that_storage_refuses_is_told_at_once(desk: Path) -> None:
    sample = desk / "train-1"
    (sample / "link").symlink_to("/etc/passwd")
    os.mkfifo(sample / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("train-1/socket")
        (sample / "new\nline").touch()
        (sample / os.fsdecode(b"caf\xe9")).touch()
        os.link(desk / "opener.py", sample / "same")
        deep = "/".join(["d" * 200] * 6)
        (sample / deep).mkdir(parents=True)
        (sample / deep / "f").touch()
        told = mistakes(TRAINING)
    at = "task.yaml:4:17: data[1]: train-1"
    assert told == [
        f"{at}: caf\\udce9: the name is not UTF-8 or has control characters in it; rename it, or leave it out",
        f"{at}: {'d' * 40}…: the path is longer than 1024 bytes; use fewer folders",
        f"{at}/link is a symbolic link, {KEPT}; put there what it points to",
        f"{at}: new\\nline: the name is not UTF-8 or has control characters in it; rename it, or leave it out",
        f"{at}/pipe is a pipe, {KEPT}; remove it",
        f"{at}/socket is a socket, {KEPT}; remove it",
        f"{at}/same is hard-linked to a file elsewhere; put a copy there instead",
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("3:7: algo: algo", TRAINING),
        ("4:8: data[0]: train-0", TRAINING),
        ("3:9: bundle: bundle", BUNDLE),
        ("5:10: metrics: metric", SCORING),
        ("4:9: opener: package", TRAINING.replace("data:", "opener: package\ndata:")),
        ("6:10: models.[0].source: model", TRAINING + "models: [model]\n"),
        ("3:9: metric: metric", "kind: objective\nname: o\nmetric: metric/\nopener: opener.py\nsamples: [test-0]\n"),
    ],
)
def test_every_folder_that_would_be_stored_is_looked_at(desk: Path, place: str, text: str) -> None:
    (desk / "package").mkdir()
    (desk / "package" / "__init__.py").touch()
    (desk / "model").mkdir()
    (desk / "model" / "weights").touch()
    folder = place.rsplit(" ", 1)[1]
    (desk / folder / "link").symlink_to("nowhere")
    text = text.replace("metric/", "metric/")
    told = [one for one in mistakes(text) if "link" in one]
    assert [one.replace("models[0]", "models.[0].source") for one in told] == [
        f"task.yaml:{place}/link is a symbolic link, {KEPT}; put there what it points to"
    ]


def test_mistakes_of_folders_stand_beside_those_of_keys_and_of_other_documents(desk: Path) -> None:
    (desk / "train-0" / "link").symlink_to("nowhere")
    script(b"#!/bin/sh\r\nexit 0\r\n")
    told = mistakes(TRAINING.replace("reward: 10", "rewrad: 10") + "---\n" + BUNDLE.replace("10", "0.05"))
    assert [one.split(": ")[0] for one in told] == [
        *("task.yaml:1:1", "task.yaml:4:8", "task.yaml:5:1"),
        *("task.yaml:9:9", "task.yaml:10:8"),
    ]


def test_mistakes_of_programs_stand_beside_those_of_keys(desk: Path) -> None:
    (desk / "algo" / "Dockerfile").write_text("FROM debian:12\n")
    (desk / "bundle" / "requirements.txt").write_text("-r base.txt\n")
    told = mistakes(TRAINING.replace("10", "ten") + "---\n" + BUNDLE.replace("10", "ten"))
    assert [one.split(": ", 1) for one in told] == [
        ["task.yaml:3:7", f"algo/Dockerfile: line 1: {NONE}; {WRITE}"],
        ["task.yaml:5:9", "reward: 'ten' is not an amount; write UNIT as a number, e.g. 10 or 0.25"],
        [
            "task.yaml:9:9",
            "bundle/requirements.txt:1: base.txt isn't in the bundle; put it there, or leave the line out",
        ],
        ["task.yaml:11:9", "reward: 'ten' is not an amount; write UNIT as a number, e.g. 10 or 0.25"],
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"#!/bin/sh\r\nexit 0\r\n", f":1: {NOT_FOUND} 'sh\\r'; {LF}"),
        (
            b"#!/usr/bin/env python3\r\nprint()\n",
            f":1: {NOT_FOUND} 'python3\\r'; {LF}",
        ),
        (b"#!/bin/bash -e\nset -u\nexit 0\r\n", f":3: {LAST_WORD}"),
        (b"exit 0\r\n", f":1: {LAST_WORD}"),
    ],
)  # fmt: skip
def test_line_ends_that_no_shell_reads_are_a_mistake_of_start_task_and_setup(content: bytes, told: str) -> None:
    script(content)
    script(content, "bundle/setup.sh")
    assert mistakes(BUNDLE) == [
        f"task.yaml:3:9: bundle: bundle/start_task.sh{told} start_task.sh",
        f"task.yaml:3:9: bundle/setup.sh{told} setup.sh",
    ]
    script(b"#!/bin/sh\n")
    assert mistakes(BUNDLE) == [f"task.yaml:3:9: bundle/setup.sh{told} setup.sh"]
    assert warnings(BUNDLE + "algo: algo/\n") == []  # which is for people then


def test_line_ends_that_an_interpreter_reads_are_none() -> None:
    script(b"#!/usr/bin/env python3\nprint()\r\n")
    assert warnings(BUNDLE) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"exit 0\n", "without a #! line sh runs it; begin it with #!/bin/sh, or its interpreter's #! line"),
        (
            b"\xef\xbb\xbf#!/bin/sh\nexit 0\n",
            "a byte order mark stands before the first line, so sh runs it; save it as UTF-8 without one",
        ),
    ],
)
def test_a_script_that_sh_runs_is_a_warning(content: bytes, told: str) -> None:
    script(content)
    assert warnings(BUNDLE) == [f"task.yaml:3:9: bundle/start_task.sh:1: {told}"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("FROM python:3.11-slim\nCOPY algo.py /", f"line 1: {NONE}; {WRITE}"),
        ("FROM scratch", f"line 1: {NONE}; {WRITE}"),
        ('FROM debian:12\nCMD ["x"]', f"line 1: {NONE}; {COMMAND}; {WRITE}"),
        ("FROM python:3.11\nENTRYPOINT []", f"line 2: {NONE}; {WRITE}"),
        ('FROM a AS b\nENTRYPOINT ["x"]\nFROM python:3\nCOPY --from=b /x /', f"line 3: {NONE}; {WRITE}"),
        ("FROM a\nENTRYPOINT python /algo.py -u", f"line 2: {SHELL} " + 'ENTRYPOINT ["python", "/algo.py", "-u"]'),
        ("FROM python:3\nENTRYPOINT ['python', 'x']", f"line 2: {SHELL} {EXAMPLE}"),
    ],
)  # fmt: skip
def test_an_algo_that_cannot_get_its_arguments_is_a_mistake(desk: Path, lines: str, told: str) -> None:
    (desk / "algo" / "Dockerfile").write_text(lines + "\n")
    assert mistakes(TRAINING) == [f"task.yaml:3:7: algo/Dockerfile: {told}"]
    assert warnings(TRAINING.replace("algo/", "{source: algo/, entrypoint: [x]}")) == []
    assert warnings(BUNDLE + "algo: algo/\n") == []  # start_task.sh runs instead
    aggregation = "kind: aggregation\nname: a\nalgo: algo/\nmodels: [{task: 1}]\nreward: 1\n"
    assert mistakes(aggregation) == [f"task.yaml:3:7: algo/Dockerfile: {told}"]


@pytest.mark.parametrize(
    "lines",
    [
        'FROM python:3.11-slim\nENTRYPOINT ["python", "/algo.py"]',
        'FROM python:3.11-slim\nENTRYPOINT exec python /algo.py "$0" "$@"',
        'FROM python:3.11-slim AS a\nENTRYPOINT ["x"]\nFROM A\nRUN y',
    ],
)
def test_an_algo_that_gets_its_arguments_is_none(desk: Path, lines: str) -> None:
    (desk / "algo" / "Dockerfile").write_text(lines + "\n")
    assert warnings(TRAINING) == []


def test_an_image_that_may_bring_an_entrypoint_is_a_warning(desk: Path) -> None:
    (desk / "algo" / "Dockerfile").write_text("FROM a.example/b:1\n")
    (desk / "metric" / "Dockerfile").write_text("FROM a.example/b:1\n")
    assert warnings(SCORING) == [
        "task.yaml:4:7: algo/Dockerfile: line 1: an algo is called with arguments; unless a.example/b:1 brings an "
        f"ENTRYPOINT, write one, e.g. {EXAMPLE}",
        "task.yaml:5:10: metric/Dockerfile: line 1: a metric is called without arguments; unless a.example/b:1 brings "
        f"an ENTRYPOINT, write one, e.g. {EXAMPLE}",
    ]


def test_a_metric_may_be_started_by_a_shell_or_a_command(desk: Path) -> None:
    for line in ("ENTRYPOINT python /metric.py", 'CMD ["python", "/metric.py"]'):
        (desk / "metric" / "Dockerfile").write_text(f"FROM python:3.11-slim\n{line}\n")
        assert warnings(SCORING) == []
    (desk / "metric" / "Dockerfile").write_text("FROM python:3.11-slim\n")
    assert mistakes(SCORING) == [
        "task.yaml:5:10: metric/Dockerfile: line 1: there is no ENTRYPOINT, and a metric is called without arguments; "
        f"write e.g. {EXAMPLE}"
    ]


@pytest.mark.parametrize(
    ("content", "mode", "entrypoint", "told"),
    [
        (b"#!/bin/sh\n", 0o644, '["/run.sh"]', [f"{NOT_STARTED} isn't executable; chmod +x it"]),
        (b"#!/bin/sh\n", 0o755, '["/run.sh"]', []),
        (b"#!/bin/sh\n", 0o644, '["sh", "/run.sh"]', []),
        (b"echo\n", 0o755, '["/run.sh"]', [f"{NOT_STARTED} {NO_LINE}"]),
        (b"#!/bin/sh\r\n", 0o755, '["/run.sh"]', [f"algo/run.sh:1: {NOT_FOUND} 'sh\\r'; {LF} run.sh"]),
        (b"echo\r\n", 0o644, '["/bin/sh", "/run.sh"]', [f"algo/run.sh:1: {LAST_WORD} run.sh"]),
    ],
)  # fmt: skip
def test_a_script_that_an_entrypoint_cannot_start_is_a_warning(
    desk: Path, content: bytes, mode: int, entrypoint: str, told: list[str]
) -> None:
    (desk / "algo" / "Dockerfile").write_text(f"FROM debian:12\nCOPY run.sh /\nENTRYPOINT {entrypoint}\n")
    script(content, "algo/run.sh")
    (desk / "algo" / "run.sh").chmod(mode)
    assert warnings(TRAINING) == [f"task.yaml:3:7: {one}" for one in told]


def test_a_dockerfile_that_mends_its_script_is_believed(desk: Path) -> None:
    script(b"#!/bin/sh\r\n", "algo/run.sh")
    (desk / "algo" / "Dockerfile").write_text(
        'FROM debian:12\nCOPY run.sh /\nRUN dos2unix /run.sh && chmod +x /run.sh\nENTRYPOINT ["/run.sh"]\n'
    )
    assert warnings(TRAINING) == []


def test_what_tools_leave_is_a_warning_with_the_remedy(desk: Path) -> None:
    (desk / "train-0" / ".git").mkdir()
    (desk / "train-0" / ".git" / "config").touch()
    (desk / "train-1" / "__pycache__").mkdir()
    (desk / "algo" / "__pycache__").mkdir()  # not stored
    for name in (".DS_Store", "algo.py~", ".algo.py.swp", "#algo.py#"):
        (desk / "algo" / name).touch()
    digest = "they change its digest"
    assert warnings(TRAINING) == [
        "task.yaml:3:7: algo holds #algo.py#, .DS_Store, .algo.py.swp and 1 more, left there by tools; "
        f"{digest}, so nodes build it anew: name them in its .dockerignore",
        f"task.yaml:4:8: train-0 holds .git/, left there by tools; {digest}: remove them",
        f"task.yaml:4:17: train-1 holds __pycache__/, left there by tools; {digest}: remove them",
    ]
    (desk / "algo" / ".dockerignore").write_text("**/.DS_Store\n*~\n.*.swp\n\\#*#\n[#]*\n")
    assert [one for one in warnings(TRAINING) if "algo" in one] == []


def test_a_dockerignore_that_cannot_be_read_is_a_mistake(desk: Path) -> None:
    (desk / "algo" / ".dockerignore").write_bytes(b"\xff\n")
    (told,) = mistakes(TRAINING)
    assert told.startswith("task.yaml:3:7: algo: algo/.dockerignore: 'utf-8' codec can't decode")


def test_requirements_that_the_image_will_not_have_are_a_mistake(desk: Path) -> None:
    (desk / "bundle" / "requirements").mkdir()
    (desk / "bundle" / "requirements.txt").write_text("numpy\n-r requirements/base.txt  # all\n-c ../constraints.txt\n")
    (desk / "bundle" / "requirements" / "base.txt").write_text("# nested\n--requirement=more.txt\n-c ../pins.txt\n")
    assert mistakes(BUNDLE) == [
        "task.yaml:3:9: bundle/requirements.txt:3: ../constraints.txt is outside of the bundle, of which alone the "
        "image is made; put it into the bundle",
        "task.yaml:3:9: bundle/requirements/base.txt:2: requirements/more.txt isn't in the bundle; put it there, or "
        "leave the line out",
        "task.yaml:3:9: bundle/requirements/base.txt:3: requirements/../pins.txt isn't in the bundle; put it there, or "
        "leave the line out",
    ]
    assert warnings(BUNDLE + "algo: algo/\n") == []


def task_or_none(text: str) -> TaskSpec | None:
    """Read a file with one task; None if it is refused, each mistake with its place."""
    Path("task.yaml").write_text(text)
    try:
        return read_specs(Path("task.yaml"), bounds=packaged_bounds()).tasks[0][1]
    except SpecError as error:
        refused = error
    assert all(one.startswith("task.yaml:") for one in refused.message.splitlines())
    return None


HUGE = ("200d", "9999999d", "900TiB", "9999999TB", "999999999999999", "1e300", "18446744073709551616", "9" * 5000)
BOUNDED = (
    *("reward", "bond", "slots", "max_rejects", "max_failures", "deadline", "rank"),
    *(f"limits: {{{key}" for key in ("cpus", "memory", "timeout", "outputs", "scratch")),
    *("validation: {manual: {window", "models: [{task", "models: [{submission", "objectives: ["),
)


@pytest.mark.parametrize("key", BOUNDED)
def test_a_number_that_is_not_refused_fits_into_the_document_and_on_the_chain(key: str) -> None:
    closing = "".join({"{": "}", "[": "]"}[sign] for sign in reversed(key) if sign in "{[")
    others = "".join(line + "\n" for line in TRAINING.splitlines() if not line.startswith(f"{key}:"))
    for value in HUGE:
        text = f"{others}{key}{'' if key.endswith('[') else ': '}{value}{closing}\n"
        spec = task_or_none(text)
        if spec is None:
            continue
        models = [ModelOf(task=int(one.task or 0) or None, submission=one.submission) for one in spec.needed_models]
        document = document_of(spec, Resolved(ref_of=lambda _: REF, environment_of=lambda _: REF, models=models))
        assert read_document(document.encode()) == document
        terms = terms_of(spec, creator=REF.owner, now=0, plan=None)
        assert max(terms.deadline, terms.timeout, *(int(one) for _, one in spec.objective_names)) < 1 << 64


def test_a_timeout_beyond_the_chains_bound_is_told_with_its_place() -> None:
    assert mistakes(TRAINING + "limits: {timeout: 200d}\n") == [
        "task.yaml:6:19: limits.timeout: at most 30d, not '200d'"
    ]
    assert mistakes(TRAINING + "limits: {timeout: 30d}\ndeadline: 60d\n") == [
        "task.yaml:6:19: the 30d of its container with 10m to fetch and build: 30d 10m is above 30d"
    ]
    assert mistakes(TRAINING.replace("10", "10000000000") + "bond: 999999999999999\nslots: 10001\n") == [
        "task.yaml:5:9: reward 10,000,000,000 UNIT is above 1,000,000,000 UNIT",
        "task.yaml:6:7: bond 999,999,999,999,999 UNIT is above 100,000,000,001 UNIT",
        "task.yaml:7:8: slots 10001 is above 10000",
    ]
