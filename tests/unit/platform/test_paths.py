"""The user's folders with links resolved, and redaction of local paths in text for other accounts."""

from pathlib import Path

import pytest

from node_runtime.platform.paths import cache_folder, engine_folder, without_places


def test_folders_shared_by_a_link_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "first"))
    shared = engine_folder(), cache_folder()
    (tmp_path / "second").mkdir()
    for folder in shared:  # which may not exist yet
        (tmp_path / "second" / folder.name).symlink_to(folder)
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "second"))
    assert (engine_folder(), cache_folder()) == shared


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "COPY failed: stat /var/lib/docker/tmp/docker-builder1/x: no such file",
            "COPY failed: stat (a place on the node) no such file",
        ),
        ("error mounting '/home/a/work/out' (x)", "error mounting '(a place on the node)' (x)"),
        ("The command '/bin/sh -c cat /data/x' returned 1", "The command '/bin/sh -c cat /data/x' returned 1"),
        ("Get https://registry.example/v2/: timeout", "Get https://registry.example/v2/: timeout"),
    ],
)
def test_only_paths_in_the_recipients_text_are_kept(said: str, told: str) -> None:
    assert without_places(said, known="RUN /bin/sh -c cat /data/x") == told
