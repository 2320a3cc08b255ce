"""Is a hold nobody works on looked at until it is known to be over?"""

from node_runtime.daemon.loose import LooseHolds
from node_runtime.task import TaskId

TASK = TaskId(7)


def test_a_claim_without_an_answer_is_kept_although_the_chain_does_not_show_it_yet() -> None:
    loose = LooseHolds()
    loose.doubt(TASK)
    assert loose.ready() == (TASK,)
    assert loose.in_doubt(TASK)
    loose.not_held(TASK)
    assert loose.ready() == ()  # not at once
    loose.not_held(TASK)  # still known
    assert loose.in_doubt(TASK)


def test_an_attempt_that_was_left_is_forgotten_once_the_chain_has_ended_it() -> None:
    loose = LooseHolds()
    loose.add(TASK, wait=0)
    assert not loose.in_doubt(TASK)
    assert loose.ready() == (TASK,)
    loose.not_held(TASK)
    assert loose.ready() == ()
    loose.forget(TASK)
