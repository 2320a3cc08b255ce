"""Reading before trusting: assets and a task's code for creators, private samples for operators."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Label, Visibility
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING, parsed


@pytest.fixture
def key(desk: Desk, nrt: Nrt) -> str:
    (desk.folder / "train-0" / "deep").mkdir()
    (desk.folder / "train-0" / "deep" / "b.csv").write_text("1,2\n")
    added = nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "train")
    assert added.returncode == 0, added.stderr
    return added.stdout.strip()


def plain(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_an_asset_is_shown_with_who_may_read_it(desk: Desk, nrt: Nrt, key: str) -> None:
    size = (desk.folder / "train-0" / "a.csv").stat().st_size
    owner, digest = key.split("/")
    shown = nrt("asset", "show", digest, COLUMNS="100")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert plain(shown.stdout) == [
        "kind data sample",
        "label train",
        f"owner {owner}",
        f"digest {digest}",
        "visibility shared",
        "uri cas:",
        f"storage {size + 4} B in 2 files",
        "process public",
        "download public",
        "logs public",
        "bytes in the storage; whoever can read that reads them",
        "",
        "size file",
        f"{size} B a.csv",
        "4 B deep/b.csv",
    ]
    assert max(map(len, nrt("asset", "show", key).stdout.splitlines())) <= 80
    told = parsed(nrt("asset", "show", key, "--json"))
    assert told["files"] == [{"path": "a.csv", "size": size}, {"path": "deep/b.csv", "size": 4}]
    unknown = nrt("asset", "show", f"{owner}/{'0' * 64}")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert f"nobody has registered {owner}/{'0' * 64}" in unknown.stderr


def test_an_assets_files_are_fetched_into_a_new_folder(desk: Desk, nrt: Nrt, key: str) -> None:
    fetched = nrt("asset", "fetch", key, "here")
    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert fetched.stdout.startswith("here: ")
    assert (desk.folder / "here" / "deep" / "b.csv").read_text() == "1,2\n"
    again = nrt("asset", "fetch", key, "here")
    assert (again.returncode, again.stdout) == (2, "")
    assert "here is there and not empty" in again.stderr


def test_a_damaged_asset_is_not_fetched(desk: Desk, nrt: Nrt, key: str) -> None:
    (stored,) = (desk.folder.parent / "store" / "trees").glob(f"*/{key.split('/')[1]}")
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    fetched = nrt("asset", "fetch", key, "here")
    assert (fetched.returncode, fetched.stdout) == (3, "")
    assert not (desk.folder / "here").exists()


def test_a_large_asset_is_fetched_once_it_is_confirmed(desk: Desk, nrt: Nrt) -> None:
    with (desk.folder / "train-0" / "large").open("wb") as file:
        file.truncate((1 << 30) + 1)
    added = nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "train")
    refused = nrt("asset", "fetch", added.stdout.strip(), "here")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has 1 GiB, which has to be confirmed" in refused.stderr
    assert not (desk.folder / "here").exists()


def test_a_private_asset_of_another_node_is_shown_and_not_fetched(desk: Desk, nrt: Nrt) -> None:
    digest = desk.store.put(desk.folder / "opener.py")
    ref = AssetRef(owner=desk.worker.account, digest=digest)
    desk.worker.register_assets(
        [Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TEST, visibility=Visibility.PRIVATE, uri="private:")]
    )
    (desk.folder.parent / "other" / "trees").mkdir(parents=True)
    elsewhere = partial(nrt, NODE_RUNTIME_STORAGE=str(desk.folder.parent / "other"), COLUMNS="120")
    shown = plain(elsewhere("asset", "show", str(ref)).stdout)
    assert "storage not in this storage" in shown
    assert {"process public", "download public", "logs public"} <= {*shown}
    assert "bytes on its owner's node, where alone tasks on it run; nobody else reads them" in shown
    assert "whoever reads this storage finds them here too" in nrt("asset", "show", str(ref), COLUMNS="160").stdout
    fetched = elsewhere("asset", "fetch", str(ref), "here")
    assert (fetched.returncode, fetched.stdout) == (2, "")
    assert "is private: its bytes are on its owner's node" in fetched.stderr


def test_a_tasks_code_is_shown_escaped_and_bounded(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "algo" / "a.py").write_text("print('\x1b[31mred')\n")
    (desk.folder / "algo" / "large.py").write_text("x = 1\n" * 20_000)
    (desk.folder / "algo" / "weights").write_bytes(b"\x00\x01")
    (desk.folder / "algo" / "latin").write_bytes(b"\xe9\n")
    (desk.folder / "opener.py").write_text("def get_X():\n    return 1\n")
    task = desk.submit(TRAINING + "opener: opener.py\n").tasks[0].id
    shown = nrt("show", str(task), "--code")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert "  print('\\x1b[31mred')" in lines
    assert "  weights  2 B, no text" in lines
    assert "  latin  2 B, no text" in lines
    assert "  large.py  117 KiB, its beginning" in lines
    assert lines.count("  x = 1") == (64 << 10) // 6
    assert lines[-5:] == ["", "  opener.py  26 B", "  def get_X():", "      return 1", ""]
    algo, opener = parsed(nrt("show", str(task), "--code", "--json"))
    assert (algo["role"], opener["role"]) == ("algo", "opener")
    assert opener["files"][0]["text"] == "def get_X():\n    return 1\n"


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def node_of(desk: Desk, network: str, environment: dict[str, str]) -> Callable[[str], Command]:
    """Return what makes, for a node with this key, the function that runs a command of `data`."""
    (desk.folder / "work").mkdir()
    # the creator's variables would override the node's configuration
    own = {f"NODE_RUNTIME_{name}" for name in ("CHAIN", "KEY", "STORAGE")}
    environment = {name: value for name, value in environment.items() if name not in own}

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "node_runtime", "data", *arguments]
        ended = subprocess.run(
            command,
            cwd=desk.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,  # reached only after a failure
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def node(key: str) -> Command:
        (desk.folder / "node.yaml").write_text(
            f"node: n\nchain: {network}\nkey: {key}\nstorage: {desk.folder.parent / 'store'}\nwork: work\nslots: 1\n"
            "pool: {cpus: 1, memory: 1GiB, disk: 1GiB}\n"
            "policy: {kinds: any, creators: any, algos: any, datasets: any}\n"
        )
        return run

    return node


@pytest.fixture
def node(node_of: Callable[[str], Command]) -> Command:
    return node_of("//Bob")


def test_private_samples_are_listed_with_what_uses_them_and_removed(
    desk: Desk, node_of: Callable[[str], Command]
) -> None:
    node = node_of("//Eve")  # no other test's account: samples stay registered
    assert (
        node("list")[1]
        == "no private samples; add one with 'node-runtime data add FOLDER --label train --for ACCOUNT'\n"
    )
    code, told, warned = node("add", "train-0", "--label", "train")
    assert (code, told) == (2, "")
    assert "whose tasks may use this sample has to be said" in " ".join(plain(warned))
    code, told, warned = node("add", "train-0", "--label", "train", "--for", desk.chain.account)
    assert (code, warned) == (0, "")
    key = told.splitlines()[0].removeprefix("private sample ")
    digest = key.split("/")[1]
    task = desk.submit(TRAINING.replace("train-0", key)).tasks[0].id
    size = (desk.folder / "train-0" / "a.csv").stat().st_size
    assert f"\n{digest}\n  train, {size} B, used by task {task} round-1\n" in f"\n{node('list')[1]}"
    (sample,) = [one for one in json.loads(node("list", "--json")[1]) if one["ref"]["digest"] == digest]
    assert (sample["tasks"], sample["live"], sample["asset"]["label"]) == ([task], [task], "train")
    code, told, refused = node("remove", digest)
    assert (code, told) == (2, f"still referred to by task {task} round-1: what needs its bytes will fail\n")
    assert "has to be confirmed" in refused
    code, told, _ = node("remove", key, "--yes")
    assert (code, told.splitlines()[1].split(",")[0]) == (0, f"removed {digest}")
    assert "on chain it stays registered" in told
    (sample,) = [one for one in json.loads(node("list", "--json")[1]) if one["ref"]["digest"] == digest]
    assert sample["size"] is None
    assert node("remove", key, "--yes")[0] == 2


def test_private_bytes_that_are_public_already_are_warned_of(desk: Desk, node: Command, key: str) -> None:
    code, told, warned = node("add", "train-0", "--label", "train", "--for", "public")
    assert (code, told.splitlines()[0]) == (0, f"private sample {desk.worker.account}/{key.split('/')[1]}")
    assert warned == (
        f"warning: the storage {desk.folder.parent / 'store'} has these bytes already, so whoever reads it has them. "
        "This node keeps treating them as private all the same: it refuses every task that uses the same bytes in "
        "another way than as its own sample, on shared data too (private_data in 'status'). "
        "'node-runtime data remove' ends that.\n"
    )


def test_bytes_that_are_shared_by_the_same_account_do_not_become_private(desk: Desk, node: Command, nrt: Nrt) -> None:
    assert nrt("asset", "add", "train-1", "--kind", "data_sample", "--label", "train", NODE_RUNTIME_KEY="//Bob").stdout
    code, _, refused = node("add", "train-1", "--label", "train")
    assert code == 2
    assert "is registered as a shared asset of this account, which stays so" in refused
    assert not list((desk.folder / "work" / "private" / "trees").glob("??/*"))
