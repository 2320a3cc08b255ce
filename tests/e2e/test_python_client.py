"""The task file in Python on a real local network: the example for notebooks, waiting, errors."""

import asyncio
import re
import runpy
import threading
from pathlib import Path
from typing import Any

import pytest

from node_runtime import client
from node_runtime.domain.task import TaskId, TaskState
from node_runtime.errors import InputError, NoSuchTask, SpecError
from node_runtime.platform.paths import network_folder
from node_runtime.substrate.keys import create_key
from tests.e2e.function_desk import write_functions

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.usefixtures("local_network", "iris")]

EXAMPLE = Path("examples/notebook.py").absolute()
DOCUMENTATION = Path("docs/python.md").absolute()
LIMITS: dict[str, str] = {"memory": "256MiB", "outputs": "16MiB", "scratch": "64MiB"}


def training(**changed: object) -> client.YamlDocument:
    given: dict[str, object] = {
        "name": "iris",
        "algo": "iris/algo",
        "opener": "iris/opener.py",
        "data": ["iris/data/train-0"],
        "parameters": {"rate": 1},
        "limits": LIMITS,
        "reward": 1,
    }
    return client.Training(**(given | changed))  # type: ignore[arg-type]


def test_the_example_trains_scores_and_fetches_the_best_model(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = runpy.run_path(str(EXAMPLE))
    printed = capsys.readouterr().out
    assert "registered on chain" in printed
    assert re.search(r"^task \d+ score-1: waits for the model of task \d+ train-1$", printed, re.MULTILINE)
    assert re.search(r"^task \d+ score-1: done$", printed, re.MULTILINE)
    assert max(map(len, printed.splitlines())) <= 80
    names = [row["name"] for row in made["rows"]]
    assert names == ["score-0.001", "score-0.03", "score-1"]
    assert made["best"]["name"] == "score-1"
    assert made["best"]["standing"] == "certified"
    assert (iris / "best-model" / "model").exists()
    assert made["plan"]["score-1"].score == made["plan"]["score-1"].result().result.perfs[0].value


def documented(number: int) -> dict[str, Any]:
    """Run an example of the documentation; return its names."""
    names = dict[str, Any]()
    exec(re.findall(r"^```python\n(.*?)^```$", DOCUMENTATION.read_text(), re.DOTALL | re.MULTILINE)[number], names)
    return names


def test_the_documentation_s_example_runs(iris: Path) -> None:
    documented(0)
    assert (iris / "model" / "model").exists()


def test_the_documentation_s_example_of_functions_runs(iris: Path) -> None:
    write_functions(iris)
    names = documented(1)
    further = names["later"]["train-again"]
    model = further.download("model") / "shared" / "shared.model"
    assert float(model.read_text()) == 3 + 3 + 4, "rows of a, and those of a and b in what was merged"
    merged = names["plan"]["merged"].download("merged")
    assert {row["task"] for row in names["plan"].results()} == {task.id for task in names["plan"]}
    assert not (names["plan"]["train-a"].download("dropped") / "shared").exists()
    assert (merged / "shared").exists(), "what is kept stays"


def test_a_task_is_awaited_while_other_coroutines_go_on() -> None:
    async def main(network: client.Client) -> tuple[TaskState, int]:
        (task,) = network.submit(training())
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        beside = asyncio.create_task(others())
        state = await task
        beside.cancel()
        return state, turns

    with client.connect(say=lambda _: None) as network:
        state, turns = asyncio.run(main(network))
    assert state is TaskState.DONE
    assert turns > 1


def test_a_cancelled_await_ends_its_thread() -> None:
    with client.connect(say=lambda _: None) as network:
        (task,) = network.submit(training(limits={"cpus": 256}))

        async def main() -> None:
            await asyncio.wait_for(_finished(task), 0.5)

        before = threading.active_count()
        with pytest.raises(TimeoutError):
            asyncio.run(main())  # ends when the threads of its coroutines have
        assert threading.active_count() == before
        with pytest.raises(client.TimedOut, match=rf"not final after 0.2 s: task {task.id} iris is open"):
            task.wait(timeout=0.2)
        assert any("256 CPUs" in reason or "no node" in reason or "moments ago" in reason for reason in task.why())
        assert task.cancel() is TaskState.CANCELLED
        with pytest.raises(client.NotDone, match=rf"task {task.id} iris is cancelled: it was cancelled at") as lost:
            task.wait()
        assert lost.value.tasks == (task,)


async def _finished(task: client.TaskHandle) -> TaskState:
    return await task


def test_a_task_that_fails_is_told_with_its_log(iris: Path) -> None:
    program = iris / "iris" / "algo" / "algo.py"
    program.write_text("raise SystemExit('no flowers today')\n")
    said: list[str] = []
    with client.connect(say=said.append) as network:
        plan = network.submit(training(max_failures=1))
        with pytest.raises(client.NotDone) as lost:
            plan.wait()
        task = plan["iris"]
        assert lost.value.remedy == f"see client.task({task.id}).logs()"
        assert "no flowers today" in lost.value.message
        assert "node-runtime logs" not in str(lost.value)
        assert any("task_error" in line for line in said)
        assert any("no flowers today" in text for text in task.logs().values())
        assert plan.cancel() == (TaskState.CANCELLED,)


def test_models_of_tasks_on_chain_are_named_by_their_handles() -> None:
    with client.connect(say=lambda _: None) as network:
        (first,) = network.submit(training())
        first.wait()
        (second,) = network.submit(training(name="further", models=[first]))
        second.wait()
        assert [one.id for one in network.tasks(kind="training", state="done")][-2:] == [first.id, second.id]
        spec = second.view.spec
        assert spec is not None
        assert spec.models or spec.parents == (first.id,)


def test_what_the_chain_knows_otherwise_is_told_by_the_argument() -> None:
    with client.connect(say=lambda _: None) as network:
        with pytest.raises(SpecError, match=r"^Training\('iris'\)\.objectives\[0\]: no objective 'nowhere' among"):
            network.submit(training(objectives=["nowhere"]))
        with pytest.raises(NoSuchTask) as missing:
            network.task(999)
        with pytest.raises(NoSuchTask):
            client.TaskHandle(network, TaskId(999), "iris").wait()
        assert str(missing.value) == "there is no task 999 on this chain; see client.tasks() for yours"
        with pytest.raises(InputError, match=r"'don' is no TaskState; did you mean 'done'\?"):
            network.tasks(state="don")


def test_addresses_and_a_keystore_are_named_or_come_from_the_environment(
    local_network: str, iris: Path, password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = create_key(iris / "key.json", password.read_text().strip())
    with client.connect(
        local_network, key=iris / "key.json", storage=network_folder() / "store", password_file=password
    ) as named:
        assert (named.account, named.url, named.tasks()) == (account, local_network, [])
    monkeypatch.setenv("NODE_RUNTIME_KEY", "//Dave")
    with client.connect() as dave, client.connect(key="//Alice") as alice:
        assert dave.account != alice.account
        assert dave.balance().free > 0
