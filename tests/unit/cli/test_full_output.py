"""A command whose output can't be written ends with an error of this machine, not with a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "assets" / "noop" / "train.yaml"


@pytest.mark.parametrize("words", [("version",), ("check", str(EXAMPLE))])
def test_an_output_on_a_full_disk_is_reported(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        output = subprocess.run(
            [sys.executable, "-m", "node_runtime", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    messages = " ".join(output.stderr.split())
    assert output.returncode == 4, messages
    assert messages.startswith("error: reading or writing a file failed: No space left on device")
    assert "Traceback" not in messages
