"""Every try of `leak_tries` on one node: nothing of its private sample is public; docs/privacy.md has the verdicts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_engine import DockerHost
from tests.e2e.leak_tries import TRIES, Try
from tests.e2e.leak_world import LeakWorld, open_leak_world

pytestmark = [pytest.mark.docker, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
_ROW = re.compile(r"\| ([^|]+) \| (stopped|bounded to \d+ bits|allowed by the owner's word) \| [^|]+ \|")


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerHost) -> Iterator[LeakWorld]:
    with open_leak_world(tmp_path_factory.mktemp("leaks"), docker_engine) as leaks:
        yield leaks


@pytest.mark.parametrize("one", TRIES, ids=str)
def test_a_try_gets_no_more_out_than_its_verdict_says(leaks: LeakWorld, one: Try) -> None:
    one.run(leaks)
    assert leaks.secret.files_with_traces(leaks.world.storage) == []


def test_nothing_of_the_private_sample_is_public_after_all_tries(leaks: LeakWorld) -> None:
    assert leaks.public_traces(leaks.secret) == []
    assert leaks.given.files_with_traces(leaks.world.storage)  # a leak would be found: the owner let this one out
    assert leaks.secret.files_with_traces(leaks.daemon.work)


def test_the_page_has_every_try_with_its_verdict() -> None:
    rows = [found.groups() for line in PAGE.read_text().splitlines() if (found := _ROW.fullmatch(line))]
    assert rows == [(one.name, one.verdict) for one in TRIES]
    assert len(rows) >= 20
