"""A script judges in the sandbox, and decides nothing when it crashes, hangs or writes an invalid verdict."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.creator.validation.script import MAX_BYTES, read_verdict
from node_runtime.creator.validation.strategies import Undecided, Verdict
from node_runtime.domain.task import SubmissionState
from tests.devnet import start_devnet
from tests.docker_engine import DockerHost
from tests.e2e.people import People, open_people

JUDGE = """\
say() { echo "$1" > /verdict/verdict.json; }
case $(cat /result/outputs/word) in
    good) say '{"accept": true}' ;;
    bad) say '{"accept": false, "reason": "the word is bad"}' ;;
    crash) say '{"accept": true}'; echo "no such label"; exit 3 ;;
    hang) say '{"accept": true}'; sleep 600 ;;
    rubbish) say '{"accept": "true"}' ;;
esac
"""
PRISONER = """\
import json, os, pathlib, socket
reasons = []
try:
    pathlib.Path("/result/outputs/word").write_text("good")
except OSError as error:
    reasons.append(f"result: {error.strerror}")
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    reasons.append(f"network: {error.strerror}")
reasons.append(f"root: {os.getuid() == 0}, submission: {os.environ['SUBMISSION_ID']}")
pathlib.Path("/verdict/verdict.json").write_text(json.dumps({"accept": False, "reason": "; ".join(reasons)}))
"""


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with start_devnet(tmp_path / "chain") as url, open_people(url, tmp_path) as people:
        yield people


@pytest.mark.docker
@pytest.mark.slow
def test_a_script_judges_each_result_and_its_troubles_accept_nothing(
    people: People, docker_engine: DockerHost, tmp_path: Path
) -> None:
    words = {"Bob": "crash", "Charlie": "good", "Dave": "bad", "Eve": "rubbish"}
    task = people.offer("slots: 4\nvalidation: manual\n")
    for name, word in words.items():
        people.deliver(name, task, {"word": word})
    judge = tmp_path / "judge.sh"
    judge.write_text(JUDGE)
    ended = people.run("validate", str(task), "--script", str(judge), "--json", DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 1, ended.stderr
    crash, good, bad, rubbish = json.loads(ended.stdout)
    outcomes = [one["outcome"] for one in (crash, good, bad, rubbish)]
    assert outcomes == ["undecided", "accepted", "rejected", "undecided"]
    assert "exited with 3" in crash["reason"]
    assert "it printed: no such label" in crash["reason"]
    assert "accept: Input should be a valid boolean" in rubbish["reason"]
    states = [one.state for one in people.creator.submissions(task)]
    assert states.count(SubmissionState.UNDER_REVIEW) == 2
    assert people.submission(task, bad["submission"]).reason == "the word is bad"


@pytest.mark.docker
@pytest.mark.slow
def test_a_script_that_hangs_is_ended_and_decides_nothing(
    people: People, docker_engine: DockerHost, tmp_path: Path
) -> None:
    task = people.offer()
    number = people.deliver("Bob", task, {"word": "hang"})
    judge = tmp_path / "judge.sh"
    judge.write_text(JUDGE)
    command = ("validate", str(task), "--script", str(judge), "--timeout", "1s", "--json")
    ended = people.run(*command, DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 1, ended.stderr
    (hang,) = json.loads(ended.stdout)
    assert hang["outcome"] == "undecided"
    assert "still ran after 1 s" in hang["reason"]
    assert people.submission(task, number).state is SubmissionState.UNDER_REVIEW


@pytest.mark.docker
@pytest.mark.slow
def test_a_script_reaches_nothing_but_the_result(people: People, docker_engine: DockerHost, tmp_path: Path) -> None:
    task = people.offer()
    number = people.deliver("Bob", task, {"word": "bad"})
    folder = tmp_path / "judge"
    folder.mkdir(mode=0o700)
    (folder / "validate.py").write_text(PRISONER)
    (folder / "validate.py").chmod(0o600)
    kept = tmp_path / "kept"
    command = ("validate", str(task), "--script", str(folder), "--into", str(kept))
    ended = people.run(*command, DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    reason = people.submission(task, number).reason or ""
    assert "result: Read-only file system" in reason
    assert "network: Network is unreachable" in reason
    assert f"root: False, submission: {number}" in reason
    assert (kept / f"submission-{number}" / "outputs" / "word").read_text() == "bad"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "it is empty"),
        ('{"accept": false, "reason": "no file ", "accept": true, "reason": "fine"}', "'accept' is there twice"),
        ("true", "Input should be an object"),
        ('{"reason": "fine"}', "accept: Field required"),
        ('{"accept": 1}', "accept: Input should be a valid boolean"),
        ('{"accept": true, "verdict": "no"}', "verdict: Extra inputs are not permitted"),
        ('{"accept": false}', "rejects without a reason"),
        ('{"accept": false, "reason": " "}', "rejects without a reason"),
        ('{"accept": true, "reason": "' + "x" * MAX_BYTES + '"}', "larger than"),
    ],
)
def test_a_verdict_file_that_is_none_decides_nothing(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "verdict.json").write_text(content)
    with pytest.raises(Undecided, match=told):
        read_verdict(tmp_path / "verdict.json")


def test_a_verdict_behind_a_link_or_that_is_no_file_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"accept": true}')
    assert read_verdict(tmp_path / "elsewhere") == Verdict(accept=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder", "nowhere"):
        with pytest.raises(Undecided):
            read_verdict(tmp_path / name)
