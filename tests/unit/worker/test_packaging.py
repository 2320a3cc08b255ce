"""Withheld private outputs are bounded and salted, and only coarse, bounded numbers leave the node."""

import hashlib
import json
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.assets import Digest
from node_runtime.kinds.perf import MOST_NUMBERS, PRIVATE_DIGITS, bounded_numbers, parse_perf
from node_runtime.kinds.stage import input_in, model_entry
from node_runtime.ports.engine import ContainerRun
from node_runtime.runner.result_document import Collected, ReachedSteps, StepSeconds
from node_runtime.stores.tree.folders import Bound
from node_runtime.worker.withholding import coarse_run, coarse_steps, keep_private, power_of_two, salted_digest

NOW, KIB = 1_800_000_000_000, 1 << 10
SALT = b"\x01" * 32
BOUND = Bound(age=3600.0 * 24 * 365 * 100, size=64 * KIB)


def collected(folder: Path, name: str, size: int) -> Collected:
    (folder / name).mkdir(parents=True)
    (folder / name / "file").write_bytes(b"x" * size)
    return Collected(name=name, source=folder / name, digest=Digest(name))


def test_withheld_outputs_are_kept_unless_larger_than_the_bound(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    keep_private(collected(tmp_path, "logs", KIB), kept, salt=SALT, now=NOW, bound=BOUND)
    with capture_logs() as events:
        keep_private(collected(tmp_path, "pred", 128 * KIB), kept, salt=SALT, now=NOW, bound=BOUND)
    assert [path.name for path in kept.iterdir()] == ["logs"]
    assert [(line["event"], line["output"]) for line in events] == [("private_output_dropped", "pred")]


def test_a_withheld_file_loses_its_mode(tmp_path: Path) -> None:
    pred = collected(tmp_path, "pred", KIB)
    (pred.source / "file").chmod(0o6777)
    keep_private(pred, tmp_path / "kept", salt=SALT, now=NOW, bound=BOUND)
    assert stat.S_IMODE((tmp_path / "kept" / "pred" / "file").stat().st_mode) == 0o755


@pytest.mark.parametrize("odd", ["text", None, True, [1.0], {"a": 1.0}])
def test_only_numbers_of_a_perf_json_leave_under_known_names(odd: object) -> None:
    values = {"secret": 2, "all": 1, "odd": odd, **{f"n{number}": number for number in range(40)}}
    numbers = json.loads(bounded_numbers(parse_perf(json.dumps(values).encode())))
    assert len(numbers) == MOST_NUMBERS
    assert list(numbers.items())[:3] == [("all", 1), ("number-2", 2), ("number-3", 0)]
    assert {name.partition("-")[0] for name in numbers} == {"all", "number"}


@pytest.mark.parametrize(
    ("written", "leaves"),
    [
        ("0.123456789012345678", "0.123457"),
        ("-123456789.25", "-123457000"),
        ("0.0000001234567", "0.000000123457"),
        ("999999999999999999", "1000000000000000000"),
        ("0.9375", "0.9375"),
    ],
)
def test_a_number_that_leaves_has_few_digits(written: str, leaves: str) -> None:
    numbers = json.loads(
        bounded_numbers(parse_perf(f'{{"all": {written}, "n": {written}}}'.encode())), parse_float=Decimal
    )
    assert {name: Decimal(value) for name, value in numbers.items()} == {
        "all": Decimal(leaves),
        "number-2": Decimal(leaves),
    }
    assert all(len(Decimal(value).normalize().as_tuple().digits) <= PRIVATE_DIGITS for value in numbers.values())


def test_what_stays_is_kept_with_the_salt_that_proves_its_digest(tmp_path: Path) -> None:
    plain = Digest("ab" * 32)
    digest = salted_digest(plain, SALT)
    assert digest == hashlib.sha256(SALT + bytes.fromhex(plain)).hexdigest()
    assert digest not in (plain, salted_digest(plain, b"\x02" * 32))
    keep_private(collected(tmp_path, "pred", KIB), tmp_path / "kept", salt=SALT, now=NOW, bound=BOUND)
    assert sorted(path.name for path in (tmp_path / "kept" / "pred").iterdir()) == ["file", f"salt-{SALT.hex()}"]


def test_the_salt_of_a_private_model_is_no_part_of_the_model(tmp_path: Path) -> None:
    (tmp_path / f"salt-{SALT.hex()}").touch()
    (tmp_path / "salt-lake.model").touch()
    assert model_entry(input_in(tmp_path, Digest("ab" * 32))) == tmp_path / "salt-lake.model"


@pytest.mark.parametrize(("value", "up"), [(0, 1), (0.2, 1), (1, 1), (1.001, 2), (2, 2), (5, 8), (1 << 29, 1 << 29)])
def test_seconds_and_bytes_are_rounded_up_to_a_power_of_two(value: float, up: int) -> None:
    run = ContainerRun(
        image="sha256:1", exit_code=0, seconds=value, peak_memory=int(value), failure=None, message="", adopted=True
    )
    coarse = coarse_run(run)
    assert (coarse.seconds, coarse.peak_memory, coarse.adopted) == (up, power_of_two(int(value)), True)
    steps = coarse_steps(StepSeconds(inputs=value, image=value, run=value, outputs=value))
    assert {seconds for _, seconds in steps} == {up}
    assert coarse_steps(ReachedSteps(inputs=value, run=value)).seconds == {"inputs": up, "run": up}
