"""`federate` refuses models whose unpacked size exceeds the available memory."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from node_runtime.creator.federation import Chosen, federate
from node_runtime.errors import InputError
from tests.scenarios.conftest import Desk
from tests.scenarios.test_result_files import worked
from tests.scenarios.test_results import submitted
from tests.unit.federation.model_folders import arrays, model_folder, structure

UNITS = 10_000
WEIGHTS = 4 * 4 * UNITS  # bytes: a kernel of three rows and a bias, of 32 bits


def test_a_model_that_would_not_fit_several_times_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = submitted(desk)
    made = model_folder(tmp_path / "made" / "model", arrays(units=UNITS), shape=structure(units=UNITS))
    chosen = [Chosen(task=task, submission=worked(desk, task, desk.store.put(made.parent)).id)]
    memory = SimpleNamespace(available=8 * WEIGHTS - 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(InputError, match=f"{WEIGHTS - 1:,} bytes are read here"):
        federate(chosen, desk.chain, desk.store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    memory.available = 8 * WEIGHTS + 8 * 1000  # the header of the arrays counts too
    assert federate(chosen, desk.chain, desk.store, tmp_path / "out").samples == 10
