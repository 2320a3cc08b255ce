"""Functions on the chain: plans of train, aggregate, predict and certified score, and heads that stay on their node."""

from collections.abc import Callable

import pytest

from node_runtime.creator.results import read_document
from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.task import Standing
from node_runtime.errors import SpecError
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.function_desk import Desk, task
from tests.e2e.function_desk import desk as desk

pytestmark = [pytest.mark.docker, pytest.mark.slow]

OBJECTIVE = {"kind": "objective", "name": "sums", "metric": "score/", "opener": "opener.py", "samples": ["test"]}


def test_a_plan_of_functions_ends_in_a_certified_score(desk: Desk, start_daemon: Callable[..., DaemonProcess]) -> None:
    start_daemon()
    numbers = desk.submit(
        OBJECTIVE,
        task("one", "train", data=["a"], objectives=["sums"]),
        task("two", "train", data=["b"], objectives=["sums"], inputs={"shared": {"task": "one", "output": "shared"}}),
        task("both", "aggregate", objectives=["sums"], inputs={"shared": [{"task": "one"}, {"task": "two"}]}),
        task("predicted", "predict", objective="sums", inputs={"shared": {"task": "both"}}),
        task("scored", "score", objective="sums", inputs={"predictions": {"task": "predicted"}}),
    )
    submissions = {name: desk.world.submission(number) for name, number in numbers.items()}
    assert desk.output(submissions["both"], "shared") == 10.0
    assert desk.output(submissions["predicted"], "predictions") == [13.0, 13.0]
    scored = submissions["scored"]
    assert {one.name: float(one.value) for one in scored.result.perfs} == {"distance": 15.0, "rows": 2.0}
    assert scored.score is not None
    assert (float(scored.score.value), scored.score.standing) == (15.0, Standing.CERTIFIED)
    (certified,) = desk.world.chain.scores(desk.world.chain.objectives_of(desk.world.chain.account)[-1].id)
    assert certified.model.submission == submissions["both"].id
    document = read_document(scored, desk.world.store)
    assert document.perf == {"distance": 15, "rows": 2}
    assert document.outputs.keys() == {"perf.json"}

    later = desk.submit(task("later", "train", data=["a"], inputs={"shared": {"task": numbers["both"]}}))
    assert desk.output(desk.world.submission(later["later"]), "shared") == 13.0
    submission = submissions["two"].id
    again = desk.submit(task("again", "train", data=["a"], inputs={"shared": {"submission": submission}}))
    assert desk.output(desk.world.submission(again["again"]), "shared") == 10.0


def test_a_head_stays_on_its_node_and_is_taken_there(desk: Desk, start_daemon: Callable[..., DaemonProcess]) -> None:
    daemon = start_daemon()
    first, both = {"task": "one", "output": "local"}, {"task": "both"}
    numbers = desk.submit(
        task("one", "composite", data=["a"]),
        task("both", "aggregate", inputs={"shared": [{"task": "one", "output": "shared"}]}),
        task("two", "composite", data=["a"], inputs={"local": first, "shared": both}),
    )
    submissions = {name: desk.world.submission(number) for name, number in numbers.items()}
    for name, rows in (("one", 0.0), ("two", 1.0)):
        submission = submissions[name]
        assert [(one.name, float(one.value)) for one in submission.result.perfs] == [("seen", rows)]
        document = read_document(submission, desk.world.store)
        assert document.outputs_stay == ("local",)
        assert document.log_stays
        head = submission.result.output("local")
        assert head is not None
        assert not desk.world.store.has(head)
        assert not desk.world.store.has(Digest(document.log))
    assert desk.output(submissions["two"], "shared") == 6.0
    listed = daemon.command("data", "list").stdout.splitlines()
    for name, size, used in (("one", 10, f"task {numbers['two']} two"), ("two", 22, "nothing")):
        digest = submissions[name].result.output("local")
        assert digest is not None
        told = f"  model 'local' of task {numbers[name]} {name}, {size} B, used by {used}"
        assert listed[listed.index(digest) + 1] == told
    kept, shared = desk.world.chain.models_of(SubmissionId(submissions["two"].id))
    assert (kept.private, shared.private) == (True, False)
    removed = daemon.command("data", "remove", kept.digest, "--yes")
    assert removed.stdout.splitlines() == [
        f"removed {kept.digest}, 22 B",
        "on chain its record stays: tasks that take it can't run any more",
    ]


def test_an_output_that_a_task_on_chain_does_not_make_is_refused(desk: Desk) -> None:
    numbers = desk.submit(task("one", "composite", data=["a"]))
    for taken, reason in (
        ({"task": numbers["one"]}, "makes several models; name one by 'output': local, shared"),
        ({"task": numbers["one"], "output": "sharde"}, "makes no model 'sharde'; did you mean 'shared'?"),
        ({"task": numbers["one"], "output": "seen"}, "makes no model 'seen'"),
        ({"submission": 999, "output": 2}, "submission 999 has no model at place 2"),
    ):
        with pytest.raises(SpecError, match=reason):
            desk.submit(task("two", "train", data=["a"], inputs={"shared": taken}))
