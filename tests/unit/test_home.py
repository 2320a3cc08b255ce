"""Is what homes share known to all of them by the same name?"""

from pathlib import Path

import pytest

from node_runtime.home import cache_folder, engine_folder


def test_what_a_home_shares_by_a_link_is_named_by_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "first"))
    shared = engine_folder(), cache_folder()
    (tmp_path / "second").mkdir()
    for folder in shared:  # which needn't be there yet
        (tmp_path / "second" / folder.name).symlink_to(folder)
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "second"))
    assert (engine_folder(), cache_folder()) == shared
