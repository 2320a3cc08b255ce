"""What does a daemon look at before it takes a task? What its configuration names here, and whom it lets in."""

from pathlib import Path

import structlog

from node_runtime.cli.node import engine_settings, policy_of, shared_store
from node_runtime.config import NodeConfig
from node_runtime.containers.base_image import has_base_image, missing_base_image, pull_base_image
from node_runtime.containers.which_engine import require_engine

log = structlog.get_logger()


def look_before_start(config: NodeConfig, file: Path) -> None:
    """Raises `ConfigError` without storage, `HostError` without an engine, or a base image where images are built."""
    shared_store(config)
    _see_base_image(config)
    _tell_empty_lists(config, file)


def _see_base_image(config: NodeConfig) -> None:
    url = engine_settings(config, config.node).docker_host or require_engine()
    if has_base_image(url, config.base_image):
        return
    if config.building == "allow":
        pull_base_image(url, config.base_image, say=lambda text: log.info("base_image", doing=text))
        return
    missing = missing_base_image(config.base_image)
    log.warning("base_image_missing", reason="only ready images run without it", remedy=missing.remedy)


def _tell_empty_lists(config: NodeConfig, file: Path) -> None:
    empty = policy_of(config).empty_lists
    if empty:
        log.warning(
            "policy_lets_nobody_in",
            reason=f"empty: {', '.join(empty)}; no task is taken unless each list has an entry",
            remedy=f"fill them in {file.absolute()} ('any' lets everybody in), then start the daemon again",
        )
