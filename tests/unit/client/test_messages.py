"""Messages in Python name methods, and are broken at 80 columns."""

from pathlib import Path

import pytest

from node_runtime import client
from node_runtime.client.messages import in_python, print_wrapped, translated
from node_runtime.errors import HostError, InputError


@pytest.mark.parametrize(
    ("told", "in_words_of_python"),
    [
        ("see 'node-runtime list' for yours", "see client.tasks() for yours"),
        ("see 'node-runtime show 3' for why", "see client.task(3).why() for why"),
        ("see 'node-runtime show TASK' for how it ended", "see client.task(TASK).why() for how it ended"),
        ("'node-runtime cancel 12 --abort' stops that", "client.task(12).cancel(abort=True) stops that"),
        ("give it up with 'node-runtime cancel 12'", "give it up with client.task(12).cancel()"),
        ("run 'node-runtime fetch 7/3 FOLDER'", "run client.task(7).download('FOLDER', 3)"),
        (
            "then 'node-runtime accept 7/3' or 'node-runtime reject 7/3 --reason ...'",
            "then client.task(7).accept(3) or client.task(7).reject('reason', 3)",
        ),
        ("add --label train or --label test", "add label='train' or label='test'"),
        ("leave --label out for a algo", "leave label out for a algo"),
        ("no task 'a' in this file; name one", "no task 'a' among these documents; name one"),
        ("is cancelled; submit the file without --plan", "is cancelled; submit without plan="),
        ("its opener makes up: --fake N", "its opener makes up: fake=N"),
        ("start one with 'node-runtime up'", "start one with 'node-runtime up'"),
    ],
)
def test_commands_become_the_methods_that_do_the_same(told: str, in_words_of_python: str) -> None:
    assert translated(told) == in_words_of_python


def test_every_failure_is_an_error_with_python_s_remedy(tmp_path: Path) -> None:
    @in_python
    def refuse() -> None:
        raise InputError("there is no task 3", remedy="see 'node-runtime list'")

    @in_python
    def read() -> str:
        return (tmp_path / "missing").read_text()

    with pytest.raises(InputError) as refused:
        refuse()
    assert (str(refused.value), refused.value.args) == (
        "there is no task 3; see client.tasks()",
        ("there is no task 3",),
    )
    with pytest.raises(HostError, match="missing"):
        read()


def test_printed_lines_are_escaped_broken_between_words_and_without_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    print_wrapped(f"stored {tmp_path}/algo \x1b[31m" + " word" * 30)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("stored algo \\x1b[31m")
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)


def test_without_a_network_it_is_said_what_to_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    with pytest.raises(InputError) as missing:
        client.connect(key="//Alice")
    assert str(missing.value) == (
        "no chain and no storage given, and no local network is running; "
        "start one with 'node-runtime up', or name chain, key and storage"
    )
