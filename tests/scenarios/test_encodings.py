"""Characters that the output's encoding lacks are replaced, and the command continues."""

import os

from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING


def test_an_unencodable_file_name_ends_no_command(desk: Desk, nrt: Nrt) -> None:
    named = os.fsdecode(b"\xff.yaml")  # what Linux allows, and no encoding can print
    for name, encoding, shown in (("żółw.yaml", "ascii", "???w.yaml"), (named, "utf-8", "?.yaml")):
        (desk.folder / name).write_text(TRAINING)
        checked = nrt("check", name, PYTHONIOENCODING=encoding)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert f"{shown} is fine" in checked.stdout


def test_a_task_is_shown_on_an_ascii_terminal(desk: Desk, nrt: Nrt) -> None:
    number = desk.submit(TRAINING).tasks[0].id
    shown = nrt("show", str(number), PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"task {number}  round-1  training  open" in shown.stdout
    assert "\n  ? " in shown.stdout  # the reason for waiting has a non-ASCII prefix
