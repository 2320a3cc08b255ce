"""The findings of `doctor` on a terminal: a command that mends one fits into a line."""

import io

import pytest
from rich.console import Console

from node_runtime.cli import output
from node_runtime.cli.findings import Finding, print_findings

ACCOUNT = "5GNVDZG6STKm3od87Xa8ktdFZFkYZzjvSitWqXi3YjrRbZZi"


def test_a_remedy_stands_under_its_finding_from_the_left_on(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(output, "_console", Console(file=out, force_terminal=True, width=80, color_system=None))
    funds = Finding(name="funds", well=False, seen="0 UNIT free", remedy=f"node-runtime pay {ACCOUNT} 20")
    print_findings([Finding(name="local network", well=True, seen="not running"), funds])
    assert out.getvalue().splitlines() == [
        "ok  local network  not running",
        "no  funds          0 UNIT free",
        f"    → node-runtime pay {ACCOUNT} 20",
    ]
