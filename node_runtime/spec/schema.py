"""The JSON schema of a document of the task YAML, for editors; made from the YAML models of the kinds' registry.

It describes a single document; mistakes that depend on files or other documents are found by `check` alone.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from .read import yaml_models

_BOUNDS = ("gt", "ge", "lt", "le")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MEANING = {
    "admits": "Whose assets, and which of their programs, may go into models that are certified for the objective.",
    "keep": "false: the model is transient; its bytes are dropped once no task of the plan needs them.",
    "kind": "What the document describes: a kind of task, an objective, or the plan of the file's tasks.",
    "name": "A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.",
    "algo": "The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.",
    "annotation_json": "Any further instructions for the annotators.",
    "annotation_type": "What is annotated: boxes in pictures, one class of each file, or spans of texts.",
    "assign_to": "The only account that may take the task; anyone without it.",
    "bond": "UNIT that a worker puts down while it holds a slot.",
    "bundle": "A folder with a start_task.sh.",
    "class_coordinates": "Where the classes are, for annotators.",
    "class_labels": "The labels that annotators may use.",
    "composite": "Head and trunk of earlier tasks, {head: {task: …}, trunk: {task: …}}; {} for the first training.",
    "data": "Data samples: a folder each, or an asset's key.",
    "deadline": "Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.",
    "direction": "Whether higher or lower scores are better.",
    "function": "A folder with a Dockerfile and a function.yaml, which declares what it takes and makes.",
    "inputs": "The models that a function takes, by its identifiers: {task, output}, {submission, output}, or a file.",
    "label": "The label of the samples: 'train' in tasks, 'test' in objectives.",
    "layout": "How a function is told its inputs and outputs.",
    "limits": "Limits of each container.",
    "max_failures": "How many accounts may report the task broken before it pauses.",
    "max_rejects": "How many rejections are paid for beforehand.",
    "metric": "The program that scores predictions: a folder with a Dockerfile, or its archive.",
    "metrics": "The program that scores predictions without an objective: a folder with a Dockerfile, or its archive.",
    "model": "The model to score: {task: name or number}, {submission: number}, or a file or folder.",
    "models": "Input models: {task: name or number}, {submission: number}, or a file or folder each.",
    "objective": "The objective, by name or number, that the score is certified for; beside data, whose metric it is.",
    "objectives": "Objectives, by name or number, that the model may be certified for.",
    "opener": "A Python file or package with which the programs read the data samples.",
    "parameters": "Values that the program reads from parameters.json.",
    "permissions": "Who may process, download, and read logs of the document's own files, by the keys that name them.",
    "person": "Whether somebody has to be at the keyboard; nodes leave such a task alone.",
    "question": "What the worker is asked.",
    "rank": "The task's rank in its plan, which is computed; one that is given has to agree.",
    "reward": "UNIT for each accepted result.",
    "samples": "Test samples: a folder each, or an asset's key.",
    "slots": "How many results are wanted, each by another account.",
    "sweep": "Lists of values of parameters: a task for each combination.",
    "tolerance": "By how much two measurements of one model may differ.",
    "validation": "Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.",
}
"""What each key of a document means, as editors show it."""


class _Generator(GenerateJsonSchema):
    """Leaves out defaults, which are in the program's units and paths, and titles, which repeat the keys."""

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def task_schema() -> dict[str, Any]:
    """Return the schema of one document."""
    models = yaml_models()
    union: Any = Annotated[reduce(or_, models.values()), Field(discriminator="kind")]
    schema = TypeAdapter(union).json_schema(schema_generator=_Generator)
    for kind, model in models.items():
        part = schema["$defs"][model.__name__]
        part["title"] = kind
        for key, value in part["properties"].items():
            value["description"] = MEANING[key]
    return {"$schema": DIALECT, "title": "A task, an objective or a plan of node-runtime", **_without_bounds(schema)}


def _without_bounds(schema: Any) -> Any:
    """Drop what pydantic leaves of bounds in base units or ms, which is no keyword of the dialect."""
    if isinstance(schema, dict):
        return {
            key: _without_bounds(value)
            for key, value in schema.items()
            if not (key in _BOUNDS and isinstance(value, int | float))
        }
    return list(map(_without_bounds, schema)) if isinstance(schema, list) else schema
