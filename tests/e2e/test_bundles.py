"""DecentralML's kinds of tasks run on a daemon, from the creator's YAML to the payment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.submit import Submitted, submit
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.errors import FailureCategory
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

COMMON = "reward: 3\nlimits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}\n"
ANNOTATE = """\
cat "$0" > .read-me-back
for file in annotation_files/*; do
    name=$(basename "$file")
    printf '{"file": "%s", "label": "cat"}' "$name" > "outputs/${name%.*}_annotations.json"
done
rm -r annotation_files
"""
MAKE = """\
made="outputs/${TASK_NAME}_${CONTRIBUTOR_ID}"
mkdir -p "$made"
cat models/*/parts data/*/part > "$made/parts" 2> /dev/null || cat data/*/part > "$made/parts"
"""
JOIN = """\
#!/bin/sh
mkdir /sandbox/model/model
for model in "$2" "$3"; do cat "/sandbox/model/$model/parts"; done > /sandbox/model/model/parts
"""
DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY join.sh /join.sh
ENTRYPOINT ["sh", "/join.sh"]
"""


def bundle(folder: Path, script: str, **files: str) -> Path:
    (folder / "annotation_files").mkdir(parents=True)
    (folder / "start_task.sh").write_text(script)
    for name, text in files.items():
        (folder / "annotation_files" / f"{name}.txt").write_text(text)
    return folder


def sent(world: World, text: str) -> Submitted:
    """Submit the YAML as the creator, with paths relative to the environment's folder."""
    file = world.folder / "task.yaml"
    file.write_text(text)
    return submit(read_specs(file), world.chain, world.store, say=print)


def fetched(world: World, task: TaskId, output: str) -> dict[str, str]:
    """Return the files of an accepted result by their path."""
    submission = world.submission(task)
    assert submission.state is SubmissionState.ACCEPTED
    digest = submission.result.output(output)
    assert digest is not None
    target = world.folder / f"fetched-{task}"
    world.store.fetch(digest, target)
    return {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}


def test_a_daemon_annotates_unattended_and_the_bundle_stays_as_it_was(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    before = daemon.wealth()
    folder = bundle(world.folder / "annotator", ANNOTATE, one="miaow", two="purr")
    (folder / "outputs").mkdir()
    (folder / "outputs" / "three_annotations.json").write_text("{}")
    asked = "annotation_type: classification\nquestion: Which animal?\nclass_labels: [cat, dog]\n"
    text = f"kind: annotation\nname: animals\nbundle: annotator/\n{asked}{COMMON}"
    for _ in range(2):  # the first run did not change the bundle
        (task,) = sent(world, text).tasks
        assert fetched(world, task.id, "outputs") == {
            "one_annotations.json": '{"file": "one.txt", "label": "cat"}',
            "two_annotations.json": '{"file": "two.txt", "label": "cat"}',
        }
    assert daemon.wealth() > before


def test_a_model_goes_from_a_contributor_to_an_engineer_to_an_aggregation(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    bundle(world.folder / "contributor", MAKE)
    for number in ("1", "2"):
        (world.folder / f"shard-{number}").mkdir()
        (world.folder / f"shard-{number}" / "part").write_text(f"shard {number}\n")
    (world.folder / "join").mkdir()
    (world.folder / "join" / "Dockerfile").write_text(DOCKERFILE)
    (world.folder / "join" / "join.sh").write_text(JOIN)
    documents = [
        f"kind: training\nname: first\nbundle: contributor/\ndata: [shard-1]\n{COMMON}",
        "kind: restructuring\nname: second\nbundle: contributor/\n"
        f"data: [shard-2]\nmodels: [{{task: first}}]\n{COMMON}",
        f"kind: aggregation\nname: both\nalgo: join/\nmodels: [{{task: first}}, {{task: second}}]\n{COMMON}",
    ]
    first, second, both = (task.id for task in sent(world, "---\n".join(documents)).tasks)
    wait_for(lambda: world.chain.submissions(both), "the aggregation")
    assert fetched(world, first, "model") == {f"first_{daemon.account}/parts": "shard 1\n"}
    assert fetched(world, second, "model") == {f"second_{daemon.account}/parts": "shard 1\nshard 2\n"}
    assert fetched(world, both, "model") == {"model/parts": "shard 1\nshard 1\nshard 2\n"}


def test_a_bundle_that_leaves_no_outputs_fails_by_name(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    bundle(world.folder / "idle", "true\n")
    (world.folder / "shard").mkdir()
    (world.folder / "shard" / "part").write_text("x")
    (task,) = sent(world, f"kind: training\nname: idle\nbundle: idle/\ndata: [shard]\n{COMMON}").tasks
    attempt = world.failure(daemon.account, task.id)
    assert attempt.category is FailureCategory.OUTPUT_INVALID
    assert "outputs" in daemon.log_text()


def test_a_node_leaves_to_a_person_what_a_person_is_to_do(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    bundle(world.folder / "asks", "read answer\n")
    (world.folder / "shard").mkdir()
    (world.folder / "shard" / "part").write_text("x")
    common = f"kind: training\nbundle: asks/\ndata: [shard]\n{COMMON}"
    (task,) = sent(world, f"{common}name: asks\nperson: true\n").tasks
    wait_for(lambda: "needs_a_person" in daemon.log_text(), "the refusal")
    assert world.chain.attempts(task.id) == ()
