"""A person at one machine who works on a task by `work`: the real use case over in-memory store, engine and chain.

Each command is one process, as in `Room`; a crash of one leaves its own files as an exit at that call does.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from node_runtime.contributor import interactive
from node_runtime.contributor.assign import Assigned, assign
from node_runtime.contributor.interactive import open_workbench, stopped_by_hangup
from node_runtime.contributor.send import send_result
from node_runtime.contributor.work import Seat, Worked, work
from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import FILE_NAME, Image, Limits
from node_runtime.domain.task import Spec, TaskId
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside
from node_runtime.errors import NodeRuntimeError
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.engine import ContainerEngine
from tests.unit.worker.faults_room import MIB, Crash, Fault, Faulty, Process, Rest, Room, state_of

MAX_FAILURES = 3  # commands that may fail before one has to succeed


@dataclass(kw_only=True)
class PersonRoom(Room):
    """A bundle task that is worked on at a terminal."""

    patches: pytest.MonkeyPatch

    def bundle_task(self) -> TaskId:
        """Create a training task with a bundle, assigned to this person."""

        def program(inside: Inside) -> int:
            self.runs.append(inside.spec.name)
            inside.say("working")
            (written,) = [mount.source for mount in inside.spec.mounts if mount.quota is not None]
            (written / "outputs" / "model").write_text("trained\n")
            return 0

        (self.folder / "bundle").mkdir()
        (self.folder / "bundle" / "start_task.sh").write_text(f"# of {self.folder}\n")
        algo = self._asset(AssetKind.ALGO, "algo")
        stored = self.store.put(self.folder / "bundle")
        bundle = replace(algo, kind=AssetKind.BUNDLE, ref=replace(algo.ref, digest=stored))
        sample = self._asset(AssetKind.DATA_SAMPLE, "sample")
        self.host.add(f"memory:{algo.ref.digest}", program, source=algo.ref.digest)
        self.creator.register_assets([algo, bundle, sample])
        document = TrainingDocument(
            name="training",
            algo=Image(source=str(algo.ref)),
            layout="bundle",
            bundle=str(bundle.ref),
            data=(str(sample.ref),),
            limits=Limits(cpus=0.1, memory=16 * MIB, timeout=600, outputs=MIB),
        )
        (self.folder / FILE_NAME).write_bytes(document.encode())
        digest = self.store.put(self.folder / FILE_NAME)
        assets = (algo.ref, bundle.ref, sample.ref)
        spec = Spec(digest=digest, uri="memory:", assets=assets, models=(), parents=(), objectives=())
        return self.creator.create_task(self._terms(window=0), spec)

    def work_through(self, task: TaskId, fault: Fault) -> Rest:
        """Run `work` with the fault, then again until it ends well; send the outputs."""
        chain = self.network.connect(self.key)
        assigned = assign(chain, self.store, task, into=self.folder / "task")
        for planned in (fault, *(None,) * MAX_FAILURES):
            with suppress(NodeRuntimeError, Crash, RuntimeError):
                worked = self._work(assigned, planned)
                if worked.failure is None:
                    break
        else:
            raise AssertionError("the work is not done by commands without a fault")
        send_result(chain, self.store, task, assigned.folder / "outputs", witnessed=worked.witnessed)
        rest = self._person_rest(task)
        return rest if fault.happened else replace(rest, ends="not called")

    def _work(self, assigned: Assigned, fault: Fault | None) -> Worked:
        process = Process(fault=fault)
        chain: Any = Faulty("chain", self.network.connect(self.key), process)
        store: Any = Faulty("store", self.store, process)
        self._use_memory(process)
        with self._terminal(), stopped_by_hangup() as stop, open_workbench(assigned, store, say=_ignore) as bench:
            return work(assigned, bench, chain, stop=stop)

    def _use_memory(self, process: Process) -> None:
        """Let the commands of this process have the machine's engine in memory, also to end what killed ones left."""

        @contextmanager
        def engine(_folder: Path, *, node: str, **_say: object) -> Iterator[ContainerEngine]:
            with closing(open_engine(MemorySettings(host=self.host, node=node))) as opened:
                faulty: Any = Faulty("engine", opened, process)
                yield faulty

        def end(name: str, folder: Path, **_engine: str) -> bool:
            with engine(folder, node=name) as opened:
                for container in opened.list():
                    opened.remove(container.name)
            return True

        self.patches.setattr(interactive, "own_engine", engine)
        self.patches.setattr(interactive, "own_engine_url", lambda: "memory:")
        self.patches.setattr(interactive, "end_left_over", end)

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        with (self.folder / "screen").open("wb") as screen, Path(os.devnull).open("rb") as keyboard:
            at = Seat(keyboard=keyboard.fileno(), screen=screen.fileno())
            self.patches.setattr(interactive, "seat", lambda: at)
            yield

    def _person_rest(self, task: TaskId) -> Rest:
        assignment = self.creator.assignment(self.account, task)
        assert assignment is not None
        assert self.host.containers == {}
        assert list((self.folder / "home" / "work").iterdir()) == []
        assert (self.folder / "screen").read_text() == "working\n"
        return Rest(
            ends=state_of(assignment),
            runs=len(self.runs),
            submissions=len(self.creator.submissions(task)),
            held=self.creator.balance(assignment.worker).held,
        )


def _ignore(_line: str) -> None:
    return
