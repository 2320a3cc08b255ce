"""Templates of tasks that run as they are: what `node-runtime new` writes."""

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from node_runtime.errors import InputError
from node_runtime.platform.files import host_errors
from node_runtime.spec.schema import task_schema
from node_runtime.stores.tree.folders import remove_tree

TEMPLATES = Path(__file__).parents[1] / "templates"
TASK = "task.yaml"
SCHEMA = "task.schema.json"  # which the templates' first lines name for editors


class TemplateName(StrEnum):
    TRAINING = "training"
    SCORING = "scoring"
    ANNOTATION = "annotation"
    FUNCTION = "function"
    PLAN = "plan"


@dataclass(frozen=True, kw_only=True)
class Template:
    """``files`` are the files and folders that its YAML names, below ``source``."""

    summary: str
    source: str
    files: tuple[str, ...]


KNOWN = {
    TemplateName.TRAINING: Template(
        summary="a training that tells three species of iris apart",
        source="iris",
        files=("algo", "opener.py", "data/train-0", "data/train-1"),
    ),
    TemplateName.SCORING: Template(
        summary="the cross-validation of a model on samples that it has not seen",
        source="iris",
        files=("model", "algo", "opener.py", "metric", "data/train-2"),
    ),
    TemplateName.ANNOTATION: Template(
        summary="texts whose years are to be marked, and a script that does it", source="years", files=("bundle",)
    ),
    TemplateName.FUNCTION: Template(
        summary="a function in Substra's layout that learns irises, in two tasks",
        source="iris",
        files=("function", "function-opener.py", "data/train-0", "data/train-1"),
    ),
    TemplateName.PLAN: Template(
        summary="an objective, a sweep of trainings, and their certified scores",
        source="iris",
        files=("metric", "opener.py", "data/test-0", "algo", "data/train-0", "data/train-1"),
    ),
}


def write_template(name: TemplateName, folder: Path) -> Template:
    """Write the template's YAML, the files that it names and the schema into the new folder; return the template.

    Raises `InputError` for a folder that is there, and `HostError`; then nothing is written.
    """
    if os.path.lexists(folder):
        raise InputError(f"{folder} is there already", remedy="name a folder that doesn't exist yet")
    template = KNOWN[name]
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    with host_errors(folder):
        try:
            beside.mkdir(parents=True)
            shutil.copyfile(TEMPLATES / f"{name}.yaml", beside / TASK)
            (beside / SCHEMA).write_text(json.dumps(task_schema(), indent=1) + "\n", encoding="utf-8")
            for file in template.files:
                _copy(TEMPLATES / template.source / file, beside / file)
            beside.rename(folder)
        finally:
            remove_tree(beside)
    return template


def _copy(source: Path, target: Path) -> None:
    """Copy without modes, which an installation may have changed, and without what Python compiled there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, target, ignore=ignored, copy_function=shutil.copyfile)
    for script in target.rglob("*.sh"):
        script.chmod(0o755)
