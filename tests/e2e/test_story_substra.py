"""The story of Substra's layouts as its command tells it: three nodes, private samples, three rounds, leaderboards."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from node_runtime.platform.paths import cache_folder, engine_folder
from tests.docker_engine import DockerHost
from tests.examples import CHECKOUT, MADE

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]

FOLDERS = ("examples", "assets/digits", "assets/substra", "assets/stories/substra")
_SCORE = re.compile(r" score-(\d) +done +\S+ +\S+(?: \S+s)? +(0\.\d+)$", re.MULTILINE)
_PLACE = re.compile(r"^ +(\d) +\d+ +(round-\d) +\d+ +owner +(0\.\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def told(docker_engine: DockerHost, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what the story prints, from a checkout and in a home of its own."""
    checkout, home = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("home")
    for name in FOLDERS:
        shutil.copytree(CHECKOUT / name, checkout / name, ignore=shutil.ignore_patterns(*MADE))
    for shared in (engine_folder(), cache_folder()):
        (home / shared.name).symlink_to(shared)
    environment = {"NODE_RUNTIME_HOME": str(home), "DOCKER_HOST": docker_engine.url, "COLUMNS": "80"}
    ended = subprocess.run(
        [sys.executable, "-m", "assets.stories.substra.story"],
        cwd=checkout,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,  # reached only after a failure
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not (home / "story-substra").exists()
    return ended.stdout


def test_each_round_is_certified_and_ranked_in_both_layouts(told: str) -> None:
    scores = dict(_SCORE.findall(told))
    assert sorted(scores) == ["1", "2", "3"]
    assert scores["1"] < scores["3"], "the model learns from round to round"
    assert sorted(_SCORE.findall(told)) == sorted([*scores.items()] * 2), "the layouts compute the same"
    places = _PLACE.findall(told)
    assert len(places) == 6
    assert {(name, score) for _, name, score in places} == {(f"round-{one}", score) for one, score in scores.items()}
    assert "the story ends well" in told.splitlines()[-1]


def test_heads_predictions_and_logs_stay_on_the_nodes(told: str) -> None:
    rows = [line.split() for line in told[told.index("outputs of all results") :].splitlines()]
    counted = {row[0]: row[1:] for row in rows if len(row) > 1}
    only_stayed = {"head": "6", "local": "6", "pred": "5", "predictions": "5"}
    assert {name: counted[name] for name in only_stayed} == {name: [number] for name, number in only_stayed.items()}
    assert re.search(r"^head {20,}6$", told, re.MULTILINE), "under 'stayed there'"
    assert counted["perf.json"] == ["10"]
    assert re.search(r"^together .* \+0\.000000$", told, re.MULTILINE)
