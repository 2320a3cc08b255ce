"""Which image does a bundle run in that names no algo? One made of its own requirements.txt and setup.sh.

What they install is there before the task starts: a running task has no network. Bundles that require the same share
one image, since this folder's digest is all that an image goes by.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HEAD = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
WORKDIR /setup
"""
_STEPS = {
    "requirements.txt": "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\n",
    "setup.sh": "COPY setup.sh ./\nRUN chmod u+x setup.sh && ./setup.sh\n",
}
_FOOT = "WORKDIR /task\n"


@contextmanager
def environment_of(bundle: Path) -> Iterator[Path]:
    """A folder with a Dockerfile for the bundle, removed again at the end."""
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        folder = Path(scratch)
        found = [name for name in _STEPS if (bundle / name).is_file()]
        for name in found:
            shutil.copyfile(bundle / name, folder / name)
        (folder / "Dockerfile").write_text(_HEAD + "".join(_STEPS[name] for name in found) + _FOOT)
        yield folder
