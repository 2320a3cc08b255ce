"""Algos and metrics as archives: stored as the folder that was packed, refused at their line where they are hostile."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from node_runtime.domain.assets import AssetKind
from tests.scenarios.conftest import Desk, Nrt

TASK = """\
kind: training
name: packed
algo: {algo}
data: [train-0]
reward: 1
"""


ZIPS = {
    "out.zip": {"Dockerfile": "FROM scratch\n", "../evil": "x"},
    "bomb.zip": {"zeros": "0" * (17 << 20)},
    "none.zip": {"algo.py": ""},
    "heredoc.zip": {"Dockerfile": "FROM python:3.11\nRUN <<EOF\nEOF\n"},
    "command.zip": {"Dockerfile": "FROM python:3.11\n"},
    "undeclared.zip": {"Dockerfile": 'FROM scratch\nENTRYPOINT ["/run"]\n'},
    "slip.zip": {"Dockerfile": 'FROM scratch\nENTRYPOINT ["/run"]\n', "function.yaml": "outputs: [{id: a, kind: b}]\n"},
}


def write_zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED) as zipped:
        for path, text in ZIPS[file.name].items():
            zipped.writestr(path, text)


def pack(folder: Path, archive: Path, *, top: str = "") -> None:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, top or ".")


def test_an_archive_and_its_folder_are_one_asset(desk: Desk) -> None:
    (desk.folder / "algo" / ".dockerignore").write_text("notes\n")
    (desk.folder / "algo" / "notes").write_text("mine\n")
    pack(desk.folder / "algo", desk.folder / "algo.tgz")
    shutil.make_archive(str(desk.folder / "algo"), "zip", desk.folder / "algo")
    found = set()
    for name in ("algo", "algo.tgz", "algo.zip"):
        (task,) = desk.submit(TASK.format(algo=name)).tasks
        spec = desk.chain.spec(task.id)
        assert spec is not None
        found |= {ref for ref in spec.assets if desk.chain.asset(ref).kind is AssetKind.ALGO}  # type: ignore[union-attr]
    assert len(found) == 1
    desk.store.fetch(found.pop().digest, desk.folder / "fetched")
    assert {one.name for one in (desk.folder / "fetched").iterdir()} == {".dockerignore", "Dockerfile"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("out.zip", "out.zip can't be unpacked: ../evil leads out of the archive by '..'; pack the folder's content "
                    "alone"),
        ("bomb.zip", "bomb.zip can't be unpacked: the files up to zeros claim more than 16 MiB in all, too much for an "
                     "archive of this size; leave out what the image doesn't need"),
        ("text.zip", "text.zip is a file; name a folder with a Dockerfile, or a zip, tar or tar.gz of one"),
        ("deep.tgz", "deep.tgz has no Dockerfile at its top, but in algo/; pack that folder's content alone"),
        ("none.zip", "none.zip has no Dockerfile; put one into the folder"),
        ("heredoc.zip", "heredoc.zip/Dockerfile: line 2: a heredoc needs BuildKit, which nodes don't build with: write "
                        "`RUN a && b`, or a script"),
        ("command.zip", "command.zip/Dockerfile: line 1: there is no ENTRYPOINT, and an algo is called with arguments; "
                        'write e.g. ENTRYPOINT ["python", "/algo.py"]'),
    ],
)  # fmt: skip
def test_an_archive_that_is_no_image_is_refused_at_its_line(desk: Desk, nrt: Nrt, name: str, told: str) -> None:
    if name in ZIPS:
        write_zip(desk.folder / name)
    elif name == "deep.tgz":
        pack(desk.folder / "algo", desk.folder / name, top="algo")
    else:
        (desk.folder / name).write_text("no archive\n")
    (desk.folder / "task.yaml").write_text(TASK.format(algo=name))
    checked = nrt("check", "task.yaml")
    assert checked.returncode == 2
    place = "task.yaml:3:7: " + "algo: " * (name != "command.zip")
    assert checked.stderr.replace(f"{desk.folder}/", "") == f"error: {place}{told}\n"
    if name != "command.zip":
        added = nrt("asset", "add", name, "--kind", "algo")
        assert (added.returncode, told in added.stderr.replace(f"{desk.folder}/", "")) == (2, True)
    assert not (desk.folder.parent / "evil").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("out.zip", "out.zip can't be unpacked: ../evil leads out of the archive by '..'; pack the folder's content "
                    "alone"),
        ("bomb.zip", "bomb.zip can't be unpacked: the files up to zeros claim more than 16 MiB in all, too much for an "
                     "archive of this size; leave out what the image doesn't need"),
        ("text.zip", "text.zip is a file; name a folder with a Dockerfile, or a zip, tar or tar.gz of one"),
        ("undeclared.zip", "undeclared.zip has no function.yaml; declare the function's inputs and outputs in it"),
        ("slip.zip", "slip.zip/function.yaml:1:25: outputs[0].kind: must be 'model' or 'performance', not 'b'"),
    ],
)  # fmt: skip
def test_a_functions_archive_is_refused_at_its_line(desk: Desk, nrt: Nrt, name: str, told: str) -> None:
    if name in ZIPS:
        write_zip(desk.folder / name)
    else:
        (desk.folder / name).write_text("no archive\n")
    (desk.folder / "task.yaml").write_text(f"kind: function\nname: packed\nfunction: {name}\nreward: 1\n")
    checked = nrt("check", "task.yaml")
    assert (checked.returncode, checked.stderr.replace(f"{desk.folder}/", "")) == (
        2,
        f"error: task.yaml:3:11: function: {told}\n",
    )
    added = nrt("asset", "add", name, "--kind", "function")
    assert (added.returncode, told in added.stderr.replace(f"{desk.folder}/", "")) == (2, True)
    assert not (desk.folder.parent / "evil").exists()


def test_a_function_and_its_archive_are_one_asset(desk: Desk) -> None:
    function = desk.folder / "function-that-scores"
    pack(function, desk.folder / "packed.tgz")
    task = "kind: function\nname: packed\nfunction: {}\nopener: opener.py\ndata: [train-0]\n"
    task += "inputs: {{predictions: model.bin}}\nreward: 1\n"
    found = set()
    for name in (function.name, "packed.tgz"):
        (made,) = desk.submit(task.format(name)).tasks
        spec = desk.chain.spec(made.id)
        assert spec is not None
        found |= {ref for ref in spec.assets if desk.chain.asset(ref).kind is AssetKind.FUNCTION}  # type: ignore[union-attr]
    assert len(found) == 1
