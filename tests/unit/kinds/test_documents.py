"""Compatibility of stored documents: old ones are readable, and the same YAML gives the same bytes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from node_runtime.domain.document import FILE_NAME
from node_runtime.kinds import KINDS, can_run, read_document
from node_runtime.stores.tree.walk import manifest_of
from tests.fixtures.make_documents import documents

FIXTURES = Path(__file__).parents[2] / "fixtures"
FILES = Path(__file__).parents[2] / "scenarios" / "spec" / "files"
EXAMPLES = Path(__file__).parent / "examples"
Stored = dict[str, dict[str, dict[str, str]]]


def stored(commit: str) -> Stored:
    found: Stored = json.loads((FIXTURES / f"documents_{commit}.json").read_text())
    return found


def is_within(part: Any, whole: Any) -> bool:
    """Return whether `whole` contains everything in `part`."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(is_within(value, whole.get(key)) for key, value in part.items())
    return bool(part == whole)


@pytest.mark.parametrize("commit", ["7bf0b92", "1f34890"])
@pytest.mark.parametrize("kind", ["aggregation", "annotation", "restructuring", "scoring", "training"])
def test_a_stored_document_is_read_whole_into_its_kinds_variant(commit: str, kind: str) -> None:
    for one in stored(commit)[kind].values():
        document = read_document(one["document"].encode())
        assert type(document) is KINDS[kind].document
        assert can_run(document)
        assert is_within(json.loads(one["document"]), json.loads(document.encode()))


@pytest.mark.parametrize("kind", ["aggregation", "annotation", "restructuring", "scoring", "training"])
def test_the_same_yaml_makes_the_very_bytes_that_it_made_before(kind: str, tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    made = documents(Path(shutil.copy(EXAMPLES / f"{kind}.yaml", tmp_path / "task.yaml")))
    before = stored("1f34890")[kind]
    assert {name: made[name] for name in before} == before


def test_a_document_read_and_written_keeps_its_digest(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    for kind in stored("1f34890").values():
        for one in kind.values():
            file.write_bytes(read_document(one["document"].encode()).encode())
            assert (file.read_text(), manifest_of(file).digest) == (one["document"], one["digest"])


def test_gpus_are_in_the_documents_of_tasks_that_ask_for_them_and_in_no_others(tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    yaml = (EXAMPLES.parents[2] / "scenarios" / "spec" / "read" / "gpus.yaml").read_text()
    (tmp_path / "task.yaml").write_text(yaml)
    asking = json.loads(documents(tmp_path / "task.yaml")["round"]["document"])
    assert (asking["limits"]["gpus"], asking["limits"]["gpu_memory"]) == (2, 8 << 30)
    (tmp_path / "task.yaml").write_text(yaml.replace("gpus: 2, gpu_memory: 8GiB", "gpus: 0"))
    other = documents(tmp_path / "task.yaml")["round"]["document"]
    assert {"gpus", "gpu_memory"}.isdisjoint(json.loads(other)["limits"])
    assert read_document(other.encode()).limits.gpus is None
