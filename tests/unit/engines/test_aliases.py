"""Aliases of images: what stands for a name, and which aliases are unfit."""

from pathlib import Path

import pytest

from node_runtime.engines.docker.aliases import ImageAliases, read_reference, read_target

BASE = "node-runtime/base:1234"


@pytest.mark.parametrize(
    "name",
    ["python:3.11-slim-bookworm", "python:3.11", "python:3.11.9-slim", "docker.io/library/python:3.11-slim", BASE],
)
def test_the_base_image_stands_for_the_official_python(name: str) -> None:
    assert ImageAliases({}, base=BASE).target_of(name) == BASE


@pytest.mark.parametrize("name", ["python:3.12", "python:3.11-alpine", "debian:bookworm", "mine/python:3.11"])
def test_any_other_image_stays(name: str) -> None:
    assert ImageAliases({}, base=BASE).target_of(name) == name


def test_nothing_is_replaced_where_the_official_image_is_the_base() -> None:
    assert ImageAliases({}, base="python:3.11-slim-bookworm").target_of("python:3.11-slim") == "python:3.11-slim"


def test_an_alias_is_followed_to_its_end_and_goes_before_the_base_image() -> None:
    folder = Path("/images/tools")
    aliases = ImageAliases(
        {"tools:1": folder, "tools:2": "tools:1", "python:3.12": "python:3.11", "python:3.11-slim": "mine:1"}, base=BASE
    )
    assert aliases.target_of("tools:2") == folder
    assert aliases.target_of("python:3.12") == BASE
    assert aliases.target_of("python:3.11-slim") == "mine:1"
    assert aliases.target_of("docker.io/tools:1") == "docker.io/tools:1", "a name is compared as it is written"


def test_aliases_that_have_no_end_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^a:1 → b:1 → c:1 → a:1 has no end; name a local image there$"):
        ImageAliases({"a:1": "b:1", "b:1": "c:1", "c:1": "a:1"})


def test_what_an_alias_names_is_an_image_or_a_folder() -> None:
    here = Path("/etc/node")
    assert read_target("my-python:1", here) == "my-python:1"
    assert read_target("sha256:" + "a" * 64, here) == "sha256:" + "a" * 64
    assert read_target("images/python", here) == "images/python"
    assert read_target("./images/python", here) == here / "images/python"
    assert read_target("/images", here) == Path("/images")
    for wrong in ("", "a b", "-x", "a=b", "x" * 300):
        with pytest.raises(ValueError, match="is neither an image, name:tag or id, nor a folder"):
            read_target(wrong, here)
        with pytest.raises(ValueError, match="is no name of an image"):
            read_reference(wrong)


def test_every_unfit_alias_is_told(tmp_path: Path) -> None:
    dockerfiles = {"a": "FROM b:1", "b": "FROM a:1", "wrong": "FROM x\nRUN <<EOF\nEOF", "good": "FROM python:3.11"}
    for name, text in dockerfiles.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(f"{text}\n")
    aliases: dict[str, str | Path] = {
        **{f"{name}:1": tmp_path / name for name in dockerfiles},
        "none:1": tmp_path / "none",
        "away:1": "not/here:1",
        "here:1": "is/here:1",
        "base:1": "python:3.11",
    }
    assert list(ImageAliases(aliases, base=BASE).faults(lambda image: image == "is/here:1")) == [
        f"the alias a:1: {tmp_path}/a → {tmp_path}/b → {tmp_path}/a is built on itself",
        f"the alias b:1: {tmp_path}/b → {tmp_path}/a → {tmp_path}/b is built on itself",
        f"the alias wrong:1: {tmp_path}/wrong/Dockerfile: line 2: a heredoc needs BuildKit, which nodes don't build "
        "with: write `RUN a && b`, or a script",
        f"the alias none:1: {tmp_path}/none/Dockerfile: No such file or directory",
        "the alias away:1: the image not/here:1 is not on the engine",
    ]
