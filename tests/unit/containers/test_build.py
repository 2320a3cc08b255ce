"""What of a folder goes to the engine to be built, and what is said of one that can't be read?"""

import io
import tarfile
from pathlib import Path

import pytest

from node_runtime.containers.build import write_context
from node_runtime.errors import FailureCategory, TaskFailed


def test_the_context_is_the_folder_without_what_is_ignored(tmp_path: Path) -> None:
    for name, text in {".dockerignore": "# a comment\nsecret\n", "secret": "1", "kept": "2", "Dockerfile": "3"}.items():
        (tmp_path / name).write_text(text)
    write_context(tmp_path, "FROM ours", packed := io.BytesIO())
    with tarfile.open(fileobj=packed) as tar:
        assert sorted(tar.getnames()) == [".dockerignore", "Dockerfile", "kept"]
        assert tar.extractfile("Dockerfile").read() == b"FROM ours"


@pytest.mark.parametrize("content", [b"caf\xe9\n", b"[z-a]\n"], ids=["not text", "no pattern"])
def test_a_dockerignore_that_cannot_be_used_is_the_folders_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept").write_text("2")
    (tmp_path / ".dockerignore").write_bytes(content)
    with pytest.raises(TaskFailed, match=r"\.dockerignore") as caught:
        write_context(tmp_path, "FROM ours", io.BytesIO())
    assert caught.value.category is FailureCategory.IMAGE_UNAVAILABLE
    assert caught.value.remedy
