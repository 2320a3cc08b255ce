"""Each reason of a refusal has a remedy that names a command, a key of node.yaml or of the YAML; or none on purpose."""

import re

import pytest
from typer.main import get_command

from node_runtime.cli import app
from node_runtime.config.example import example
from node_runtime.domain.task import TaskId
from node_runtime.worker.reasons import Reason, remedy_of
from node_runtime.worker.status_file import Refused

PASSES = {Reason.NOT_OPEN, Reason.TAKEN, Reason.CLAIM_REFUSED, Reason.RESTING}
OF_NODE = re.compile(r"(?:policy|sandbox)\.[a-z_]+|disk_floor|slots")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy_unless_it_passes_by_itself(reason: Reason) -> None:
    told = remedy_of(reason, TaskId(7))
    assert (told == "") is (reason in PASSES)
    for key in OF_NODE.findall(told):
        assert re.search(rf"^[ #]*{key.rpartition('.')[2]}:", example(), re.MULTILINE), key
    for words in re.findall(r"node-runtime ([a-z-]+)", told):
        assert words in get_command(app).list_commands(None)  # type: ignore[attr-defined]


def test_a_refusal_is_told_with_what_to_do() -> None:
    task = TaskId(7)
    approval = Refused(
        task=task, reason=Reason.APPROVAL, message="it waits", remedy=remedy_of(Reason.APPROVAL, task), since=0
    )
    assert approval.told == "it waits; 'node-runtime approve 7'"
    old = Refused.model_validate({"task": 7, "reason": "awaiting_approval", "message": "it waits", "since": 0})
    assert old.told == "it waits"
