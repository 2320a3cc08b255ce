"""The build context: .dockerignore, reproducible content, and errors for an unreadable folder."""

import io
import tarfile
import threading
from pathlib import Path

import pytest

from node_runtime.engines.docker.build import write_context
from node_runtime.errors import FailureCategory, TaskFailed


def test_the_context_is_the_folder_without_what_is_ignored(tmp_path: Path) -> None:
    for name, text in {".dockerignore": "# a comment\nsecret\n", "secret": "1", "kept": "2", "Dockerfile": "3"}.items():
        (tmp_path / name).write_text(text)
    write_context(tmp_path, "FROM ours", packed := io.BytesIO(), stop=threading.Event())
    with tarfile.open(fileobj=packed) as tar:
        assert sorted(tar.getnames()) == [".dockerignore", "Dockerfile", "kept"]
        dockerfile = tar.extractfile("Dockerfile")
        assert dockerfile is not None
        assert dockerfile.read() == b"FROM ours"


def test_the_dockerfile_and_what_is_ignored_are_sent_whatever_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("**\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "Dockerfile").write_text("another")
    write_context(tmp_path, "FROM ours", packed := io.BytesIO(), stop=threading.Event())
    with tarfile.open(fileobj=packed) as tar:
        assert sorted(tar.getnames()) == [".dockerignore", "Dockerfile"]


def test_packing_ends_when_it_is_not_wanted_any_more(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("2")
    stop = threading.Event()
    stop.set()
    with pytest.raises(TaskFailed) as caught:
        write_context(tmp_path, "FROM ours", io.BytesIO(), stop=stop)
    assert caught.value.category is FailureCategory.NODE_ERROR


def test_a_dockerignore_that_cannot_be_used_is_the_folders_fault(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("2")
    (tmp_path / ".dockerignore").write_bytes(b"caf\xe9\n")
    with pytest.raises(TaskFailed, match=r"\.dockerignore") as caught:
        write_context(tmp_path, "FROM ours", io.BytesIO(), stop=threading.Event())
    assert caught.value.category is FailureCategory.BUILD_FAILED
    assert caught.value.remedy
