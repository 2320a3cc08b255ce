"""What went into a model, through all its ancestors, and is any of it Test for an objective it is clean for?"""

from collections.abc import Iterable
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.history import History
from tests.chain_rules.state import State


def check_clean_models(state: State, history: History) -> None:
    """No model that is clean for an objective has a Test sample of it among its bytes or its ancestors', whoever
    registered them as what; and nobody knows what an imported model has seen."""
    tests = state.registry("TestOf")
    for model, record in state.registry("Models").items():
        if not record.clean_for:
            continue
        family = set(_family(state, model))
        seen = {state.registry("Models")[member].digest for member in family}
        for member in family:
            for owner, digest in _assets(history.specs[history.task_of[member]]):
                seen.add(digest)
                kind = state.registry("Assets")[owner, digest].kind
                assert kind != "Model", f"model {model} grew from an imported one"
        for objective in record.clean_for:
            assert not [digest for digest in seen if (objective, digest) in tests], f"model {model} has seen Test"


def check_certified_scores(state: State, history: History) -> None:
    """A certified score is of a model that is clean for its objective, on exactly the objective's assets."""
    for (task, _), submission in state.tasks("Submissions").items():
        spec = history.specs[task]
        if submission.score is None:
            assert history.tasks[task].terms.kind != "Scoring"
        elif submission.score.standing == "Certified":
            _check_certified(state, history, spec)
        else:
            assert not spec.objectives
            labels = {name_of_kind(state, asset) for asset in _assets(spec)}
            assert "Test" not in labels
            assert "Train" in labels, "a cross-validation is on Train samples"


def _check_certified(state: State, history: History, spec: Any) -> None:
    (objective,) = spec.objectives
    described = state.registry("Objectives")[objective]
    wanted = {described.opener, described.metric, *described.samples}
    used = {asset for asset in _assets(spec) if name_of_kind(state, asset) in ("Opener", "Metric", "Train", "Test")}
    assert used == {(described.owner, digest) for digest in wanted}
    (model,) = _models(history, spec)
    assert objective in state.registry("Models")[model].clean_for


def name_of_kind(state: State, asset: tuple[bytes, bytes]) -> str:
    """The kind of an asset, of a sample its label."""
    kind = state.registry("Assets")[asset].kind
    return kind if isinstance(kind, str) else name_of(kind.values[0])


def _family(state: State, model: int) -> Iterable[int]:
    """The model and all its ancestors."""
    yield model
    for parent in state.registry("Models")[model].parents:
        yield from _family(state, parent)


def _models(history: History, spec: Any) -> set[int]:
    named = {entry.values[0] for entry in spec.inputs if name_of(entry) == "Model"}
    return named | {history.tasks[parent].result for parent in spec.parents}


def _assets(spec: Any) -> set[tuple[bytes, bytes]]:
    """Owner and digest of each asset among the inputs."""
    named = (entry.values[0] for entry in spec.inputs if name_of(entry) == "Asset")
    return {(asset.owner, asset.digest) for asset in named}
