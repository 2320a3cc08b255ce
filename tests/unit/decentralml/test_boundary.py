"""Every function of the Python API names its errors and remedies for Python, and is found by completion and help."""

import ast
import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from substrateinterface import SubstrateInterface

import node_runtime
from node_runtime import creator
from node_runtime.decentralml.boundary import in_python
from node_runtime.errors import InputError
from tests.background import LIMIT

PACKAGE = Path(node_runtime.__file__).parent
FUNCTIONS = [name for name in creator.__all__ if inspect.isfunction(getattr(creator, name))]
OF_A_SESSION = [name for name in FUNCTIONS if "substrate" in inspect.signature(getattr(creator, name)).parameters]


def bare() -> SubstrateInterface:
    """Return a SubstrateInterface that was never connected."""
    made = SubstrateInterface.__new__(SubstrateInterface)
    made.url = "ws://127.0.0.1:9955"
    return made


def called(function: Callable[..., object], substrate: object) -> None:
    required = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    function(**{one.name: substrate if one.name == "substrate" else None for one in required})


@pytest.mark.parametrize("name", OF_A_SESSION)
def test_a_bare_substrate_interface_is_refused_with_the_call_that_opens_a_session(name: str) -> None:
    with pytest.raises(InputError) as refused:
        called(getattr(creator, name), bare())
    assert str(refused.value) == (
        "substrate is a SubstrateInterface, which knows no storage; open a session: "
        "substrate = creator.connect('ws://127.0.0.1:9955', storage='FOLDER'); "
        "creator.connect() is the running local network's"
    )


@pytest.mark.parametrize("substrate", [None, "ws://127.0.0.1:9944", 3])
def test_anything_else_that_is_no_session_is_refused(substrate: object) -> None:
    with pytest.raises(InputError, match=f"substrate is a {type(substrate).__name__}, which knows no storage"):
        called(creator.list_task, substrate)


def test_there_are_functions_of_a_session() -> None:
    assert len(OF_A_SESSION) == 11


@pytest.mark.parametrize(
    ("told", "in_a_program"),
    [
        (
            "name a new folder: node-runtime assign 7 --into FOLDER",
            "name a new folder: creator.assign_task(substrate, sudoaccount, passphrase, 7, into='FOLDER')",
        ),
        (
            "take it with 'node-runtime assign 7', or name the key that did as --key",
            "take it with creator.assign_task(substrate, sudoaccount, passphrase, 7), or name the key that did as "
            "sudoaccount",
        ),
        ("see 'node-runtime list --role open' for those to take", "see creator.list_task(substrate) for those to take"),
        ("start one with 'node-runtime up'", "start one with 'node-runtime up'"),
    ],
)
def test_remedies_name_the_calls_that_do_the_same(told: str, in_a_program: str) -> None:
    assert in_python(told) == in_a_program


@pytest.mark.parametrize("room", ["contributor", "creator", "domain", "decentralml", "errors.py"])
def test_no_remedy_names_a_command_that_has_a_function(room: str) -> None:
    commands = re.compile(r"node-runtime (assign|list|show|validate|accept|reject)\b|--(into|key|reason)\b")
    left = [text for text in _texts(PACKAGE / room) if commands.search(in_python(text))]
    assert left == []


def _texts(place: Path) -> Iterator[str]:
    """Yield every text but docstrings, with 7 for its parts that are formatted."""
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        if path.name == "boundary.py":
            continue
        tree = ast.parse(path.read_text())
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | documented:
                text = node.value.replace("{task}", "7")
            else:
                continue
            yield re.sub(r"(accept|reject) 7\b", r"\1 7/7", text)


def test_completion_lists_every_name_before_anything_is_imported() -> None:
    code = "import sys; from node_runtime import creator as api; print(*dir(api)); print('docker' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    names, heavy = told.stdout.splitlines()
    assert set(creator.__all__) <= set(names.split())
    assert heavy == "False"


def test_the_names_that_type_checkers_see_are_those_that_there_are() -> None:
    tree = ast.parse((PACKAGE / "creator" / "__init__.py").read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = [alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(creator.__all__)
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_shows_signature_and_purpose(name: str) -> None:
    told = pydoc.render_doc(getattr(creator, name), renderer=pydoc.TextDoc())
    first = (getattr(creator, name).__doc__ or "").splitlines()[0]
    assert len(first) > 20
    assert first in told
    assert next(iter(inspect.signature(getattr(creator, name)).parameters)) in told


def test_help_of_a_module_says_what_it_is() -> None:
    code = "from node_runtime import creator; help(creator.submit)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    assert "node_runtime.creator.submit" in told.stdout
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = creator.nothing
