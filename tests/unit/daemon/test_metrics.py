"""Can what a node measures be read where its operator says, and is it told when it can't?"""

import re
import socket
import urllib.request

import pytest
from structlog.testing import capture_logs

from node_runtime.daemon.metrics import Metrics
from node_runtime.errors import ConfigError
from node_runtime.task import UNIT


def test_a_port_is_found_told_and_answers() -> None:
    metrics = Metrics()
    with capture_logs() as told:
        metrics.serve(0)
    (line,) = told
    metrics.paid(3 * UNIT)
    with urllib.request.urlopen(line["url"], timeout=120) as answer:
        assert re.search(rb"^node_runtime_paid_units_total 3.0$", answer.read(), re.MULTILINE)


def test_a_port_that_is_taken_is_told_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"metrics_port: 127.0.0.1:{port} can't be listened at") as refused:
            Metrics().serve(port)
    assert refused.value.remedy == "name another one, or 0 for any that is free"
