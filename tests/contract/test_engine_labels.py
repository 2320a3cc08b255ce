"""A node recognises its own images and containers whatever labels others carry."""

from contextlib import closing

import pytest

from node_runtime.engines.docker.client import connect, image_id, inspect_image
from tests.contract.engine_images import STEP, built, source
from tests.contract.engine_world import EngineWorld

pytestmark = pytest.mark.docker


def test_no_label_of_an_image_hides_its_containers_or_ends_them(engine_world: EngineWorld) -> None:
    label = f"LABEL node-runtime.holder=9 node-runtime.node={engine_world.node}-b"
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    (listed,) = engine_world.engine.list()
    assert (listed.name, listed.labels) == (spec.name, spec.labels)
    engine_world.restarted().close()
    assert engine_world.engine.list() == (listed,)


OURS = ("node", "holder", "built", "task", "epoch", "stage")


@pytest.mark.parametrize("value", ["", "9", "{another}"])
def test_whatever_labels_an_image_has_its_node_finds_its_container_and_no_other_does(
    engine_world: EngineWorld, value: str
) -> None:
    another = f"{engine_world.node}-b"
    label = "LABEL " + " ".join(f'node-runtime.{name}="{value.format(another=another)}"' for name in OURS)
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    (listed,) = engine_world.engine.list()
    assert listed.name == spec.name
    assert set(spec.labels) <= set(listed.labels)
    with engine_world.host.engine(node=another, work=engine_world.folder / "another") as other:
        assert other.list() == ()
    engine_world.engine.remove(spec.name)
    assert engine_world.engine.list() == ()


@pytest.mark.parametrize("slot", ["", "0", "7"])
def test_a_container_that_only_wears_a_nodes_labels_is_neither_listed_nor_removed(
    engine_world: EngineWorld, slot: str
) -> None:
    label = f'LABEL node-runtime.node={engine_world.node} node-runtime.holder="{slot}" node-runtime.task=1'
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    with closing(connect(engine_world.host.url)) as client:
        stranger = client.create_container(image, "true")["Id"]
        try:
            assert engine_world.engine.list() == ()
            engine_world.restarted().close()
            assert client.inspect_container(stranger)["State"]["Status"] == "created"
        finally:
            client.remove_container(stranger)


def test_pruning_removes_what_this_node_built_and_no_container_uses(engine_world: EngineWorld) -> None:
    used, unused, others = (
        source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP} && echo {engine_world.node} {number}")
        for number in range(3)
    )
    image, _ = built(engine_world, used)
    first, _ = built(engine_world, unused)
    with engine_world.host.engine(node=f"{engine_world.node}-b", work=engine_world.folder / "b", build=True) as other:
        theirs = other.image(others, log=print).id
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    assert engine_world.engine.list()[0].labels == spec.labels
    assert engine_world.engine.prune() == 1
    assert built(engine_world, used) == (image, [])
    assert built(engine_world, others) == (theirs, [])
    assert built(engine_world, unused)[0] != first


def test_pruning_removes_an_image_that_lost_its_tag_to_another_build(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP} && echo {engine_world.node}")
    image, _ = built(engine_world, what)
    with closing(connect(engine_world.host.url)) as client:
        described = inspect_image(client, image)
        assert described is not None
        repository, tag = described["RepoTags"][0].split(":")
        client.tag(engine_world.image, repository, tag, force=True)
        assert engine_world.engine.prune() == 1
        assert image_id(client, image) is None
        assert image_id(client, f"{repository}:{tag}") == engine_world.image
