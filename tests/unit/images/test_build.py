"""When an image is built anew."""

from pathlib import Path

import pytest

from images.build import Image, sources_digest


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
