"""Keys are generated safely, and every wrong key or password is refused with a clear error."""

import json
import stat
from pathlib import Path

import pytest

from node_runtime.errors import InputError
from node_runtime.substrate.keys import create_key, load_key

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys" / "node.json"
    create_key(path, PASSWORD)
    private(path.parent / "password", PASSWORD + "\n")
    return path


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _no_password_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_RUNTIME_PASSWORD_FILE", raising=False)


def password_file(keystore: Path) -> Path:
    return keystore.parent / "password"


def refused(name: str | Path, *, password_file: Path | None = None, development: bool = True) -> str:
    with pytest.raises(InputError) as caught:
        load_key(str(name), password_file=password_file, development=development)
    assert caught.value.remedy
    return str(caught.value)


def test_a_new_key_is_its_owners_alone_and_can_be_loaded(keystore: Path) -> None:
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    key = load_key(str(keystore), password_file=password_file(keystore), development=False)
    assert key.ss58_address == json.loads(keystore.read_text())["address"]
    assert key.verify(b"message", key.sign(b"message"))


def test_neither_password_nor_secret_stand_in_the_keystore(keystore: Path) -> None:
    key = load_key(str(keystore), password_file=password_file(keystore), development=False)
    assert PASSWORD not in keystore.read_text()
    assert key.private_key.hex() not in keystore.read_text()


def test_an_existing_key_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        create_key(keystore, PASSWORD)
    assert keystore.read_bytes() == before


def test_a_key_needs_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a password"):
        create_key(tmp_path / "node.json", "")
    assert not (tmp_path / "node.json").exists()


def test_a_wrong_password_is_reported(keystore: Path, tmp_path: Path) -> None:
    wrong = private(tmp_path / "wrong", "battery staple")
    assert "wrong password" in refused(keystore, password_file=wrong)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_password_that_others_may_read_or_change_is_refused(keystore: Path, tmp_path: Path, mode: int) -> None:
    open_to_others = private(tmp_path / "pass word", PASSWORD)
    open_to_others.chmod(mode)
    output = refused(keystore, password_file=open_to_others)
    assert f"mode {mode:04o}" in output
    assert f"chmod 600 '{open_to_others}'" in output


def test_without_a_terminal_the_password_must_be_in_a_file(keystore: Path) -> None:
    assert "NODE_RUNTIME_PASSWORD_FILE" in refused(keystore)


def test_a_missing_password_file_is_reported(keystore: Path, tmp_path: Path) -> None:
    assert "password file" in refused(keystore, password_file=tmp_path / "nothing")


def test_a_file_other_than_a_keystore_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nothing.json")
    for content in ("", "{}", "[]", "text", '"text"'):
        (tmp_path / "other.json").write_text(content)
        assert "not a keystore file" in refused(tmp_path / "other.json")


def test_a_damaged_keystore_is_reported(keystore: Path, tmp_path: Path) -> None:
    content = json.loads(keystore.read_text())
    for encoded in ("", "AAAA", "not base64 at all", content["encoded"][:100]):
        (tmp_path / "damaged.json").write_text(json.dumps({**content, "encoded": encoded}))
        message = refused(tmp_path / "damaged.json", password_file=password_file(keystore))
        assert "damaged" in message or "wrong password" in message


def test_development_keys_work_on_development_chains_only() -> None:
    alice = load_key("//Alice", password_file=None, development=True)
    assert alice.ss58_address == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    assert "outside development chains" in refused("//Alice", development=False)


def test_an_invalid_development_key_is_refused() -> None:
    for name in ("//", "//Alice//", "//Alice bob", "///password"):
        assert "not the name of a development key" in refused(name)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("bottom drive obey lake curtain smoke basket hold race lonely fit walk", "curtain"),
        ("bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice", "curtain"),
        ("0x" + "e5" * 32, "e5e5"),
        ("//Alice///hunter2", "hunter2"),
    ],
)
def test_a_secret_in_a_names_place_is_not_repeated(name: str, secret: str) -> None:
    for development in (True, False):
        assert secret not in refused(name, development=development)
