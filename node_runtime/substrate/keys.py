"""Signing keys: password-protected keystore files, and the well-known keys of development chains."""

import getpass
import json
import os
import re
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from substrateinterface import Keypair

from node_runtime.domain.assets import Account
from node_runtime.errors import InputError

from .codec import SS58_FORMAT

PASSWORD_FILE = "NODE_RUNTIME_PASSWORD_FILE"
_SECRET = re.compile(r"(0x)?[0-9a-fA-F]{64,128}|\s*[a-z]+(\s+[a-z]+){11,23}\b.*", re.DOTALL)  # a seed, a mnemonic
_DEVELOPMENT_KEY = re.compile(r"//[A-Za-z0-9]+(?:/{1,2}[A-Za-z0-9]+)*")


def create_key(path: Path, password: str) -> Account:
    """Generate a key pair and write it as a keystore file (polkadot-js's encrypted JSON) with mode 0600.

    An existing file is never overwritten: it may be the only copy of a key. Back the file up.
    """
    if not password:
        raise InputError(f"{path}: a keystore needs a password", remedy="choose one")
    key = Keypair.create_from_mnemonic(Keypair.generate_mnemonic(), ss58_format=SS58_FORMAT)
    content = json.dumps(key.export_to_encrypted_json(password), indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} exists already", remedy="use it, or choose another name for the new key") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", remedy="choose a folder that you may write to") from None
    return Account(key.ss58_address)


def load_key(name: str, *, password_file: Path | None, development: bool, password: str | None = None) -> Keypair:
    """Load the key pair `name`: a keystore file, or on a development chain a key like ``//Alice``.

    The password is `password`, else it comes from `password_file`, else from the file that NODE_RUNTIME_PASSWORD_FILE
    names, else from a prompt. Raises `InputError`.
    """
    if name.startswith("//"):
        return _development_key(name, development)
    if _SECRET.fullmatch(name):
        raise InputError(
            "the key is given as a seed or a mnemonic, which isn't shown here, in place of its name",
            remedy="name a keystore file, or make one with 'node-runtime init'",
        )
    content = _keystore(name)
    path = Path(name).expanduser()
    return _decrypted(
        path, content, _password(path, content["address"], password_file) if password is None else password
    )


def _keystore(name: str) -> dict[str, Any]:
    """Read a keystore file and check that its address is text."""
    try:
        content = json.loads(Path(name).expanduser().read_bytes())
        if not isinstance(content["address"], str):
            raise TypeError("its address is no text")
    except OSError as error:
        raise InputError(
            f"key {name}: {error.strerror}", remedy="name a keystore file, or make one with 'node-runtime init'"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"key {name} is not a keystore file", remedy="name the encrypted JSON of a key") from None
    keystore: dict[str, Any] = content
    return keystore


def account_of(name: str) -> Account:
    """Return the account of a key named as for `load_key`, without its password. Raises `InputError`."""
    if name.startswith("//"):
        return Account(_development_key(name, development=True).ss58_address)
    return Account(_keystore(name)["address"])


def read_password(path: Path) -> str:
    """Read a password from a file with owner-only permissions, without the trailing newline.

    Raises `InputError`.
    """
    try:
        mode = path.stat().st_mode
        closed = not stat.S_ISREG(mode) or _is_credential(path)  # of a pipe the mode doesn't matter
        if not closed and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(
                f"password file {path}: others may read it (mode {stat.S_IMODE(mode):04o})",
                remedy=f"chmod 600 {shlex.quote(str(path))}",
            )
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise InputError(f"password file {path}: {error.strerror}", remedy="name a readable text file") from None
    except UnicodeDecodeError:
        raise InputError(f"password file {path}: not UTF-8 text", remedy="put the password alone into it") from None


def _is_credential(path: Path) -> bool:
    """Whether systemd hands the file to this process alone; its access list shows as rights of the group."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return given is not None and path.parent == Path(given)


def _development_key(name: str, development: bool) -> Keypair:
    shown = name if _DEVELOPMENT_KEY.fullmatch(name) else f"{name.partition('///')[0]}…"  # a password follows ///
    if not development:
        raise InputError(
            f"key {shown}: everybody knows the development keys, so they are refused outside development chains",
            remedy="name a keystore file, or make one with 'node-runtime init'",
        )
    if not _DEVELOPMENT_KEY.fullmatch(name):
        raise InputError(f"key {shown}: not the name of a development key", remedy="name one like //Alice")
    return Keypair.create_from_uri(name, ss58_format=SS58_FORMAT)


def _decrypted(path: Path, content: object, password: str) -> Keypair:
    try:
        return Keypair.create_from_encrypted_json(content, password, ss58_format=SS58_FORMAT)
    except CryptoError:
        raise InputError(f"key {path}: wrong password", remedy="check the password or its file") from None
    except (ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:
        raise InputError(f"key {path} is damaged: {error}", remedy="restore it from a backup") from None


def _password(path: Path, address: str, password_file: Path | None) -> str:
    named = password_file or os.environ.get(PASSWORD_FILE)
    if named:
        return read_password(Path(named).expanduser())
    if sys.stdin is not None and sys.stdin.isatty():
        return getpass.getpass(f"Password of {path} ({address}): ")
    raise InputError(
        f"key {path} needs a password, and there is no terminal to ask for it",
        remedy=f"put the password into a file and name the file in {PASSWORD_FILE}",
    )
