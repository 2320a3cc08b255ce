"""When an image is built anew, and that the program's image has what the package needs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from images.build import CHECKOUT, Image, sources_digest


def test_what_goes_into_an_image_decides_whether_it_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("images.build.CHECKOUT", tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM x")
    (tmp_path / ".dockerignore").write_text("# all but the program\n*\n!program.py\n")
    (tmp_path / "program.py").write_text("1")
    image = Image(name="test:1", folder=".", dockerfile="Dockerfile")
    first = sources_digest(image, {"A": "1"}, "base")
    (tmp_path / "notes").write_text("ignored")
    assert sources_digest(image, {"A": "1"}, "base") == first
    assert sources_digest(image, {"A": "2"}, "base") != first
    assert sources_digest(image, {"A": "1"}, "another base") != first
    (tmp_path / "program.py").write_text("2")
    assert sources_digest(image, {"A": "1"}, "base") != first


def test_the_image_has_every_dependency_of_the_package_as_it_is_locked() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    image, package = pins(CHECKOUT / "images/node/requirements.lock"), pins(CHECKOUT / "requirements.lock")
    assert wanted <= set(image), "run `make lock`"
    assert {name: image[name] for name in wanted} == {name: package[name] for name in wanted}, "run `make lock`"


def pins(lock: Path) -> dict[str, str]:
    """Return the version of each package by its name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}
