"""What does a strategy stand on while it judges? A person at a terminal, a callable, or a script in its sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.creator.script import script_room
from node_runtime.creator.strategies import (
    AutoAccept,
    CustomAccept,
    Judge,
    ManualAccept,
    Received,
    Strategy,
    Undecided,
    Verdict,
    call_validator,
)
from node_runtime.ports import Say


@contextmanager
def open_judge(strategy: Strategy, *, ask: Judge, say: Say) -> Iterator[Judge]:
    """The judge that a strategy means, for as long as it is needed: a script's image is made once for all results.

    ``ask`` asks the person at the terminal. Raises `InputError` for a script that isn't there, `TaskFailed` when its
    image can't be made, and `HostError` without a Docker Engine.
    """
    match strategy:
        case AutoAccept():
            yield _auto
        case ManualAccept():
            yield _manual(strategy, ask)
        case CustomAccept(validator=Path() | str() as script):
            with _open_script(Path(script).expanduser(), strategy, say) as judge:
                yield judge
        case CustomAccept(validator=validator):
            assert callable(validator)
            yield lambda received: call_validator(validator, received.folder, timeout=strategy.timeout)


def _auto(received: Received) -> Verdict:
    if received.mistakes:
        raise Undecided(f"it is not what the task asks for: {received.mistakes}")
    return Verdict(accept=True)


def _manual(strategy: ManualAccept, ask: Judge) -> Judge:
    def judge(received: Received) -> Verdict | None:
        if received.submission.id in strategy.accept:
            return Verdict(accept=True)
        return (strategy.ask or ask)(received)

    return judge


@contextmanager
def _open_script(script: Path, strategy: CustomAccept, say: Say) -> Iterator[Judge]:
    from node_runtime.containers.own_room import own_room  # slow to import, and rarely needed

    with (
        own_room("validate", say=say) as own,
        script_room(script, strategy, own.engine, node=own.name, work=own.folder, say=say) as room,
    ):
        yield room.judge
