"""The functions have the parameters of DecentralML's documents, and docs/decentralml.md documents each."""

import inspect
import re
from pathlib import Path

import pytest

from node_runtime import creator

COMMON = [
    "expiration_block",
    "substrate",
    "sudoaccount",
    "passphrase",
    "task_type",
    "question",
    "pays_amount",
    "max_assignments",
    "validation_strategy",
]
PARAMETERS = {
    "create_task_data_annotator": [
        *COMMON,
        "annotation_type",
        "annotation_media_samples",
        "annotation_files",
        "annotation_class_labels",
        "annotation_class_coordinates",
        "annotation_json",
        "annotation_files_storage_type",
        "annotation_files_storage_credentials",
    ],
    "create_task_model_engineer": [
        *COMMON,
        "model_engineer_path",
        "model_engineer_storage_type",
        "model_engineer_storage_credentials",
    ],
    "create_task_model_contributor": [
        *COMMON,
        "model_contributor_path",
        "model_contributor_storage_type",
        "model_contributor_storage_credentials",
    ],
    "list_task": ["substrate"],
    "assign_task": ["substrate", "sudoaccount", "passphrase", "task_id"],
    "send_task_result": [
        "substrate",
        "keypair",
        "submission_id",
        "result",
        "result_path",
        "result_storage_type",
        "result_storage_credentials",
    ],
    "list_task_results": ["substrate"],
    "validate_task_results": ["substrate"],
    "accept_task_results": ["substrate"],
    "reject_task_results": ["substrate"],
    "federate": ["substrate"],
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_function_has_the_parameters_of_the_documents_in_their_order(name: str) -> None:
    parameters = inspect.signature(getattr(creator, name)).parameters
    documented = PARAMETERS[name]
    assert list(parameters)[: len(documented)] == documented
    assert all(parameters[one].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for one in documented)


def test_every_parameter_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "decentralml.md").read_text()
    for name in PARAMETERS:
        for parameter in inspect.signature(getattr(creator, name)).parameters:
            shared = re.sub(r"^.*(?=_storage_(type|credentials)$)", "…", parameter)
            assert f"`{parameter}" in text or f"`{shared}`" in text or f" {parameter}" in text, f"{name}: {parameter}"
