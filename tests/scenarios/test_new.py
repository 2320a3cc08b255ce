"""`node-runtime new` writes tasks that are read without a mistake, from an installed wheel as from a checkout."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from node_runtime.cli import app
from node_runtime.creator.templates import KNOWN, SCHEMA, TASK, TemplateName, write_template
from node_runtime.errors import InputError
from node_runtime.spec.read import read_specs
from node_runtime.spec.yaml_source import load_documents

ROOT = Path(__file__).parents[2]
MODELINE = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("name", TemplateName)
def test_what_it_writes_is_read_without_a_mistake_or_warning_and_fits_the_schema_it_names(
    name: TemplateName, tmp_path: Path
) -> None:
    folder = tmp_path / "parent" / "task"
    write_template(name, folder)
    read = read_specs(folder / TASK)
    assert read.warnings == ()
    documents = load_documents(folder / TASK)
    places = MODELINE.findall((folder / TASK).read_text())
    assert places == [SCHEMA] * len(documents), "editors look for it in each document"
    validator = Draft202012Validator(json.loads((folder / SCHEMA).read_text()))
    for document in documents:
        validator.validate(document.value)
    assert {path.name for path in folder.iterdir()} == {
        TASK,
        SCHEMA,
        *(file.split("/")[0] for file in KNOWN[name].files),
    }
    assert list(folder.parent.iterdir()) == [folder]
    assert all(os.access(script, os.X_OK) for script in folder.rglob("*.sh"))


def test_the_objectives_of_a_plan_stand_apart_from_its_table(tmp_path: Path) -> None:
    write_template(TemplateName.PLAN, tmp_path / "plan")
    told = CliRunner().invoke(app, ["check", str(tmp_path / "plan" / TASK)]).output.splitlines()
    assert told[:2] == ["objective  iris: 1 Test sample", ""]
    assert told[2].startswith("kind ")


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_is_there_is_left_alone(there: str, tmp_path: Path) -> None:
    place = tmp_path / "task"
    match there:
        case "folder":
            place.mkdir()
        case "file":
            place.touch()
        case _:
            place.symlink_to("nowhere")
    with pytest.raises(InputError, match="is there already"):
        write_template(TemplateName.PLAN, place)
    assert list(tmp_path.iterdir()) == [place]


def test_the_samples_of_one_template_are_never_another_label_in_another(tmp_path: Path) -> None:
    """The chain keeps a label for ever: whoever tries every template with one account must not be refused."""
    labels: dict[bytes, set[str]] = {}
    for name in TemplateName:
        write_template(name, tmp_path / name)
        for entry in read_specs(tmp_path / name / TASK).entries:
            for asset in entry.spec.assets():
                if asset.label is not None and isinstance(asset.source, Path):
                    labels.setdefault((asset.source / "iris.csv").read_bytes(), set()).add(asset.label)
    assert [len(each) for each in labels.values()] == [1] * len(labels)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked wheel, as an installation has it, with what Python compiles there."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder / "site/node_runtime/templates")], check=True)
    return folder / "site"


@pytest.mark.parametrize("name", TemplateName)
def test_an_installed_wheel_writes_the_same_outside_a_checkout(
    name: TemplateName, installed: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "80"}
    where = [sys.executable, "-c", "import node_runtime; print(node_runtime.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert Path(found.strip()).is_relative_to(installed)
    command = [sys.executable, "-m", "node_runtime", "new", name, "my-task"]
    told = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    write_template(name, tmp_path / "from-checkout")
    for path in (tmp_path / "from-checkout").rglob("*"):
        twin = tmp_path / "my-task" / path.relative_to(tmp_path / "from-checkout")
        assert path.is_dir() or (twin.read_bytes(), twin.stat().st_mode) == (path.read_bytes(), path.stat().st_mode)
    assert not list((tmp_path / "my-task").rglob("__pycache__"))
    for step in ("check", "run", "submit"):
        assert f"node-runtime {step} my-task/task.yaml" in told
    assert max(map(len, told.splitlines())) <= 80
