"""The checks before a daemon starts: file modes, storage, engine, base image, allow lists."""

from pathlib import Path

import structlog

from node_runtime.config import NodeConfig
from node_runtime.engines.docker.discovery import require_engine
from node_runtime.engines.docker.images import ALIAS_REMEDY, alias_faults, has_image
from node_runtime.localnet.provision.base_image import missing_base_image, pull_base_image
from node_runtime.platform.files import tighten

from .assembly import engine_settings, policy_of, shared_store

log = structlog.get_logger()


def check_before_start(config: NodeConfig, file: Path) -> None:
    """Check file modes, storage, engine, base image and allow lists before a daemon starts.

    Raises `ConfigError` without storage; `HostError` without an engine or a required base image.
    """
    access = [] if config.storage_access is None else [config.storage_access]
    _tighten(file, *access, *([] if config.key.startswith("//") else [Path(config.key)]))
    shared_store(config)
    _see_images(config)
    _warn_of_empty_lists(config, file)


def _tighten(*files: Path) -> None:
    """Restrict the configuration and the key to their owner; log each change."""
    for file in files:
        try:
            before = tighten(file)
        except OSError as error:
            log.warning("file_readable_by_others", file=str(file), reason=error.strerror, remedy="chmod 600 it")
            continue
        if before is not None:
            log.warning("file_tightened", file=str(file), mode="0600", before=f"{before:04o}")


def _see_images(config: NodeConfig) -> None:
    url = engine_settings(config, config.node).docker_host or require_engine()
    for fault in alias_faults(url, config.image_aliases, base=config.base_image):
        log.warning("image_alias_unfit", reason=fault, remedy=ALIAS_REMEDY)
    if has_image(url, config.base_image):
        return
    if config.building == "allow":
        pull_base_image(url, config.base_image, say=lambda text: log.info("base_image", doing=text))
        return
    missing = missing_base_image(config.base_image)
    log.warning("base_image_missing", reason="only ready images run without it", remedy=missing.remedy)


def _warn_of_empty_lists(config: NodeConfig, file: Path) -> None:
    empty = policy_of(config).empty_lists
    if empty:
        log.warning(
            "policy_allows_nothing",
            reason=f"empty: {', '.join(empty)}; no task is claimed unless each list has an entry",
            remedy=f"fill them in {file.absolute()} ('any' allows everything), then start the daemon again",
        )
