"""What depends on an image's own configuration: places below its working directory, its USER, its ENTRYPOINT."""

from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.engines.docker.engine import TASK_USER
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.ports.engine import ContainerSpec, Mount
from tests.contract.engine_images import built, source
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker

GROUP = 1001
ADDED = "RUN groupadd --gid 1001 user && useradd --uid 1001 --gid 1001 user"


def image(world: EngineWorld, *lines: str) -> str:
    return built(world, source(world, "\n".join((f"FROM {world.host.base_image}", *lines))))[0]


def said(world: EngineWorld, spec: ContainerSpec) -> str:
    run = world.run(spec)
    assert run.failure is None, (run, spec.log.read_text())
    return spec.log.read_text()


def laid_out(world: EngineWorld, script: str, of: str) -> ContainerSpec:
    """A container with an empty folder and scratch space below its image's working directory."""
    (empty := world.folder / "empty").mkdir(exist_ok=True)
    mounts = (Mount(source=empty, target="data"),)
    return replace(world.spec(script, image=of, mounts=mounts), scratch_folders=("model",), scratch=MIB)


@pytest.mark.parametrize(("line", "place"), [("WORKDIR /work/here", "/work/here"), ("WORKDIR /", "")])
def test_relative_targets_are_below_the_working_directory(line: str, place: str, engine_world: EngineWorld) -> None:
    script = "pwd; ls data; touch model/x && ls $PWD/model; touch data/x 2>/dev/null || echo read-only"
    spec = laid_out(engine_world, f"{script}; mkdir other 2>/dev/null || echo root too", image(engine_world, line))
    assert said(engine_world, spec).split("\n") == [place or "/", "x", "read-only", "root too", ""]


@pytest.mark.parametrize(
    ("step", "script", "output"),
    [
        ("mkdir -p /app/model && echo package > /app/model/__init__.py", "cat model/*; ls data", "package\n"),
        (
            "mkdir /app && echo file > /app/data && ln -s nowhere /app/model",
            "cat data; readlink model",
            "file\nnowhere\n",
        ),
    ],
    ids=["folder", "file and link"],
)
def test_what_the_image_has_there_itself_stays(step: str, script: str, output: str, engine_world: EngineWorld) -> None:
    of = image(engine_world, f"RUN {step}", "WORKDIR /app")
    assert said(engine_world, laid_out(engine_world, script, of)) == output


def test_a_working_directory_where_nothing_can_be_is_the_images_fault(engine_world: EngineWorld) -> None:
    run = engine_world.run(laid_out(engine_world, "true", image(engine_world, "WORKDIR /proc/self")))
    assert run.failure is FailureCategory.IMAGE_UNFIT


def grouped(world: EngineWorld, of: str, written: Path) -> ContainerSpec:
    mounts = (Mount(source=written, target="/out", quota=MIB),)
    return replace(world.spec("id -u; id -g; id -G; touch /out/x", image=of, mounts=mounts), group=GROUP)


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        ("", TASK_USER[0]),
        ("USER 4321", TASK_USER[0]),
        ("USER nobody", TASK_USER[0]),
        ("USER 1001", GROUP),
        ("USER 1001:0", GROUP),
        (f"{ADDED}\nUSER user", GROUP),
        (f"{ADDED}\nUSER user:user", GROUP),
        (f"{ADDED}\nUSER absent", TASK_USER[0]),
        (f"{ADDED} && mv /etc/passwd /etc/other && ln -s other /etc/passwd\nUSER user", TASK_USER[0]),
    ],
)
def test_the_uid_is_the_slots_unless_the_images_user_is_the_group(
    line: str, uid: int, engine_world: EngineWorld
) -> None:
    out = engine_world.writable("out", MIB)
    spec = grouped(engine_world, image(engine_world, line) if line else engine_world.image, out)
    assert said(engine_world, spec).split() == [str(uid), str(GROUP), str(GROUP)]
    assert (out / "x").stat().st_uid == uid


def test_a_folder_of_the_images_user_is_open_to_its_program(engine_world: EngineWorld) -> None:
    """As adduser makes it for the working directory of Substra's own images: closed to others."""
    home = "RUN mkdir -m 700 /home/user && echo kept > /home/user/file && chown -R user:user /home/user"
    of = image(engine_world, ADDED, home, "WORKDIR /home/user", "USER user")
    spec = replace(engine_world.spec("cat file", image=of), group=GROUP)
    assert said(engine_world, spec) == "kept\n"


def test_an_image_without_a_group_has_the_slots_user(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("id -u; id -g", image=image(engine_world, "USER 1001:1001"))
    assert said(engine_world, spec).split() == list(map(str, TASK_USER))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('CMD ["sh"]', "has no ENTRYPOINT"),
        ("ENTRYPOINT []", "has no ENTRYPOINT"),
        ("ENTRYPOINT echo told", "has ENTRYPOINT in shell form"),
    ],
)
def test_an_image_that_takes_no_arguments_is_unfit(line: str, reason: str, engine_world: EngineWorld) -> None:
    what = replace(source(engine_world, f"FROM {engine_world.host.base_image}\n{line}"), exec_form=True)
    with pytest.raises(TaskFailed, match=reason) as failed:
        engine_world.engine.image(what, log=print)
    assert failed.value.category is FailureCategory.IMAGE_UNFIT
    assert 'ENTRYPOINT ["' in failed.value.remedy
    assert engine_world.engine.image(replace(what, exec_form=False), log=print)


def test_an_exec_form_gets_the_arguments_and_a_user_that_is_kept_is_logged(engine_world: EngineWorld) -> None:
    lines = (f"FROM {engine_world.host.base_image}", 'ENTRYPOINT ["echo", "told"]', "CMD lost", "USER 1001")
    what = replace(source(engine_world, "\n".join(lines)), exec_form=True)
    of, messages = built(engine_world, what)
    assert any(message.startswith("its USER is 1001: ") for message in messages)
    named = (lines[0], ADDED, lines[1], "USER user")
    _, messages = built(engine_world, replace(source(engine_world, "\n".join(named)), exec_form=True))
    assert any(message.startswith("its USER is user, which has the uid 1001: ") for message in messages)
    spec = replace(engine_world.spec("", image=of), entrypoint=None, arguments=("@/file",))
    assert said(engine_world, spec) == "told @/file\n"
