"""A validation script in the sandbox, which reads a result and writes a verdict.

The container has no network. ``/validator`` holds the script's folder and ``/result`` the result, both read-only. It
runs ``validate.py`` or ``validate.sh`` and writes ``/verdict/verdict.json``: ``{"accept": bool, "reason": str}``.
"""

import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.creator.bundle_image import environment_of
from node_runtime.creator.log_files import last_lines
from node_runtime.errors import InputError
from node_runtime.platform.files import host_errors
from node_runtime.platform.printable import Say
from node_runtime.ports.engine import ContainerEngine, ContainerSpec, ImageSource, Mount
from node_runtime.runner.untrusted import read_json
from node_runtime.stores.tree.folders import remove_tree
from node_runtime.stores.tree.walk import manifest_of

from .strategies import CustomAccept, Received, Undecided, Verdict, verdict_of

FILE_NAME = "verdict.json"
PROGRAMS = {"validate.py": "python3", "validate.sh": "/bin/sh"}
MAX_BYTES = 1 << 16
QUOTA = 16 << 20  # bytes of the folder of its verdict


class _VerdictFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    accept: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ScriptSandbox:
    """A sandbox for one script. ``image`` is the id of its image, ``work`` its scratch folder."""

    engine: ContainerEngine
    image: str
    node: str
    folder: Path
    program: str
    work: Path
    timeout: float
    memory: int

    def judge(self, received: Received) -> Verdict:
        """Run the script on one result. Raises `Undecided` unless it exits with 0 and writes a valid verdict."""
        name = f"{self.node}-submission-{received.submission.id}"
        written = self.work / name
        self.engine.open_folder(written, quota=QUOTA)
        _let_containers_read(received.folder)
        try:
            run = self.engine.run(self._container(name, written, received), stop=threading.Event())
            if run.failure is not None:
                printed = " | ".join(last_lines(self._log(name)))
                told = f"{run.message}; it printed: {printed}" if printed else run.message
                raise Undecided(f"the validator's script: {told}")
            return read_verdict(written / FILE_NAME)
        finally:
            self.engine.remove(name)
            self.engine.close_folder(written)

    def _container(self, name: str, written: Path, received: Received) -> ContainerSpec:
        return ContainerSpec(
            name=name,
            labels=(("task", str(received.task.id)), ("submission", str(received.submission.id))),
            image=self.image,
            entrypoint=(PROGRAMS[self.program], f"/validator/{self.program}"),
            environment=(
                ("HOME", "/tmp"),
                ("TASK_ID", str(received.task.id)),
                ("SUBMISSION_ID", str(received.submission.id)),
                ("CONTRIBUTOR_ID", received.submission.worker),
            ),
            mounts=(
                Mount(source=self.folder, target="/validator"),
                Mount(source=received.folder, target="/result"),
                Mount(source=written, target="/verdict", quota=QUOTA),
            ),
            cpus=1.0,
            memory=self.memory,
            timeout=self.timeout,
            log=self._log(name),
        )

    def _log(self, name: str) -> Path:
        return self.work / f"{name}.log"


@contextmanager
def open_script_sandbox(
    script: Path, strategy: CustomAccept, engine: ContainerEngine, *, node: str, work: Path, say: Say
) -> Iterator[ScriptSandbox]:
    """Build the script's image. ``script`` is a file, or a folder with ``validate.py`` or ``validate.sh``.

    The image is built from the folder's Dockerfile, else from its ``requirements.txt`` and ``setup.sh``. Raises
    `InputError`, and `TaskFailed` image_unavailable.
    """
    with ExitStack() as stack:
        folder = work / "validator"
        stack.callback(remove_tree, folder)
        with host_errors(work):
            program = _copied(script, folder)
            _let_containers_read(folder)
        environment = folder if (folder / "Dockerfile").is_file() else stack.enter_context(environment_of(folder))
        say("making the validator's image ready")
        source = ImageSource(folder=environment, digest=manifest_of(environment).digest)
        image = engine.image(source, log=lambda _: None).id
        yield ScriptSandbox(
            engine=engine,
            image=image,
            node=node,
            folder=folder,
            program=program,
            work=work,
            timeout=strategy.timeout,
            memory=strategy.memory,
        )


def _copied(script: Path, folder: Path) -> str:
    """Copy the script to the folder that is mounted; return the name of its program."""
    if script.is_dir():
        program = next((name for name in PROGRAMS if (script / name).is_file()), None)
        if program is None:
            raise InputError(
                f"{script} has neither validate.py nor validate.sh", remedy="call the program that judges so"
            )
        shutil.copytree(script, folder)
        return program
    if not script.is_file():
        raise InputError(f"{script}: there is no such script", remedy="name a file, or a folder with validate.py in it")
    program = "validate.py" if script.suffix == ".py" else "validate.sh"
    folder.mkdir()
    shutil.copyfile(script, folder / program)
    return program


def _let_containers_read(folder: Path) -> None:
    """Make the tree world-readable regardless of the umask: containers run as another uid."""
    for place, _, files in os.walk(folder):
        Path(place).chmod(0o755)
        for name in files:
            path = Path(place, name)
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o444)


def read_verdict(path: Path) -> Verdict:
    """Return the verdict in an untrusted script's verdict.json. Raises `Undecided` unless it is valid."""
    if not os.path.lexists(path):
        raise Undecided(f"the validator's script ended well but left no {FILE_NAME}", remedy=_FORM)
    try:
        found = _VerdictFile.model_validate_json(json.dumps(read_json(path, most_bytes=MAX_BYTES)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or FILE_NAME
        raise Undecided(f"the validator's {FILE_NAME}: {place[:80]}: {first['msg']}", remedy=_FORM) from error
    except ValueError as error:
        raise Undecided(f"the validator's {FILE_NAME}: {error}", remedy=_FORM) from error
    return verdict_of(Verdict(accept=found.accept, reason=found.reason))


_FORM = 'let it write {"accept": true, "reason": ""} to /verdict/verdict.json'
