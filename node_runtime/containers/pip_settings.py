"""What must a RUN pip install know of this machine to reach its package index? Never a secret."""

import configparser
import os
import sys
from pathlib import Path

_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout", "retries")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def pip_arguments() -> dict[str, str]:
    """Environment variables for pip, from those set here and its files. Values with a password are left out."""
    found = {_variable(name): value for name, value in _from_files() if name in _SETTINGS}
    for name in _SETTINGS:
        if value := os.environ.get(_variable(name)):
            found[_variable(name)] = value
    return {name: value for name, value in found.items() if not _secret(value)}


def proxy_arguments() -> dict[str, str]:
    """The proxies, which the engine knows as build arguments of its own and keeps out of an image's history.

    One with a password is left out: whatever a RUN step prints or sends is the Dockerfile's author's.
    """
    found = {name: os.environ.get(name, "") for name in _PROXIES}
    return {name: value for name, value in found.items() if value and not _secret(value)}


def _variable(name: str) -> str:
    return "PIP_" + name.upper().replace("-", "_")


def _from_files() -> list[tuple[str, str]]:
    files = [Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"]
    files.append(Path(sys.prefix, "pip.conf"))
    if named := os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(named))
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(files)
    except (configparser.Error, UnicodeDecodeError):  # pip itself says so when it is used
        return []
    sections = [name for name in ("global", "install") if parser.has_section(name)]
    return [(name, " ".join(value.split())) for section in sections for name, value in parser.items(section)]


def _secret(value: str) -> bool:
    """Whether it may hold a password. Addresses are also written without ``https://``, passwords also with a slash."""
    return "@" in value
