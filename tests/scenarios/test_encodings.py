"""What if the output's encoding lacks a character that is to be printed? The rest is, and the command goes on."""

import os

from tests.scenarios.conftest import Desk
from tests.scenarios.test_commands import TRAINING, Nrt, nrt

__all__ = ["nrt"]


def test_a_name_that_the_output_cannot_show_ends_no_command(desk: Desk, nrt: Nrt) -> None:
    named = os.fsdecode(b"\xff.yaml")  # what Linux allows, and no encoding can print
    for name, encoding, shown in (("żółw.yaml", "ascii", "???w.yaml"), (named, "utf-8", "?.yaml")):
        (desk.folder / name).write_text(TRAINING)
        checked = nrt("check", name, PYTHONIOENCODING=encoding)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert f"{shown} is fine" in checked.stdout


def test_a_task_is_shown_on_a_terminal_that_knows_ascii_alone(desk: Desk, nrt: Nrt) -> None:
    number = desk.submit(TRAINING).tasks[0].id
    shown = nrt("show", str(number), PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"task {number}  round-1  training  open" in shown.stdout
    assert "\n  ? " in shown.stdout  # why it waits, behind a sign that isn't ASCII
