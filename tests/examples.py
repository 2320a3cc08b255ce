"""A copy of the examples with the data that their scripts make, and the YAML in the documentation."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
MADE = ("data", "shards", "results", "truth", "annotation_files", "annotation_samples", "outputs", "__pycache__")
SCRIPTS = ("digits/make_data.py", "stories/annotation/make_pictures.py", "stories/model-update/make_shards.py")
# what the model story fetches and federates
RESULTS = (
    *("engineer/model", "contributor-1/model", "contributor-2/model", "contributor-3/model"),
    *("of-all-three", "of-one-and-two"),
)
_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def copy_examples(folder: Path) -> Path:
    """Copy the examples into the folder and make what they need; return their copy."""
    for name in ("assets", "images/tensorflow"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns(*MADE))
    for script in SCRIPTS:
        subprocess.run([sys.executable, "-B", str(folder / "assets" / script)], check=True, capture_output=True)
    for name in RESULTS:
        model = folder / "assets/stories/model-update/results" / name / "digits_someone"
        model.mkdir(parents=True)
        (model / "info.json").write_text("{}\n")
    return folder / "assets"


def documented() -> Iterator[tuple[str, str]]:
    """Yield the YAML in Markdown files, each with its file and line."""
    for file in sorted((*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("assets/**/*.md"))):
        text = file.read_text()
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 2
            yield f"{file.relative_to(CHECKOUT)}:{line}", found[1]
