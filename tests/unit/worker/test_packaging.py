"""Withheld private outputs are bounded, and only bounded numbers leave the node."""

import json
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.assets import Digest
from node_runtime.kinds.perf import MOST_NUMBERS, bounded_numbers, parse_perf
from node_runtime.runner.result_document import Collected
from node_runtime.stores.tree.folders import Bound
from node_runtime.worker.packaging import keep_private

NOW, KIB = 1_800_000_000_000, 1 << 10
BOUND = Bound(age=3600.0 * 24 * 365 * 100, size=64 * KIB)


def collected(folder: Path, name: str, size: int) -> Collected:
    (folder / name).mkdir(parents=True)
    (folder / name / "file").write_bytes(b"x" * size)
    return Collected(name=name, source=folder / name, digest=Digest(name))


def test_withheld_outputs_are_kept_unless_larger_than_the_bound(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    keep_private(collected(tmp_path, "logs", KIB), kept, now=NOW, bound=BOUND)
    with capture_logs() as events:
        keep_private(collected(tmp_path, "pred", 128 * KIB), kept, now=NOW, bound=BOUND)
    assert [path.name for path in kept.iterdir()] == ["logs"]
    assert [(line["event"], line["output"]) for line in events] == [("private_output_dropped", "pred")]


def test_a_withheld_file_loses_its_mode(tmp_path: Path) -> None:
    pred = collected(tmp_path, "pred", KIB)
    (pred.source / "file").chmod(0o6777)
    keep_private(pred, tmp_path / "kept", now=NOW, bound=BOUND)
    assert stat.S_IMODE((tmp_path / "kept" / "pred" / "file").stat().st_mode) == 0o755


@pytest.mark.parametrize("odd", ["text", None, True, [1.0], {"a": 1.0}])
def test_only_numbers_of_a_perf_json_leave_under_known_names(odd: object) -> None:
    values = {"secret": 2, "all": 1, "odd": odd, **{f"n{number}": number for number in range(40)}}
    numbers = json.loads(bounded_numbers(parse_perf(json.dumps(values).encode())))
    assert len(numbers) == MOST_NUMBERS
    assert list(numbers.items())[:3] == [("all", 1), ("number-2", 2), ("number-3", 0)]
    assert {name.partition("-")[0] for name in numbers} == {"all", "number"}
