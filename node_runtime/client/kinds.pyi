# Written by `make types` from the kinds' YAML models.
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Required, TypeAlias, TypedDict

from pydantic import JsonValue

from node_runtime.domain.assets import Asset, AssetRef
from node_runtime.domain.assets import Objective as ObjectiveOnChain
from node_runtime.domain.task import Submission

from .documents import YamlDocument
from .handles import TaskHandle

Place: TypeAlias = str | Path | Asset | AssetRef
"""A file or folder, or a registered asset."""
Named: TypeAlias = str | int | YamlDocument | TaskHandle | ObjectiveOnChain
"""A name among the documents or on chain, a number on chain, or the object itself."""

__all__ = ["Aggregation", "Annotation", "Function", "Objective", "Plan", "Restructuring", "Scoring", "Training"]

class AdmitsSpec(TypedDict, total=False):
    owners: Required[Sequence[str]]
    algos: Sequence[Place]

class Aggregation(YamlDocument):
    """A document of kind aggregation.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    models: Input models: {task: name or number}, {submission: number}, or a file or folder each.
    keep: false: the model is transient; its bytes are dropped once no task of the plan needs them.
    objectives: Objectives, by name or number, that the model may be certified for.
    algo: The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.
    opener: A Python file or package with which the programs read the data samples.
    rank: The task's rank in its plan, which is computed; one that is given has to agree.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        models: Sequence[Place | ModelSpec | YamlDocument | TaskHandle | Submission],
        keep: bool = ...,
        objectives: Sequence[Named] = ...,
        algo: Place | ImageSpec = ...,
        opener: Place | None = ...,
        rank: int | None = ...,
    ) -> None: ...

class Annotation(YamlDocument):
    """A document of kind annotation.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    bundle: A folder with a start_task.sh.
    algo: The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.
    person: Whether somebody has to be at the keyboard; nodes leave such a task alone.
    annotation_type: What is annotated: boxes in pictures, one class of each file, or spans of texts.
    question: What the worker is asked.
    class_labels: The labels that annotators may use.
    class_coordinates: Where the classes are, for annotators.
    annotation_json: Any further instructions for the annotators.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        bundle: Place,
        algo: Place | ImageSpec | None = ...,
        person: bool = ...,
        annotation_type: Literal["object_detection", "classification", "text_span"],
        question: str,
        class_labels: Sequence[str],
        class_coordinates: Mapping[str, JsonValue] = ...,
        annotation_json: Mapping[str, JsonValue] = ...,
    ) -> None: ...

class AutoSpec(TypedDict, total=False):
    pass

class CustomSpec(TypedDict, total=False):
    judge: Required[str]
    window: str

class FunctionSource(TypedDict, total=False):
    source: Required[Place]
    image: str | None

class Function(YamlDocument):
    """A document of kind function.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    layout: How a function is told its inputs and outputs.
    function: A folder with a Dockerfile and a function.yaml, which declares what it takes and makes.
    opener: A Python file or package with which the programs read the data samples.
    data: Data samples: a folder each, or an asset's key.
    label: The label of the samples: 'train' in tasks, 'test' in objectives.
    inputs: The models that a function takes, by its identifiers: {task, output}, {submission, output}, or a file.
    keep: false: the model is transient; its bytes are dropped once no task of the plan needs them.
    objective: The objective, by name or number, that the score is certified for; beside data, whose metric it is.
    objectives: Objectives, by name or number, that the model may be certified for.
    rank: The task's rank in its plan, which is computed; one that is given has to agree.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        layout: Literal["substra"] = ...,
        function: Place | FunctionSource,
        opener: Place | None = ...,
        data: Sequence[Place] = ...,
        label: Literal["train"] = ...,
        inputs: Mapping[
            str,
            Place
            | TakenSpec
            | Sequence[Place | TakenSpec | YamlDocument | TaskHandle | Submission]
            | YamlDocument
            | TaskHandle
            | Submission,
        ] = ...,
        keep: bool = ...,
        objective: Named | None = ...,
        objectives: Sequence[Named] = ...,
        rank: int | None = ...,
    ) -> None: ...

class ImageSpec(TypedDict, total=False):
    source: Required[Place]
    image: str | None
    entrypoint: Sequence[str] | None

class LimitsSpec(TypedDict, total=False):
    cpus: float
    memory: str
    timeout: str
    outputs: str
    scratch: str
    local: str
    gpus: int
    gpu_memory: str | None

class ManualSpec(TypedDict, total=False):
    window: str

class ModelSpec(TypedDict, total=False):
    task: Named | None
    submission: int | None
    source: Place | None

class Objective(YamlDocument):
    """A document of kind objective.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    metric: The program that scores predictions: a folder with a Dockerfile, or its archive.
    opener: A Python file or package with which the programs read the data samples.
    samples: Test samples: a folder each, or an asset's key.
    label: The label of the samples: 'train' in tasks, 'test' in objectives.
    direction: Whether higher or lower scores are better.
    tolerance: By how much two measurements of one model may differ.
    admits: Whose assets, and which of their programs, may go into models that are certified for the objective.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        metric: Place,
        opener: Place,
        samples: Sequence[Place],
        label: Literal["test"] = ...,
        direction: Literal["higher", "lower"] = ...,
        tolerance: float = ...,
        admits: AdmitsSpec | None = ...,
        permissions: PermissionsSpec | None = ...,
    ) -> None: ...

class PermissionsSpec(TypedDict, total=False):
    algo: RightsSpec | None
    bundle: RightsSpec | None
    data: SampleRightsSpec | None
    function: RightsSpec | None
    inputs: RightsSpec | None
    metric: RightsSpec | None
    metrics: RightsSpec | None
    model: RightsSpec | None
    models: RightsSpec | None
    opener: RightsSpec | None
    samples: SampleRightsSpec | None

class Plan(YamlDocument):
    """A document of kind plan.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    """

    name: str
    def __init__(self, *, name: str) -> None: ...

class Restructuring(YamlDocument):
    """A document of kind restructuring.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    models: Input models: {task: name or number}, {submission: number}, or a file or folder each.
    keep: false: the model is transient; its bytes are dropped once no task of the plan needs them.
    objectives: Objectives, by name or number, that the model may be certified for.
    bundle: A folder with a start_task.sh.
    question: What the worker is asked.
    person: Whether somebody has to be at the keyboard; nodes leave such a task alone.
    algo: The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.
    data: Data samples: a folder each, or an asset's key.
    label: The label of the samples: 'train' in tasks, 'test' in objectives.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        models: Sequence[Place | ModelSpec | YamlDocument | TaskHandle | Submission] = ...,
        keep: bool = ...,
        objectives: Sequence[Named] = ...,
        bundle: Place,
        question: str | None = ...,
        person: bool = ...,
        algo: Place | ImageSpec | None = ...,
        data: Sequence[Place] = ...,
        label: Literal["train"] = ...,
    ) -> None: ...

class RightsSpec(TypedDict, total=False):
    process: Literal["public"] | Sequence[str]
    download: Literal["public"] | Sequence[str]
    logs: Literal["public"] | Sequence[str]

class SampleRightsSpec(TypedDict, total=False):
    process: Literal["public"] | Sequence[str]
    download: Literal["public"] | Sequence[str]
    logs: Literal["public"] | Sequence[str]
    algos: Literal["any"] | Sequence[Place]

class Scoring(YamlDocument):
    """A document of kind scoring.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    model: The model to score: {task: name or number}, {submission: number}, or a file or folder.
    composite: Head and trunk of earlier tasks, {head: {task: …}, trunk: {task: …}}; {} for the first training.
    algo: The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.
    objective: The objective, by name or number, that the score is certified for; beside data, whose metric it is.
    opener: A Python file or package with which the programs read the data samples.
    data: Data samples: a folder each, or an asset's key.
    label: The label of the samples: 'train' in tasks, 'test' in objectives.
    metrics: The program that scores predictions without an objective: a folder with a Dockerfile, or its archive.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        model: Place | ModelSpec | YamlDocument | TaskHandle | Submission | None = ...,
        composite: Mapping[str, Place | ModelSpec | YamlDocument | TaskHandle | Submission] | None = ...,
        algo: Place | ImageSpec,
        objective: Named | None = ...,
        opener: Place | None = ...,
        data: Sequence[Place] = ...,
        label: Literal["train"] | None = ...,
        metrics: Place | ImageSpec | None = ...,
    ) -> None: ...

class TakenSpec(TypedDict, total=False):
    task: Named | None
    submission: int | None
    source: Place | None
    output: Named | None

class TaskPermissionsSpec(TypedDict, total=False):
    algo: RightsSpec | None
    bundle: RightsSpec | None
    data: SampleRightsSpec | None
    function: RightsSpec | None
    inputs: RightsSpec | None
    metric: RightsSpec | None
    metrics: RightsSpec | None
    model: RightsSpec | None
    models: RightsSpec | None
    opener: RightsSpec | None
    samples: SampleRightsSpec | None
    outputs: RightsSpec | None

class Training(YamlDocument):
    """A document of kind training.

    name: A letter, then letters, digits, '.', '_' and '-'. Later documents of the file refer to it.
    reward: UNIT for each accepted result.
    bond: UNIT that a worker puts down while it holds a slot.
    slots: How many results are wanted, each by another account.
    max_rejects: How many rejections are paid for beforehand.
    max_failures: How many accounts may report the task broken before it pauses.
    assign_to: The only account that may take the task; anyone without it.
    validation: Who accepts results: auto, {manual: {window: 24h}}, or {custom: {judge: account, window: 24h}}.
    deadline: Until when the task may be taken and its result sent, from its submission: 30s, 15m, 2h, 1d.
    limits: Limits of each container.
    parameters: Values that the program reads from parameters.json.
    permissions: Who may process, download, and read logs of the document's own files, by the keys that name them.
    sweep: Lists of values of parameters: a task for each combination.
    models: Input models: {task: name or number}, {submission: number}, or a file or folder each.
    keep: false: the model is transient; its bytes are dropped once no task of the plan needs them.
    objectives: Objectives, by name or number, that the model may be certified for.
    bundle: A folder with a start_task.sh.
    question: What the worker is asked.
    person: Whether somebody has to be at the keyboard; nodes leave such a task alone.
    algo: The program: a folder with a Dockerfile, its archive, an asset's key, or {source, image, entrypoint}.
    data: Data samples: a folder each, or an asset's key.
    label: The label of the samples: 'train' in tasks, 'test' in objectives.
    opener: A Python file or package with which the programs read the data samples.
    composite: Head and trunk of earlier tasks, {head: {task: …}, trunk: {task: …}}; {} for the first training.
    rank: The task's rank in its plan, which is computed; one that is given has to agree.
    """

    name: str
    def __init__(
        self,
        *,
        name: str,
        reward: float | str,
        bond: float | str | None = ...,
        slots: int = ...,
        max_rejects: int | None = ...,
        max_failures: int | None = ...,
        assign_to: str | None = ...,
        validation: Literal["auto", "manual"] | ValidationSpec = ...,
        deadline: str = ...,
        limits: LimitsSpec = ...,
        parameters: Mapping[str, JsonValue] | None = ...,
        permissions: TaskPermissionsSpec | None = ...,
        sweep: Mapping[str, Sequence[JsonValue]] | None = ...,
        models: Sequence[Place | ModelSpec | YamlDocument | TaskHandle | Submission] = ...,
        keep: bool = ...,
        objectives: Sequence[Named] = ...,
        bundle: Place | None = ...,
        question: str | None = ...,
        person: bool = ...,
        algo: Place | ImageSpec | None = ...,
        data: Sequence[Place] = ...,
        label: Literal["train"] = ...,
        opener: Place | None = ...,
        composite: Mapping[str, Place | ModelSpec | YamlDocument | TaskHandle | Submission] | None = ...,
        rank: int | None = ...,
    ) -> None: ...

class ValidationSpec(TypedDict, total=False):
    auto: AutoSpec | None
    manual: ManualSpec | None
    custom: CustomSpec | None
    committee: None
