"""An abort at a terminal prints its price and pays only after confirmation."""

import pytest

from node_runtime.domain.task import AssignmentState
from tests.e2e.people import People
from tests.e2e.persons_terminal import at_terminal


@pytest.mark.parametrize(
    ("answer", "code", "state"), [("n", 1, AssignmentState.LIVE), ("y", 0, AssignmentState.ABORTED)]
)
def test_a_person_hears_what_an_abort_pays_and_agrees_or_leaves_it(
    people: People, answer: str, code: int, state: AssignmentState
) -> None:
    task = people.offer()
    assignment = people["Bob"].assign_task(task)
    cancel = ("cancel", str(task), "--abort")
    with at_terminal(*cancel, folder=people.folder, environment=people.environment("//Alice")) as alice:
        alice.waits_for("Abort it?")
        assert f"aborting task {task} pays 0." in alice.seen
        alice.types(f"{answer}\n")
        assert alice.ends() == code
        assert ("nothing is aborted; the task goes on" in alice.seen) is (answer == "n")
    found = people.creator.assignment(assignment.worker, task)
    assert found is not None
    assert found.state is state
