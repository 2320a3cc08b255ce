"""Does the doctor tell what is ill, also when an engine that was there a moment ago is gone?"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from node_runtime.containers.dockerd_process import StartedEngine
from node_runtime.processes import birth
from tests.background import ended


def test_an_engine_that_is_going_away_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    shutil.copy(shutil.which("sleep") or "", tmp_path / "dockerd")  # the process is still there, its socket no longer
    with ended(subprocess.Popen([tmp_path / "dockerd", "3600"])) as ending:
        gone = StartedEngine(
            url=f"unix://{tmp_path}/docker.sock",
            pid=ending.pid,
            birth=birth(ending.pid),
            log=str(tmp_path / "log"),
            build_network=None,
        )
        (tmp_path / "engine").mkdir()
        (tmp_path / "engine" / "engine.json").write_text(json.dumps(vars(gone)))
        told = subprocess.run(
            [sys.executable, "-m", "node_runtime", "doctor", "--json"],
            env={**os.environ, "NODE_RUNTIME_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 4, told.stderr
    found = {finding["name"]: finding for finding in json.loads(told.stdout)}
    assert "no container engine answers" in found["docker"]["seen"]
    assert found["docker"]["remedy"]
