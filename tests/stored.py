"""What commit 7bf0b92 stored, unpacked for a test: a chain, a node's folder, a network file and a submit's journal.

``tests/fixtures/make_7bf0b92.py`` made it. On its chain Alice creates and judges, Bob and Charlie work; the names in
`Story` are those of that script.
"""

import io
import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import zstandard

ARCHIVE = Path(__file__).parent / "fixtures" / "stored_7bf0b92.tar.zst"
PASSWORD = "fixture"  # of the node's key
BEGIN = 1_790_000_000_000  # ms since 1970: when the chain's first block was made; all else came within two seconds


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where it was unpacked, and the chain's numbers by name. Its tasks are due 25 and 300 days after `BEGIN`."""

    folder: Path
    story: dict[str, int]

    @property
    def chain(self) -> Path:
        """The folder of an embedded chain."""
        return self.folder / "chain"

    def runtime(self) -> bytes:
        """The chain's code, spec_version 1."""
        with closing(sqlite3.connect(self.chain / "chain.sqlite")) as database:
            (code,) = database.execute("SELECT value FROM state WHERE key = ?", (b":code",)).fetchone()
        return bytes(code)

    @property
    def work(self) -> Path:
        """The node's work folder, mode 0755."""
        return self.folder / "node" / "work"

    @property
    def config(self) -> Path:
        return self.folder / "node" / "node.yaml"

    @property
    def network(self) -> Path:
        """The folder of a network that runs."""
        return self.folder / "network"

    @property
    def home(self) -> Path:
        """The user's folder, in which a submit of Alice's was noted that ended halfway."""
        return self.folder / "home"

    @property
    def outbox(self) -> Path:
        (path,) = self.work.glob("outbox-*.sqlite")
        return path


def unpack_stored(folder: Path) -> Stored:
    """Unpack all of it into ``folder``, which is made."""
    content = zstandard.ZstdDecompressor().stream_reader(ARCHIVE.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # Python knows filters from 3.11.4 on
        archive.extractall(folder)
    story = json.loads((folder / "story.json").read_text())
    del story["genesis"]
    return Stored(folder=folder, story=story)
