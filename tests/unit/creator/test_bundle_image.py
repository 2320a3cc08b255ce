"""The build context of a bundle without an algo: no more than its image needs, so that bundles share images."""

from pathlib import Path

import pytest

from node_runtime.creator.bundle_image import environment_of
from node_runtime.stores.tree.walk import manifest_of

HEAD = "ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}\nWORKDIR /setup\n"
INSTALL = "RUN pip install --no-cache-dir -r requirements.txt\n"
SET_UP = "RUN chmod u+x setup.sh && ./setup.sh\n"
FOOT = "WORKDIR /task\n"
# as releases before made it: images of plain requirements stay those that nodes have built already
PLAIN = "a64e8bf1cd314817be1c7f4f4abef876c4882901680632848f0cfbf3b5577f12"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "annotation_files").mkdir(parents=True)
    for name in ("start_task.sh", "settings.py", "annotation_files/a.png", "Dockerfile"):
        (folder / name).write_text(f"{name}\n")
    return folder


def context(bundle: Path) -> tuple[str, list[str]]:
    """Return the Dockerfile, and the other files."""
    with environment_of(bundle) as folder:
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        files.remove("Dockerfile")
        return (folder / "Dockerfile").read_text(), files


def test_a_bundle_that_requires_nothing_shares_the_base(bundle: Path) -> None:
    assert context(bundle) == (HEAD + FOOT, [])


def test_plain_requirements_are_the_whole_context(bundle: Path) -> None:
    (bundle / "requirements.txt").write_text("numpy==2.4.6\n")
    assert context(bundle) == (HEAD + "COPY requirements.txt ./\n" + INSTALL + FOOT, ["requirements.txt"])
    (bundle / "settings.py").write_text("changed\n")
    with environment_of(bundle) as folder:
        assert manifest_of(folder).digest == PLAIN


def test_files_that_requirements_name_are_in_the_context_at_their_places(bundle: Path) -> None:
    (bundle / "requirements" / "of all").mkdir(parents=True)
    (bundle / "requirements.txt").write_text("-r requirements/base.txt\n-c pins.txt\n")
    (bundle / "requirements" / "base.txt").write_text("-r 'of all/more.txt'\n")
    (bundle / "requirements" / "of all" / "more.txt").write_text("iniconfig\n")
    (bundle / "pins.txt").write_text("iniconfig==2.1.0\n")
    dockerfile, files = context(bundle)
    assert files == ["pins.txt", "requirements.txt", "requirements/base.txt", "requirements/of all/more.txt"]
    copies = "COPY requirements.txt ./\nCOPY requirements/base.txt ./requirements/\nCOPY pins.txt ./\n"
    copies += 'COPY ["requirements/of all/more.txt", "./requirements/of all/"]\n'
    assert dockerfile == HEAD + copies + INSTALL + FOOT


def test_a_setup_may_use_every_file_but_those_of_the_task_itself(bundle: Path) -> None:
    (bundle / "requirements.txt").write_text("numpy\n")
    (bundle / "setup.sh").write_text("#!/bin/sh\n")
    (bundle / ".git").mkdir()
    (bundle / ".git" / "config").touch()
    (bundle / "notes~").touch()
    (bundle / ".dockerignore").write_text("*~\nrequirements.txt\n")
    dockerfile, files = context(bundle)
    assert files == ["requirements.txt", "settings.py", "setup.sh", "start_task.sh"]
    assert dockerfile == HEAD + "COPY requirements.txt ./\n" + INSTALL + "COPY . ./\n" + SET_UP + FOOT


def test_a_package_of_the_bundle_is_there_before_it_is_installed(bundle: Path) -> None:
    (bundle / "requirements.txt").write_text("./package\n")
    (bundle / "setup.sh").write_text("#!/bin/sh\n")
    dockerfile, _ = context(bundle)
    assert dockerfile == HEAD + "COPY requirements.txt ./\nCOPY . ./\n" + INSTALL + SET_UP + FOOT
