"""Is every mistake in a task YAML told with its place and its remedy? ``spec/refused/*.yaml`` with what is printed.

To add a scenario write ``<name>.yaml`` and, beside it, the whole message as ``<name>.expected``.
"""

import shutil
from pathlib import Path

import pytest

from node_runtime.errors import SpecError
from node_runtime.spec import read_specs

SCENARIOS = Path(__file__).parent / "spec"


def staged(scenario: Path, folder: Path) -> Path:
    """The scenario beside the files it may name, and an empty folder, which can't be kept in a repository."""
    shutil.copytree(SCENARIOS / "files", folder, dirs_exist_ok=True)
    (folder / "empty").mkdir()
    return Path(shutil.copy(scenario, folder / "task.yaml"))


def named(pattern: str) -> list[str]:
    return sorted(path.stem for path in SCENARIOS.glob(pattern))


@pytest.mark.parametrize("name", named("refused/*.yaml"))
def test_a_mistake_is_told_with_place_and_remedy(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS / "refused" / f"{name}.yaml"
    with pytest.raises(SpecError) as caught:
        read_specs(staged(scenario, tmp_path))
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert told + "\n" == scenario.with_suffix(".expected").read_text()


@pytest.mark.parametrize("name", named("read/*.yaml"))
def test_what_is_right_is_read(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS / "read" / f"{name}.yaml"
    read = [
        entry.spec.model_dump_json(indent=2, exclude_none=True)
        for entry in read_specs(staged(scenario, tmp_path)).entries
    ]
    told = "\n".join(read).replace(f"{tmp_path}/", "")
    assert told + "\n" == scenario.with_suffix(".expected").read_text()
