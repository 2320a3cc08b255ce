"""The finding of `doctor` on process limits of image builds."""

from contextlib import nullcontext

import pytest

from node_runtime.cli import doctor
from node_runtime.ports.engine import Confinement


class Engine:
    """An engine that limits the processes of builds, or reports an obstacle."""

    def __init__(self, obstacle: str) -> None:
        self._obstacle = obstacle

    def confinement(self) -> Confinement:
        return Confinement(quotas="mounted", build_obstacle=self._obstacle, user=(1, 1), user_per_slot=True)


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        ("", "processes of image builds limited"),
        ("this user may make no cgroup", "not limited (this user may make no cgroup; see `sandbox.build_cgroup`"),
    ],
)
def test_the_finding_states_whether_the_processes_of_builds_are_limited(
    monkeypatch: pytest.MonkeyPatch, obstacle: str, told: str
) -> None:
    monkeypatch.setattr(doctor, "_trial_engine", lambda *_: nullcontext(Engine(obstacle)))
    assert told in doctor._sandbox(()).seen
