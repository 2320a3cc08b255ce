"""The lines that draw a plan's graph."""

from collections.abc import Mapping, Sequence

from node_runtime.cli.plan_graph import MOST_COLUMNS, draw


def drawn(parents: Mapping[int, Sequence[int]]) -> str:
    lines = draw(parents)
    assert lines is not None
    return "\n".join(f"{line.ljust(10)}{number}" for number, line in zip(parents, lines, strict=True))


def test_a_chain_is_one_column() -> None:
    assert drawn({1: (), 2: (1,), 3: (2,)}) == "●         1\n●         2\n●         3"


def test_rounds_of_a_federation_fork_and_join() -> None:
    rounds = {1: (), 2: (), 3: (), 4: (1, 2, 3), 5: (4,), 6: (4,), 7: (5, 6), 8: (4, 7)}
    assert drawn(rounds) == (
        "●         1\n│ ●       2\n│ │ ●     3\n●─┴─┘     4\n├─●       5\n├─┼─●     6\n│ ●─┘     7\n●─┘       8"
    )


def test_a_model_that_goes_on_is_passed_by() -> None:
    assert drawn({1: (), 2: (), 3: (1,), 4: (3, 1), 5: (2,)}) == (
        "●         1\n"
        "│ ●       2\n"
        "├─┼─●     3\n"
        "●─┼─┘     4\n"
        "  ●       5"
    )  # fmt: skip


def test_a_task_that_nobody_takes_leaves_its_column_to_the_next() -> None:
    assert drawn({1: (), 2: (), 3: ()}) == "●         1\n●         2\n●         3"


def test_of_a_wide_graph_no_lines_are_drawn() -> None:
    width = MOST_COLUMNS + 1
    parents: dict[int, Sequence[int]] = dict.fromkeys(range(width), ())
    assert draw(parents | {width: tuple(range(width))}) is None
