"""DecentralML's functions that create tasks, with its names and order of parameters.

``docs/decentralml.md`` documents each parameter, unsupported ones included. Files are stored by digest and registered;
passphrases and credentials are neither stored nor sent.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import JsonValue
from substrateinterface import Keypair

from node_runtime.creator.submit import SubmitJournal, submit
from node_runtime.creator.validation.strategies import Strategy
from node_runtime.domain.task import Kind, TaskId
from node_runtime.errors import InputError, SpecError
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import CreatorCalls
from node_runtime.spec.read import read_specs
from node_runtime.stores.access import StorageAccess

from .boundary import python_function
from .bundles import Files, Samples, annotation_keys, assembled_bundle, read_annotation_json, read_labels
from .parameters import Offer, YamlTask, check_storage, name_of, yaml_text
from .session import Substrate

Account: TypeAlias = Keypair | str | Path | None
"""A key pair, a keystore file, or a development account like ``//Alice``; see `Substrate.account`."""
Model: TypeAlias = int | str | Path
"""An in-model: the number of the task that produces it, or the path of a model's file or folder."""

_PLACE = re.compile(r"^.*?\.yaml:\d+:\d+: ", re.MULTILINE)
_PARAMETERS = {"reward": "pays_amount", "slots": "max_assignments", "deadline": "expiration_block"}


@python_function
def create_task_data_annotator(
    expiration_block: int | str,
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_type: str,
    question: str,
    pays_amount: int | str,
    max_assignments: int,
    validation_strategy: str | Strategy,
    annotation_type: str,
    annotation_media_samples: Samples,
    annotation_files: Files,
    annotation_class_labels: str | Sequence[str],
    annotation_class_coordinates: str | Mapping[str, Any] | Sequence[Any] | None,
    annotation_json: str | Path | Mapping[str, Any] | None,
    annotation_files_storage_type: str | None = "local",
    annotation_files_storage_credentials: object = None,
    *,
    name: str = "annotation",
    algo: Path | str | None = None,
    parameters: Mapping[str, JsonValue] | None = None,
    extras: Mapping[str, JsonValue] | None = None,
    say: Say = lambda _: None,
) -> TaskId:
    """Create a task for data annotators; return its number.

    ``parameters`` are given to its program as parameters.json, ``extras`` are further keys of its YAML, e.g. limits.
    Raises `InputError` naming the parameter, `ChainRefused`, `StorageError`.
    """
    kind, credentials = annotation_files_storage_type, annotation_files_storage_credentials
    access = check_storage(kind, credentials, "annotation_files", substrate.storage)
    offer = Offer(
        expiration_block=expiration_block,
        task_type=task_type,
        question=question,
        pays_amount=pays_amount,
        max_assignments=max_assignments,
        validation_strategy=validation_strategy,
        extras=extras or {},
        parameters=parameters,
    )
    labels, asked = read_labels(annotation_class_labels), read_annotation_json(annotation_json)
    keys = offer.yaml(Kind.ANNOTATION, name=name)
    keys |= annotation_keys(annotation_type, labels, annotation_class_coordinates, asked)
    with assembled_bundle(
        annotation_files, annotation_media_samples, labels=labels, annotation_type=annotation_type, script=asked.script
    ) as bundle:
        return _create(keys | _paths(bundle, algo), substrate, substrate.account(sudoaccount, passphrase), say, access)


@python_function
def create_task_model_engineer(
    expiration_block: int | str,
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_type: str,
    question: str,
    pays_amount: int | str,
    max_assignments: int,
    validation_strategy: str | Strategy,
    model_engineer_path: str | Path,
    model_engineer_storage_type: str | None = "local",
    model_engineer_storage_credentials: object = None,
    *,
    models: Sequence[Model] = (),
    data: Sequence[str | Path] = (),
    algo: Path | str | None = None,
    name: str | None = None,
    parameters: Mapping[str, JsonValue] | None = None,
    extras: Mapping[str, JsonValue] | None = None,
    say: Say = lambda _: None,
) -> TaskId:
    """Create a task for model engineers, who restructure ``models``; return its number.

    ``model_engineer_path`` is the bundle's folder, ``algo`` a folder with its Dockerfile. Raises as
    `create_task_data_annotator`.
    """
    kind, credentials = model_engineer_storage_type, model_engineer_storage_credentials
    access = check_storage(kind, credentials, "model_engineer", substrate.storage)
    offer = Offer(
        expiration_block=expiration_block,
        task_type=task_type,
        question=question,
        pays_amount=pays_amount,
        max_assignments=max_assignments,
        validation_strategy=validation_strategy,
        extras=extras or {},
        parameters=parameters,
    )
    bundle = Path(model_engineer_path).expanduser()
    keys = offer.yaml(Kind.RESTRUCTURING, name=name or name_of(bundle)) | _paths(bundle, algo, models, data)
    return _create(keys, substrate, substrate.account(sudoaccount, passphrase), say, access)


@python_function
def create_task_model_contributor(
    expiration_block: int | str,
    substrate: Substrate,
    sudoaccount: Account,
    passphrase: str | None,
    task_type: str,
    question: str,
    pays_amount: int | str,
    max_assignments: int,
    validation_strategy: str | Strategy,
    model_contributor_path: str | Path,
    model_contributor_storage_type: str | None = "local",
    model_contributor_storage_credentials: object = None,
    *,
    models: Sequence[Model] = (),
    data: Sequence[str | Path] = (),
    algo: Path | str | None = None,
    name: str | None = None,
    parameters: Mapping[str, JsonValue] | None = None,
    extras: Mapping[str, JsonValue] | None = None,
    say: Say = lambda _: None,
) -> TaskId:
    """Create a task for model contributors, who train ``models`` on the folders ``data``; return its number.

    ``model_contributor_path`` is the bundle's folder, ``algo`` a folder with its Dockerfile. Raises as
    `create_task_data_annotator`.
    """
    kind, credentials = model_contributor_storage_type, model_contributor_storage_credentials
    access = check_storage(kind, credentials, "model_contributor", substrate.storage)
    offer = Offer(
        expiration_block=expiration_block,
        task_type=task_type,
        question=question,
        pays_amount=pays_amount,
        max_assignments=max_assignments,
        validation_strategy=validation_strategy,
        extras=extras or {},
        parameters=parameters,
    )
    bundle = Path(model_contributor_path).expanduser()
    keys = offer.yaml(Kind.TRAINING, name=name or name_of(bundle)) | _paths(bundle, algo, models, data)
    return _create(keys, substrate, substrate.account(sudoaccount, passphrase), say, access)


def _paths(
    bundle: Path, algo: Path | str | None, models: Sequence[Model] = (), data: Sequence[str | Path] = ()
) -> YamlTask:
    """Return the YAML keys of the paths, absolute because the YAML is written to a temporary folder."""
    keys: YamlTask = {"bundle": _absolute(bundle)}
    if algo is not None:
        keys["algo"] = _absolute(algo)
    if models:
        keys["models"] = [{"task": one} if isinstance(one, int) else {"source": _absolute(one)} for one in models]
    if data:
        keys["data"] = [_absolute(one) for one in data]
    return keys


def _absolute(path: str | Path) -> str:
    return str(Path(path).expanduser().absolute())


def _create(
    keys: YamlTask, substrate: Substrate, chain: CreatorCalls, say: Say, access: StorageAccess | None
) -> TaskId:
    """Write the keys as a task's YAML and submit that, so that the YAML reader validates both interfaces."""
    with scratch_folder() as scratch:
        file = scratch / "task.yaml"
        file.write_text(yaml_text(keys), encoding="utf-8")
        try:
            read = read_specs(file)
        except SpecError as error:
            raise InputError(_in_parameters(error.message), remedy=error.remedy) from None
        journal = SubmitJournal.of(substrate.url, chain.account)
        (task,) = submit(read, chain, substrate.store_of(chain.account, access), say=say, journal=journal).tasks
        return task.id


def _in_parameters(message: str) -> str:
    """Translate a message of the YAML reader: drop places, replace keys by the function's parameters."""
    plain = _PLACE.sub("", message)
    for key, parameter in _PARAMETERS.items():
        plain = re.sub(rf"^{key}\b", parameter, plain, flags=re.MULTILINE)
    return plain
