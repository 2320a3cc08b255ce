"""What every function of DecentralML's has in common: its session is checked, and errors name Python's remedies."""

import re
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from node_runtime.errors import InputError, NodeRuntimeError
from node_runtime.platform.files import host_error_boundary

from .session import Substrate

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_SIGNER = "substrate, sudoaccount, passphrase"
_IN_PYTHON = (
    (r"node-runtime assign (\d+) --into FOLDER", rf"creator.assign_task({_SIGNER}, \1, into='FOLDER')"),
    (r"'?node-runtime assign (\d+)'?", rf"creator.assign_task({_SIGNER}, \1)"),
    (r"'?node-runtime list --role open'?", r"creator.list_task(substrate)"),
    (r"'?node-runtime list'?", r"creator.list_task(substrate, role='mine', sudoaccount=sudoaccount)"),
    (r"'?node-runtime show (\d+)'?", r"creator.list_task_results(substrate, \1)"),
    (r"'?node-runtime validate (\d+)'?", rf"creator.validate_task_results({_SIGNER}, \1, strategy)"),
    (r"'?node-runtime accept (\d+)/(\d+)'?", rf"creator.accept_task_results({_SIGNER}, \1, \2)"),
    (r"'?node-runtime reject (\d+)/(\d+)[^']*'?", rf"creator.reject_task_results({_SIGNER}, \1, \2, reason)"),
    (r"--into\b", "into"),
    (r"--key\b", "sudoaccount"),
    (r"--reason 'what is wrong'", "reason='what is wrong'"),
    (r"--reason\b", "reason"),
)
"""Commands and options in remedies, with the calls and parameters that do the same. Others exist in a shell only."""


def python_function(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate a function whose parameter ``substrate`` is a session; every failure is a `NodeRuntimeError`."""
    parameters = signature(function)

    @wraps(function)
    def checked(*args: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        check_session(parameters.bind(*args, **keywords).arguments["substrate"])
        try:
            with host_error_boundary():
                return function(*args, **keywords)
        except NodeRuntimeError as error:
            error.message, error.remedy = in_python(error.message), in_python(error.remedy)
            raise

    return checked


def check_session(substrate: object) -> None:
    """Raise `InputError` for anything but a `Substrate`, e.g. a bare SubstrateInterface, which has no storage."""
    if isinstance(substrate, Substrate):
        return
    url = getattr(substrate, "url", None)
    where = repr(url) if isinstance(url, str) else "'ws://127.0.0.1:9944'"
    raise InputError(
        f"substrate is a {type(substrate).__name__}, which knows no storage",
        remedy=f"open a session: substrate = creator.connect({where}, storage='FOLDER'); "
        "creator.connect() is the running local network's",
    )


def in_python(text: str) -> str:
    """Return the text with the calls that do what its commands do."""
    for command, call in _IN_PYTHON:
        text = re.sub(command, call, text)
    return text
