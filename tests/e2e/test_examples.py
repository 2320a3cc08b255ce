"""Every program of the examples and templates runs in its container, in every stage that it advertises."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.creator.local_run import LocalResult, run_locally
from node_runtime.creator.templates import TASK, TEMPLATES, TemplateName, write_template
from node_runtime.domain.assets import AssetKind
from node_runtime.spec.read import SpecFile, read_specs
from tests.docker_engine import DockerHost
from tests.e2e.test_federation_tensorflow import DOCUMENTS
from tests.examples import CHECKOUT, copy_examples
from tests.local_bench import open_local_bench

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]

PROGRAMS = (AssetKind.ALGO, AssetKind.METRIC, AssetKind.BUNDLE, AssetKind.FUNCTION)
COMPOSITE = "substra/composite/sandbox/plan.yaml"
COMPOSITE_FUNCTIONS = "substra/composite/functions/plan.yaml"
# run by test_story_substra.py: their samples are private
TABULAR = [
    f"substra/tabular/{layout}/{name}.yaml" for layout in ("sandbox", "functions") for name in ("objective", "plan")
]
OTHERS = ("noop/train.yaml", "stories/annotation/annotate.yaml")
_ADVERTISED = re.compile(r"^ +algo\.py (train|predict|aggregate)\b", re.MULTILINE)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_examples(tmp_path_factory.mktemp("checkout"))


def run(file: Path, docker_engine: DockerHost, folder: Path) -> dict[str, LocalResult]:
    with open_local_bench(docker_engine, folder) as bench:
        return {result.name: result for result in run_locally(read_specs(file), bench)}


def stages(results: Iterable[LocalResult]) -> set[str]:
    return {stage for result in results for stage, _ in result.seconds}


def programs(file: SpecFile, root: Path) -> set[Path]:
    """Return the folders below `root` whose code the file's tasks run."""
    named = [one.source for entry in file.entries for one in entry.spec.assets() if one.kind in PROGRAMS]
    return {path.relative_to(root) for path in named if isinstance(path, Path) and path.is_relative_to(root)}


def test_every_program_of_the_examples_is_in_a_file_that_a_test_runs(assets: Path) -> None:
    there = {one.parent.relative_to(assets) for name in ("Dockerfile", "start_task.sh") for one in assets.rglob(name)}
    by_tensorflow = assets / "tensorflow.yaml"
    made = "---\n".join(DOCUMENTS).replace(str(CHECKOUT), str(assets.parent))
    by_tensorflow.write_text(made.replace("[shards/", "[stories/model-update/shards/"))
    run_here = ("digits/aggregate.yaml", COMPOSITE, COMPOSITE_FUNCTIONS, *OTHERS, by_tensorflow.name)
    files = [read_specs(assets / name) for name in (*run_here, *TABULAR)]
    assert set[Path]().union(*(programs(file, assets) for file in files)) == there


def test_a_composite_learns_in_three_rounds_of_two_nodes(
    assets: Path, docker_engine: DockerHost, tmp_path: Path
) -> None:
    results = run(assets / COMPOSITE, docker_engine, tmp_path)
    assert stages(results.values()) == {"train", "aggregate", "predict", "metrics"}
    for name in ("one-score", "two-score"):
        perf = results[name].perf
        assert perf is not None
        assert perf.numbers[0].value > Decimal("0.9")


def test_the_digits_are_trained_predicted_measured_and_averaged(
    assets: Path, docker_engine: DockerHost, tmp_path: Path
) -> None:
    results = run(assets / "digits/aggregate.yaml", docker_engine, tmp_path)
    advertised = set(_ADVERTISED.findall((assets / "digits/algo/algo.py").read_text()))
    assert stages(results.values()) == advertised | {"metrics"} == {"train", "predict", "aggregate", "metrics"}
    perf = results["digits-mean-score"].perf
    assert perf is not None
    assert perf.score > 0.9


def test_the_digits_are_scored_as_each_file_says(assets: Path, docker_engine: DockerHost, tmp_path: Path) -> None:
    """The files that name a task or an objective on chain are run with that in the same file."""
    digits = assets / "digits"
    objective, train, score = ((digits / f"{name}.yaml").read_text() for name in ("objective", "train", "score"))
    one = digits / "all.yaml"
    one.write_text("---\n".join((objective, train, score.replace("{task: 1}", "{task: digits-train}"))))
    for number, file in enumerate((one, digits / "train-and-score.yaml")):
        (tmp_path / str(number)).mkdir()
        perf = run(file, docker_engine, tmp_path / str(number))["digits-score"].perf
        assert perf is not None
        assert perf.score > 0.9


def test_the_composite_of_functions_learns_the_same(assets: Path, docker_engine: DockerHost, tmp_path: Path) -> None:
    results = run(assets / COMPOSITE_FUNCTIONS, docker_engine, tmp_path)
    for name in ("one-score", "two-score"):
        perf = results[name].perf
        assert perf is not None
        assert [one.name for one in perf.numbers] == ["accuracy"]
        assert perf.numbers[0].value > Decimal("0.9")


@pytest.mark.parametrize("name", OTHERS)
def test_an_example_runs(name: str, assets: Path, docker_engine: DockerHost, tmp_path: Path) -> None:
    assert stages(run(assets / name, docker_engine, tmp_path).values()) <= {"train", "work"}


@pytest.mark.parametrize("name", TemplateName)
def test_a_template_runs_as_it_is(name: TemplateName, docker_engine: DockerHost, tmp_path: Path) -> None:
    write_template(name, tmp_path / "task")
    for result in run(tmp_path / "task" / TASK, docker_engine, tmp_path).values():
        assert result.perf is None or result.perf.score > 0.5  # of three species


def test_the_templates_algo_does_all_that_it_advertises(docker_engine: DockerHost, tmp_path: Path) -> None:
    write_template(TemplateName.TRAINING, tmp_path / "task")
    iris = TEMPLATES / "iris"
    train = "kind: training\nname: {name}\nalgo: {iris}/algo\nopener: {iris}/opener.py\ndata: [{iris}/data/{data}]\n"
    common = "reward: 1\nlimits: {cpus: 1, memory: 256MiB, outputs: 8MiB}\n"
    documents = [
        *(train.format(name=f"a-{data}", iris=iris, data=data) + common for data in ("train-0", "train-1")),
        f"kind: aggregation\nname: mean\nalgo: {iris}/algo\nopener: {iris}/opener.py\n"
        f"models: [{{task: a-train-0}}, {{task: a-train-1}}]\n{common}",
        f"kind: scoring\nname: score\nmodel: {{task: mean}}\nalgo: {iris}/algo\nopener: {iris}/opener.py\n"
        f"data: [{iris}/data/train-2]\nmetrics: {iris}/metric\n{common}",
    ]
    (tmp_path / "all.yaml").write_text("---\n".join(documents))
    results = run(tmp_path / "all.yaml", docker_engine, tmp_path)
    assert stages(results.values()) - {"metrics"} == set(_ADVERTISED.findall((iris / "algo/algo.py").read_text()))
    perf = results["score"].perf
    assert perf is not None
    assert perf.score > 0.8
