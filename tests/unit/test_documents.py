"""Paths named in the contributors' documents exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
PLACE = re.compile(r"`((?:node_runtime|images|assets|tests|docs)/[\w./-]+)`")
READMES = [*DOCUMENTS, *ROOT.glob("assets/**/README.md"), *ROOT.glob("images/*/README.md")]
# what a command writes: its name and arguments, then the place
WRITES = re.compile(r"node-runtime (?:new \w+|fetch \d+|init|.* --into|.* --out) ([a-z][\w./-]*)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    assert [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()] == []


def test_the_map_names_folders_that_are_there_and_every_folder_of_the_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    places = {place for place in PLACE.findall(text) if "NAME" not in place}
    assert [place for place in places if not (ROOT / place).exists()] == []
    packages = {f"node_runtime/{path.parent.name}" for path in ROOT.glob("node_runtime/*/__init__.py")}
    assert packages - places == set(), "the map of CONTRIBUTING.md lacks them"


def test_every_decision_stands_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("0*.md")}


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_documents_commands_write_is_ignored_by_git(readme: Path) -> None:
    text = readme.read_text()
    written = [*WRITES.findall(text), *(["runs/x"] if "node-runtime run" in text else [])]
    written += [f"task-{number}/x" for number in re.findall(r"node-runtime (?:assign|work) (\d+)", text)]
    at = readme.parent if "assets/stories" in str(readme) else ROOT
    places = [str((at / place / "x").relative_to(ROOT)) for place in written]
    command = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    ignored = subprocess.run(command, input="\n".join(places), capture_output=True, text=True, check=False).stdout
    assert set(places) - set(ignored.splitlines()) == set()
