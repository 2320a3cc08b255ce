"""The order in which a node claims open tasks: by age without rivals, else its own among as many as these take."""

from node_runtime.domain.assets import Account
from node_runtime.domain.task import TaskId
from node_runtime.worker.contention import WIDEST, Contention, claim_order

NOW = 1_800_000_000_000
TASKS = [TaskId(number) for number in range(1, 501)]


def order(account: str = "a", *, moment: int = NOW, width: int = WIDEST) -> list[TaskId]:
    return list(claim_order(TASKS, account=Account(account), moment=moment, width=width))


def contention() -> tuple[Contention, list[float]]:
    """Return it with the seconds that its clock shows."""
    seconds = [0.0]
    return Contention(lambda: seconds[0]), seconds


def test_without_rivals_the_oldest_task_is_first() -> None:
    found, _ = contention()
    assert order(width=found.width(4)) == TASKS


def test_no_task_precedes_one_that_is_the_width_or_more_places_older() -> None:
    places = {task: place for place, task in enumerate(order(width=40))}
    assert sorted(places) == TASKS
    assert all(places[task] < places[TaskId(task + 40)] for task in TASKS[:-40])


def test_accounts_and_moments_have_orders_of_their_own_which_stay_the_same() -> None:
    assert order("a") == order("a")
    assert len({tuple(order(account)) for account in "abcdefgh"}) == 8
    assert len({tuple(order(moment=NOW + later)) for later in range(8)}) == 8


def test_twenty_accounts_begin_with_almost_as_many_tasks() -> None:
    firsts = {order(f"account {number}")[0] for number in range(20)}
    assert len(firsts) >= 18


def test_tasks_that_others_took_widen_the_choice_and_this_nodes_own_do_not() -> None:
    found, _ = contention()
    found.saw_open(TASKS[:100], own=())
    found.saw_open(TASKS[10:100], own=TASKS[:10])
    assert found.width(4) == 1
    found.saw_open(TASKS[40:300], own=())
    assert found.width(4) == 31


def test_a_lost_race_and_claims_on_their_way_widen_the_choice() -> None:
    found, _ = contention()
    found.saw_pending(TASKS[:3])
    assert found.width(4) == 4
    found.lost()
    assert found.width(4) > 10


def test_a_claim_on_its_way_is_counted_once_and_not_again_when_its_task_is_gone() -> None:
    found, _ = contention()
    found.saw_open(TASKS[:10], own=())
    found.saw_pending(TASKS[:3])
    found.saw_open(TASKS[:10], own=())
    found.saw_pending(TASKS[:3])
    found.saw_open(TASKS[3:10], own=())
    assert found.width(4) == 4
    found.saw_open(TASKS[:10], own=())  # handed back
    found.saw_pending(TASKS[:3])
    assert found.width(4) == 7


def test_tasks_that_went_over_a_long_time_do_not_count_as_taken_just_now() -> None:
    found, seconds = contention()
    found.saw_open(TASKS[:240], own=())
    seconds[0] = 600.0  # twenty half-lives: 12 tasks per half-life
    found.saw_open((), own=())
    assert found.width(4) == 1 + 17  # 12 / log(2)


def test_tasks_that_went_within_moments_count_in_full() -> None:
    found, seconds = contention()
    found.saw_open(TASKS[:101], own=())
    seconds[0] = 0.1
    found.saw_open((), own=())
    assert found.width(4) == 101


def test_a_task_is_passed_over_while_the_claims_on_their_way_fill_it() -> None:
    found, _ = contention()
    assert found.leaves_free(TASKS[0], slots=2, claims=1)
    assert not found.leaves_free(TASKS[0], slots=2, claims=2)
    assert not found.leaves_free(TASKS[0], slots=1, claims=2)
    assert not found.leaves_free(TASKS[0], slots=0, claims=0)


def test_claims_that_fill_no_task_are_ignored_after_a_while_until_the_task_is_open_anew() -> None:
    found, seconds = contention()
    found.saw_open(TASKS, own=())
    assert not found.leaves_free(TASKS[0], slots=1, claims=1)
    seconds[0] = 4.0
    found.saw_open(TASKS, own=())
    assert not found.leaves_free(TASKS[0], slots=1, claims=1)
    seconds[0] = 5.0
    found.saw_open(TASKS, own=())
    assert found.leaves_free(TASKS[0], slots=1, claims=1)
    assert not found.leaves_free(TASKS[0], slots=0, claims=1)
    found.saw_open(TASKS[1:], own=())
    found.saw_open(TASKS, own=())
    assert not found.leaves_free(TASKS[0], slots=1, claims=1)


def test_rivals_are_forgotten_with_time_and_the_choice_is_bounded() -> None:
    found, seconds = contention()
    found.saw_pending(TASKS)
    assert found.width(4) == WIDEST
    seconds[0] = 3600.0
    assert found.width(4) == 1


def test_a_node_that_has_just_begun_chooses_among_an_eighth_of_a_long_list() -> None:
    found, seconds = contention()
    assert found.width(len(TASKS)) == len(TASKS) // 8
    assert found.width(10_000) == WIDEST
    seconds[0] = 60.0
    assert found.width(len(TASKS)) == 1
