"""How measured weights come about: the fit, the counting of keys, and the clock without this host's functions."""

import itertools
from pathlib import Path
from time import sleep

import pytest
from benchmarks.clock import NodeClock, Price
from benchmarks.fit import Linear, bound, least_squares
from benchmarks.render import Measured, write_weights
from benchmarks.storage import Storage


def test_a_linear_cost_is_found_exactly() -> None:
    points = [((a, b), 7 + 3 * a + 5 * b) for a, b in itertools.product(range(4), range(3))]
    assert least_squares(points) == bound(points) == Linear(base=7, slopes=(3, 5))


def test_a_bound_covers_every_point_and_has_no_negative_slope() -> None:
    quadratic = [((a,), 10 + a * a) for a in range(0, 21, 4)]
    falling = [((a,), 100 - a) for a in range(0, 21, 4)]
    for points in (quadratic, falling):
        model = bound(points)
        assert all(model.at(components) >= cost for components, cost in points)
        assert min(model.slopes) >= 0
    assert bound(falling) == Linear(base=100, slopes=(0,))
    assert least_squares(falling) == Linear(base=90, slopes=(0,))


def test_keys_count_once_and_only_while_the_benchmark_runs() -> None:
    storage = Storage({b"old": b"1", b"white": b"2"})
    storage.set(b"made before", b"3")
    storage.commit_all()
    storage.set_whitelist(b"\4" + b"\x14white" + bytes(4 + 4) + b"\1" + b"\0")
    storage.reset_counts()
    for _ in range(2):
        storage.get(b"old")
        storage.get(b"white")
    storage.set(b"new", b"4")
    storage.set(b"new", b"5")
    storage.get(b"new")  # it is not the database that is asked
    storage.set(b"made before", None)
    storage.set(b"white", b"6")
    storage.commit_all()
    assert storage.counts() == (1, 2)
    assert [storage.get(key) for key in (b"new", b"made before")] == [b"5", None]
    assert storage.next_key(b"") == b"new"


def test_wiping_leads_back_to_genesis() -> None:
    storage = Storage({b"old": b"1"})
    storage.set(b"old", None)
    storage.set(b"new", b"2")
    storage.commit_all()
    storage.wipe()
    assert [storage.get(key) for key in (b"old", b"new")] == [b"1", None]


def test_a_host_function_takes_what_a_nodes_takes() -> None:
    clock = NodeClock(prices={"slow": Price(base=1_000, per_byte=10)})
    slow = clock.timed("slow", lambda _call, _span: sleep(0.05))
    begun = clock.now()
    slow(None, 200 << 32)
    assert 3_000 <= clock.now() - begun < 20_000_000


def test_entering_a_host_function_is_measured() -> None:
    clock = NodeClock(prices={})
    clock.calibrate()
    assert 0 < clock.crossing < 100_000


@pytest.mark.parametrize("slope", [0, 2])
def test_a_component_without_a_slope_is_unused(tmp_path: Path, slope: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.render.subprocess.run", lambda *_, **__: None)  # no rustfmt is needed
    flat, sloped = Linear(base=1, slopes=(0,)), Linear(base=1, slopes=(slope,))
    one = Measured(name="move", components=(("n", 0, 4),), ref_time=flat, reads=sloped, writes=flat)
    write_weights(tmp_path / "weights.rs", ["Head."], [one])
    written = (tmp_path / "weights.rs").read_text()
    assert written.startswith("//! Head.\n")
    assert ("fn move(n: u32) -> Weight {" in written) == bool(slope)
    assert "Weight::from_parts(1, 0)" in written
