"""Every mistake in a task YAML is reported with place and remedy: ``spec/refused/*.yaml`` and the expected messages.

To add a scenario write ``<name>.yaml`` and, beside it, the whole message as ``<name>.expected``.
"""

import shutil
from pathlib import Path

import pytest

from node_runtime.errors import SpecError
from node_runtime.spec.read import read_specs

SCENARIOS = Path(__file__).parent / "spec"


def staged(scenario: Path, folder: Path) -> Path:
    """Copy the scenario beside its files, and create an empty folder, which git does not track."""
    shutil.copytree(SCENARIOS / "files", folder, dirs_exist_ok=True)
    (folder / "empty").mkdir()
    return Path(shutil.copy(scenario, folder / "task.yaml"))


def named(pattern: str) -> list[str]:
    return sorted(path.stem for path in SCENARIOS.glob(pattern))


@pytest.mark.parametrize("name", named("refused/*.yaml"))
def test_a_mistake_is_reported_with_place_and_remedy(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS / "refused" / f"{name}.yaml"
    with pytest.raises(SpecError) as caught:
        read_specs(staged(scenario, tmp_path))
    output = str(caught.value).replace(f"{tmp_path}/", "")
    assert output + "\n" == scenario.with_suffix(".expected").read_text()


@pytest.mark.parametrize("name", named("read/*.yaml"))
def test_a_valid_file_is_read(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS / "read" / f"{name}.yaml"
    read = [
        entry.spec.model_dump_json(indent=2, exclude_none=True)
        for entry in read_specs(staged(scenario, tmp_path)).entries
    ]
    output = "\n".join(read).replace(f"{tmp_path}/", "")
    assert output + "\n" == scenario.with_suffix(".expected").read_text()
