"""Tables fit a terminal: broken between words, names at their separators; numbers and what is copied stay whole."""

import pytest
from rich.text import Text

from node_runtime.cli.listing import Table, break_text

DIGEST = "0cfc1ad1de6309be" * 4


def listed(*rows: tuple[str, ...], width: int | None = 80) -> list[str]:
    columns = ("task", "name", "kind", "score", "reward", "deadline")
    made = Table(columns=columns, right=frozenset({"task", "reward"}), whole=frozenset({"kind", "deadline"}))
    for row in rows:
        made.add_row(*row)
    return [line.plain for line in made.lines(width)]


NAME, SCORES = "federated-mnist-round-12-of-contributor-3", "0.9000 to 0.9500, 3 scores"
LONG = ("17", NAME, "restructuring", SCORES, "10.25", "1h 59m")


def test_a_table_is_as_wide_as_it_is_where_it_fits() -> None:
    (_, row) = listed(LONG, width=None)
    assert row == f"  17  {NAME}  restructuring  {SCORES}   10.25  1h 59m"
    assert listed(LONG, width=len(row) + 2) == listed(LONG, width=None)


def test_columns_of_words_are_broken_between_words_and_names_at_their_separators() -> None:
    assert listed(LONG) == [
        "task  name                  kind           score                reward  deadline",
        "  17  federated-mnist-      restructuring  0.9000 to 0.9500, 3   10.25  1h 59m",
        "      round-12-of-                         scores",
        "      contributor-3",
    ]


def test_what_has_no_place_to_break_ends_in_an_ellipsis() -> None:
    (_, row) = listed(("1", "a" * 90, "training", "", "10", "2m"), width=60)
    assert row == f"   1  {'a' * 18}…  training             10  2m"


def test_a_word_is_broken_only_where_it_fits_no_line_of_its_own() -> None:
    broken = break_text(Text("needs the model of digits-train-0 first, by 2026-11-29"), 12)
    assert [line.plain for line in broken] == ["needs the", "model of", "digits-", "train-0", "first, by", "2026-11-29"]


def test_styles_stay_with_their_words() -> None:
    broken = break_text(Text.assemble("accepted ", ("beforehand", "red")), 12)
    assert [(line.plain, [str(span.style) for span in line.spans]) for line in broken] == [
        ("accepted", []),
        ("beforehand", ["red"]),
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_what_is_meant_to_be_copied_is_whole_however_narrow_the_terminal(width: int) -> None:
    made = Table(columns=("asset", "digest"), whole=frozenset({"digest"}))
    made.add_row("private Train sample", DIGEST)
    assert DIGEST in "\n".join(line.plain for line in made.lines(width))


def test_wide_characters_count_twice() -> None:
    made = Table(columns=("name", "reason"))
    made.add_row("数据", "kind of it is not allowed by policy")
    lines = [line.cell_len for line in made.lines(24)]
    assert max(lines) <= 24
