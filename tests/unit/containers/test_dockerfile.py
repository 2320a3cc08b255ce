"""Is a creator's Dockerfile built on the node's base image, and otherwise as it is?"""

import pytest

from node_runtime.containers.dockerfile import mapped
from node_runtime.containers.images import tag_of

LOCAL = "node-runtime/base:1234"


@pytest.mark.parametrize(
    "name", ["python:3.11-slim-bookworm", "python:3.11", "python:3.11.9-slim", "docker.io/library/python:3.11-slim"]
)
def test_the_official_python_is_replaced(name: str) -> None:
    assert mapped(f"FROM {name} AS build\nRUN x\n", base=LOCAL, arguments=()) == f"FROM {LOCAL} AS build\nRUN x\n"


@pytest.mark.parametrize(
    "name", ["python:3.12", "python:3.11-alpine", "debian:bookworm", "${BASE_IMAGE}", "mine/python:3.11"]
)
def test_any_other_image_stays(name: str) -> None:
    assert mapped(f"FROM {name}\n", base=LOCAL, arguments=()) == f"FROM {name}\n"


def test_nothing_is_replaced_where_the_official_image_is_the_base() -> None:
    text = "FROM --platform=linux/amd64 python:3.11-slim\n"
    assert mapped(text, base="python:3.11-slim-bookworm", arguments=()) == text


def test_arguments_are_known_in_every_stage() -> None:
    built = mapped("FROM a\nRUN x\nfrom b\n", base=LOCAL, arguments=("PIP_INDEX_URL",))
    assert built == "FROM a\nARG PIP_INDEX_URL\nRUN x\nfrom b\nARG PIP_INDEX_URL\n"


def test_a_tag_changes_with_the_folder_and_with_the_base() -> None:
    assert len({tag_of("d1", "b1"), tag_of("d2", "b1"), tag_of("d1", "b2")}) == 3
    assert tag_of("d1", "b1") == tag_of("d1", "b1")
