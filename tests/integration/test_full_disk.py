"""Full disks, which are mounted, are reported as errors of this machine; a local run with room writes its results."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from node_runtime.creator.local_run import Bench, run_locally
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost
from node_runtime.errors import HostError
from node_runtime.runner.workspace import Workspaces
from node_runtime.spec.read import read_specs
from node_runtime.stores import open_store
from node_runtime.stores.cache import Cache
from tests.small_disk import fill, mounted

NOOP = Path(__file__).parents[2] / "assets" / "noop"


def train(inside: Inside) -> int:
    inside.say("trained")
    (inside.folder("/sandbox/model") / "model").write_bytes(b"#" * 100_000)
    return 0


@contextmanager
def bench_for(target: Path, folder: Path) -> Iterator[Bench]:
    host, store = MemoryHost(), open_store("memory:")
    host.add("memory:noop", train, source=store.put(NOOP / "algo"))
    engine = open_engine(MemorySettings(host=host, node="run"))
    (folder / "attempts").mkdir()
    with closing(Cache(folder / "cache", limit=1 << 30)) as cache:
        workspaces = Workspaces(folder / "attempts", engine=engine, node="run")
        yield Bench(
            engine=engine, workspaces=workspaces, store=store, cache=cache, target=target, say=lambda _line: None
        )


def test_the_results_are_in_the_target(tmp_path: Path) -> None:
    with bench_for(tmp_path / "results", tmp_path) as bench:
        (result,) = run_locally(read_specs(NOOP / "train.yaml"), bench)
    assert (result.folder / "model").stat().st_size == 100_000
    assert (result.folder / "logs" / "train.log").read_text() == "trained\n"


@pytest.mark.parametrize("pages", [0, 8])
def test_a_target_on_a_full_disk_is_an_error_of_this_machine(tmp_path: Path, pages: int) -> None:
    """With no room at all the logs fail, with a little the model."""
    with mounted(tmp_path / "disk", pages=pages or 8) as disk, bench_for(disk / "results", tmp_path) as bench:
        if not pages:
            fill(disk)
        with pytest.raises(HostError, match=f"working in {disk}/results/noop failed: .*No space left"):
            run_locally(read_specs(NOOP / "train.yaml"), bench)


def test_a_cache_on_a_full_disk_is_an_error_of_this_machine(tmp_path: Path) -> None:
    store = open_store("memory:")
    digest = store.put(NOOP / "algo")
    with mounted(tmp_path / "disk", pages=64) as disk, closing(Cache(disk / "cache", limit=1 << 30)) as cache:
        fill(disk)
        with pytest.raises(HostError, match=str(disk)), cache.pin(digest, fetch=store):
            pass
