"""JSON output has decimals as numbers with every digit."""

import json
from dataclasses import dataclass
from decimal import Decimal

import pytest
from pydantic import BaseModel

from node_runtime.cli.formats import csv_text, exact_json
from node_runtime.cli.output import print_json
from node_runtime.domain.task import Standing


@dataclass(frozen=True)
class Told:
    value: Decimal
    standing: Standing
    reason: str | None = None


class Model(BaseModel):
    numbers: dict[str, Decimal]


def read(value: object) -> object:
    return json.loads(exact_json(value), parse_float=Decimal)


def test_every_digit_of_a_score_is_a_digit_of_a_number() -> None:
    exact = Decimal("-123456789012345678.123456789012345678")
    output = (Told(exact, Standing.CERTIFIED), Model(numbers={"f1": Decimal("1E-18"), "n": Decimal("1E+18")}))
    assert read({"results": output}) == {
        "results": [
            {"value": exact, "standing": "certified", "reason": None},
            {"numbers": {"f1": Decimal("0.000000000000000001"), "n": 10**18}},
        ]
    }


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert read({"reason": "0.5", "0.5": ['"1"', "\u2028"]}) == {"reason": "0.5", "0.5": ['"1"', "\u2028"]}


def test_json_output_is_exact_and_escapes_untrusted_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"score": Decimal("0.123456789012345678"), "name": "a\x9bb\u202ec"})
    printed = capsys.readouterr().out
    assert '"score": 0.123456789012345678' in printed
    assert "\x9b" not in printed
    assert "\u202e" not in printed
    assert json.loads(printed)["name"] == "a\x9bb\u202ec"


def test_csv_has_all_digits_and_no_formula() -> None:
    rows = [(Decimal("-0.123456789012345678"), None, "=1+1"), (1, "a,b", "two\nlines \x1b[2J")]
    assert csv_text(("score", "rank", "name"), rows).splitlines() == [
        "score,rank,name",
        "-0.123456789012345678,,'=1+1",
        '1,"a,b",two\\nlines \\x1b[2J',
    ]
