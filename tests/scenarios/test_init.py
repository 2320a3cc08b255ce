"""`init` refuses password files that will not persist, and resumes an interrupted `init`."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

from node_runtime.config import MOST_SLOTS, load_config


def init(node: Path, password: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `init` from a shell, where a pipe may be given in place of a file."""
    return subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m node_runtime init "{node}" --no-check --password-file {password}'],
        env=os.environ | {"NODE_RUNTIME_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_pipe_as_the_password_file_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    ended = init(tmp_path / "node", "<(echo secret)", tmp_path)
    assert ended.returncode == 2
    assert "is no regular file, and won't be there when the daemon reads it" in ended.stderr
    assert not (tmp_path / "node").exists()


def test_an_interrupted_init_resumes_with_its_key(tmp_path: Path, password: Path) -> None:
    node = tmp_path / "node"
    first = init(node, str(password), tmp_path)
    assert first.returncode == 0, first.stderr
    key = (node / "key.json").read_bytes()
    (node / "node.yaml").unlink()
    again = init(node, str(password), tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == first.stdout.splitlines()[0]
    assert (node / "key.json").read_bytes() == key
    assert load_config(node / "node.yaml", environment={}).password_file == password


def test_each_new_node_of_a_machine_has_uids_of_its_own_and_is_told_them(tmp_path: Path, password: Path) -> None:
    nodes = [tmp_path / "here" / "one", tmp_path / "two", tmp_path / "there" / "three"]
    told = [init(node, str(password), tmp_path).stdout for node in nodes]
    bases = [load_config(node / "node.yaml", environment={}).sandbox.uid_base for node in nodes]
    assert all(abs(one - other) >= MOST_SLOTS for one, other in combinations(bases, 2))
    if os.geteuid() == 0:
        for base, said in zip(bases, told, strict=True):
            assert f"uids     {base}-{base + MOST_SLOTS - 1}, this node's own" in said
