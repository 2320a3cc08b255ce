"""What check warns of in an opener, and the number of samples of a task."""

from pathlib import Path

import pytest

from node_runtime.errors import SpecError
from node_runtime.spec.read import read_specs
from tests.scenarios.conftest import FILES

TASK = f"kind: training\nname: t\nalgo: {FILES}/algo\nopener: opener.py\nreward: 1\ndata: "
FUNCTION = f"kind: function\nname: t\nfunction: {FILES}/function\nopener: opener.py\nreward: 1\ndata: "
TWO = """\
import substratools as tools

class First(tools.Opener):
    pass

class Second(tools.Opener):
    pass
"""


@pytest.mark.parametrize(
    ("source", "warnings"),
    [
        ("def get_X(folders)\n    return 1\n", ["{file}:1: Python can't read it: expected ':'"]),
        (TWO, ["{file}:6: First and Second are subclasses of Opener, and substratools takes one alone"]),
        (
            TWO.replace("class Second(tools.Opener)", "class Second(First)"),
            ["{file}:6: First and Second are subclasses of Opener, and substratools takes one alone"],
        ),
        (TWO.replace("class Second(tools.Opener)", "class Second"), []),
    ],
)
@pytest.mark.parametrize("task", [TASK, FUNCTION], ids=["training", "function"])
def test_an_opener_that_programs_cant_import_is_told(
    tmp_path: Path, task: str, source: str, warnings: list[str]
) -> None:
    (tmp_path / "opener.py").write_text(source)
    (tmp_path / "task.yaml").write_text(f"{task}[{FILES}/train-0]\n")
    place = f"{tmp_path}/task.yaml:4:9: "
    told = [one.removeprefix(place) for one in read_specs(tmp_path / "task.yaml").warnings if one.startswith(place)]
    assert told == [one.format(file=tmp_path / "opener.py") for one in warnings]


@pytest.mark.parametrize("task", [TASK, FUNCTION], ids=["training", "function"])
def test_a_task_of_300_samples_is_refused_with_what_to_do(tmp_path: Path, task: str) -> None:
    (tmp_path / "opener.py").touch()
    for number in range(300):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a").write_text(str(number))
    (tmp_path / "task.yaml").write_text(f"{task}[{', '.join(map(str, range(300)))}]\n")
    with pytest.raises(SpecError) as refused:
        read_specs(tmp_path / "task.yaml")
    assert refused.value.message == (
        f"{tmp_path}/task.yaml:6:7: data: a task has at most 250 samples, here are 300; put the files of several "
        "samples into one folder each, or make several tasks of it"
    )
