"""The example bundles create, restructure, train and federate a Keras model in their containers."""

import importlib.util
import threading
from pathlib import Path

import pytest

from node_runtime.creator.local_run import Bench, LocalResult, run_locally
from node_runtime.federation.fedavg import federate
from node_runtime.federation.model_folder import ModelRefused, read_info, read_weights
from node_runtime.runner.workspace import Workspaces
from node_runtime.spec.read import read_specs
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore
from tests.docker_engine import DockerHost

CHECKOUT = Path(__file__).parents[2]
ASSETS = CHECKOUT / "assets"
LIMITS = "reward: 1\nlimits: {cpus: 1, memory: 2GiB, timeout: 10m, outputs: 64MiB}\n"

# the image with TensorFlow takes minutes to build
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]


def bundle(name: str, kind: str, folder: str, shard: str, *models: str) -> str:
    named = f"models: [{', '.join(f'{{task: {model}}}' for model in models)}]\n" if models else ""
    return (
        f"kind: {kind}\nname: {name}\nbundle: {ASSETS / folder}\nalgo: {CHECKOUT / 'images/tensorflow'}\n"
        f"data: [shards/{shard}]\nobjectives: [digits]\n{named}{LIMITS}"
    )


def score(model: str) -> str:
    algo = ASSETS / "model_scoring"
    return f"kind: scoring\nname: {model}-score\nobjective: digits\nmodel: {{task: {model}}}\nalgo: {algo}\n{LIMITS}"


OBJECTIVE = (
    f"kind: objective\nname: digits\nmetric: {ASSETS / 'digits/metric'}\nopener: {ASSETS / 'digits/opener.py'}\n"
    "samples: [shards/test]\n"
)
DOCUMENTS = (
    OBJECTIVE,
    bundle("first", "training", "model_creator", "start"),
    bundle("engineer", "restructuring", "model_engineer", "start", "first"),
    bundle("one", "training", "model_contributor", "1", "engineer"),
    bundle("two", "training", "model_contributor", "2", "engineer"),
    f"kind: aggregation\nname: both\nmodels: [{{task: one}}, {{task: two}}]\nobjectives: [digits]\n{LIMITS}",
    *(score(model) for model in ("first", "one", "two", "both")),
)


def make_shards(folder: Path) -> None:
    script = ASSETS / "stories/model-update/make_shards.py"
    spec = importlib.util.spec_from_file_location("make_shards", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_shards(folder)


def run(folder: Path, docker_engine: DockerHost) -> dict[str, LocalResult]:
    make_shards(folder / "shards")
    (folder / "task.yaml").write_text("---\n".join(DOCUMENTS))
    node = f"test-{threading.get_native_id()}"
    with docker_engine.engine(node=node, work=folder / "work", build=True) as engine:
        bench = Bench(
            engine=engine,
            workspaces=Workspaces(folder / "attempts", engine=engine, node=node),
            store=LocalStore(folder / "store"),
            cache=Cache(folder / "cache", limit=1 << 30),
            target=folder / "runs",
            say=print,
        )
        results = run_locally(read_specs(folder / "task.yaml"), bench)
        bench.cache.close()
    return {result.name: result for result in results}


def test_two_contributors_make_a_better_model_together_than_each_alone(
    tmp_path: Path, docker_engine: DockerHost
) -> None:
    results = run(tmp_path, docker_engine)
    accuracy = {name: result.perf.score for name, result in results.items() if result.perf is not None}
    assert accuracy["both-score"] > max(accuracy["one-score"], accuracy["two-score"]) > accuracy["first-score"]

    models = {
        name: next((results[name].folder / "model").iterdir()) for name in ("first", "engineer", "one", "two", "both")
    }
    assert models["engineer"].name.startswith("digits_5")
    assert read_info(models["both"]).samples == read_info(models["one"]).samples + read_info(models["two"]).samples
    with pytest.raises(ModelRefused, match=r"engineer: structure\.json: layer hidden: units is 64, but 16 in first"):
        federate({name: models[name] for name in ("first", "engineer")})
    assert set(read_weights(models["one"])) == {
        f"{layer}/{variable}" for layer in ("hidden", "deeper", "digit") for variable in ("0_kernel", "1_bias")
    }
