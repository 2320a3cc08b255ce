"""Watched folders: the overflow check counts whatever a container may create."""

from pathlib import Path

from node_runtime.engines.docker.quota import Folders
from node_runtime.ports.engine import Mount

QUOTA = 1 << 20


def overflow(folder: Path) -> bool:
    folders = Folders(folder.parent / "images", files=200, socket=None)
    return folders.overflow([Mount(source=folder, target="/out", quota=QUOTA)])


def test_within_its_quota_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(QUOTA // 2))
    assert not overflow(tmp_path)


def test_many_bytes_are_noticed_in_inner_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"x" * 2 * QUOTA)
    assert overflow(tmp_path)


def test_many_files_are_noticed(tmp_path: Path) -> None:
    for n in range(260):
        (tmp_path / str(n)).touch()
    assert overflow(tmp_path)


def test_deep_trees_are_noticed(tmp_path: Path) -> None:
    tmp_path.joinpath(*(["d"] * 102)).mkdir(parents=True)
    assert overflow(tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 2 * QUOTA)
    watched = tmp_path / "watched"
    watched.mkdir()
    (watched / "link").symlink_to(tmp_path)
    assert not overflow(watched)


def test_a_sparse_file_counts_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert not overflow(tmp_path)
