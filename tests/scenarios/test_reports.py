"""Pictures and one-file reports of results, whose names and numbers strangers wrote."""

from base64 import b64decode
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from node_runtime.creator.results import read_result
from node_runtime.domain.task import Kind, Perf, Result, TaskId
from node_runtime.runner.result_document import ResultDocument, StageRun, StepSeconds
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import parsed
from tests.scenarios.test_cross_validation import COMMON, objective_yaml
from tests.scenarios.test_results import stored, worked

HOSTILE = "<script>alert('1')</script>"
PERF = {
    "all": 0.75,
    "f1 <b>": 0.5,
    "confusion_matrix": [[3, 1], [0, 4]],
    "labels": [HOSTILE, "$\\frac{1}{2}$ \x1b[2J"],
    "roc": {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 0.9, 1.0]},
    "learning_curves": {"</svg><img src=x>": [2.0, 1.5, 1.0]},
}
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "table", "tr", "th", "td", "img"}


class Reader(HTMLParser):
    """Notes each tag, and each attribute that could name something elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name not in ("alt", "class", "content", "lang")]


def measured(desk: Desk, perf: dict[str, object]) -> tuple[str, TaskId, int]:
    """Submit an objective, a training and its scoring, both done; return the objective, the scoring and the plan."""
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    submitted = desk.submit(
        f"{objective_yaml(name)}kind: training\nname: first\ndata: [train-0]\nobjectives: [{name}]\n{COMMON}---\n"
        f"kind: scoring\nname: second\nobjective: {name}\nmodel: {{task: first}}\n{COMMON}"
    )
    training, scoring = (task.id for task in submitted.tasks)
    worked(desk, training)
    attempt = desk.worker.assign_task(scoring)
    document = ResultDocument(
        task=scoring,
        epoch=attempt.epoch,
        worker=attempt.worker,
        kind=Kind.SCORING,
        inputs=(),
        stages=(StageRun(name="metrics", image="sha256:0", exit_code=0, seconds=1.5),),
        steps=StepSeconds(inputs=0.25, image=12.0, run=1.5, outputs=0.0),
        perf=perf,  # type: ignore[arg-type]
        outputs={},
        log=stored(desk, "logs", {"metrics.log": ""}),
    )
    digest = stored(desk, "result", {"result.json": document.encode().decode()})
    numbers = (Perf(name="all", value=Decimal("0.75")),)
    desk.worker.send_task_result(scoring, attempt.epoch, Result(digest=digest, outputs=(), uri="cas:", perfs=numbers))
    plan = submitted.plan
    assert plan is not None
    assert read_result(desk.chain.submissions(scoring)[-1], desk.store).trouble == ""
    return name, scoring, plan


def test_a_report_is_one_page_without_scripts_requests_and_strangers_markup(desk: Desk, nrt: Nrt) -> None:
    name, scoring, plan = measured(desk, PERF)
    reports = (("task", scoring, 4, "second"), ("plan", plan, 4, "second"), ("objective", name, 1, "first"))
    for what, number, pictures, told in reports:
        ended = nrt("report", what, str(number), f"{what}.html")
        assert (ended.returncode, ended.stdout) == (0, f"{what}.html is written\n"), ended.stderr
        text = (desk.folder / f"{what}.html").read_text()
        page = Reader(text)
        assert page.tags <= TAGS
        drawn = [one.partition("base64,")[2] for one in page.sources if one.startswith("data:image/svg+xml;base64,")]
        assert len(drawn) == pictures
        assert not [one for one in page.sources if ":" in one and not one.startswith("data:image/svg+xml;base64,")]
        for picture in map(b64decode, drawn):
            tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()}
            assert tags.isdisjoint({"script", "foreignObject", "image", "a"})
            assert HOSTILE.encode() not in picture
        assert "default-src 'none'" in text
        assert told in text
    task = (desk.folder / "task.html").read_text()
    assert "f1 &lt;b&gt; 0.5" in task
    graph = (desk.folder / "plan.html").read_text()
    assert graph.count('<td class="graph">●</td>') == 2
    assert "done: 2 of 2 tasks done, 0 UNIT held, begun " in graph
    assert '<td>all</td><td class="number">0.7500</td>' in graph
    assert "inputs 0.2 s, image 12.0 s, run 1.5 s, outputs 0.0 s" in task


def test_pictures_are_drawn_of_a_leaderboard_and_of_compared_results(desk: Desk, nrt: Nrt) -> None:
    name, scoring, _ = measured(desk, {**PERF, "roc": "none"})
    ended = nrt("objective", "show", name, "--json", "--plot", "board.png")
    assert (ended.returncode, ended.stderr) == (0, "board.png is drawn\n")
    assert parsed(ended)["objective"]["name"] == name
    assert (desk.folder / "board.png").read_bytes().startswith(b"\x89PNG\r\n")
    ended = nrt("compare", str(scoring), "--plot", "results.svg")
    assert ended.returncode == 0
    assert "perf.json: roc can't be drawn: " in ended.stderr
    ElementTree.parse(desk.folder / "results.svg")


def test_pictures_name_what_they_need(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    desk.submit(objective_yaml(name).removesuffix("---\n"))
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "matplotlib.py").write_text("raise ImportError('No module named matplotlib')\n")
    refused = nrt("objective", "show", name, "--plot", "board.png", PYTHONPATH=str(tmp_path / "without"))
    assert refused.returncode == 4
    assert "pip install 'node-runtime[plots]'" in refused.stderr
    refused = nrt("report", "objective", name, "a.html", PYTHONPATH=str(tmp_path / "without"))
    assert "pip install 'node-runtime[plots]'" in refused.stderr
    assert nrt("objective", "show", name, PYTHONPATH=str(tmp_path / "without")).returncode == 0
    for words, told in (
        (("objective", "show", name, "--plot", "board.gif"), "pictures are .png or .svg"),
        (("objective", "show", name, "--plot", "board.png"), "there is nothing to draw yet"),
        (("report", "objective", name, "board.txt"), "a report is an .html file"),
        (("report", "plan", "999999", "plan.html"), "there is no plan 999999"),
        (("objective", "show", "nothing"), "there is no objective nothing among yours"),
    ):
        refused = nrt(*words)
        assert (refused.returncode, told in refused.stderr) == (2, True), refused.stderr
    assert not [path for path in desk.folder.iterdir() if path.suffix in (".png", ".html", ".part")]
