"""The table of a plan that is watched: its columns are as wide as what they may come to hold."""

from pathlib import Path

import pytest

from node_runtime.cli.plan_tables import STEADY
from node_runtime.domain.task import TaskState
from node_runtime.kinds import KINDS, read_document, stages_of
from node_runtime.runner.live_chunk import INPUTS, OUTPUTS, UPLOAD, image_stage, in_words
from tests.fixtures.make_documents import documents
from tests.unit.kinds.room import inputs_in
from tests.unit.kinds.test_registry import example, sources_of


@pytest.mark.parametrize("kind", KINDS)
def test_every_stage_of_a_kind_and_its_image_fit_into_the_status(kind: str, tmp_path: Path) -> None:
    for name, one in documents(example(kind, tmp_path / "yaml")).items():
        document = read_document(one["document"].encode())
        for stage in stages_of(document, inputs_in(tmp_path / name, document, sources_of(document))):
            assert len(in_words(image_stage(stage.name))) <= STEADY["status"]


def test_every_other_state_fits_into_the_status() -> None:
    assert max(map(len, (*TaskState, INPUTS, OUTPUTS, UPLOAD, "at work", "review"))) <= STEADY["status"]
