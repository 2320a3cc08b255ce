"""Federated averaging: the mean of several models' weights, weighted by their numbers of training examples.

The server's step of McMahan et al., https://arxiv.org/abs/1602.05629. As a program it is the algo of an aggregation
task: ``aggregate KEY…`` reads the folders ``/sandbox/model/KEY`` and writes ``/sandbox/model/model``.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .model_folder import (
    MAX_SAMPLES,
    MAX_WEIGHTS,
    Json,
    ModelContents,
    ModelInfo,
    ModelRefused,
    Weights,
    read_info,
    read_structure,
    read_weights,
    write_model,
)
from .structure import check_belong, check_same_shapes, check_same_structure

CONTRIBUTOR = "federated"  # the contributor in the average's info.json
_MODELS = Path("/sandbox/model")


def federate(folders: Mapping[str, Path], *, limit: int = MAX_WEIGHTS) -> ModelContents:
    """Average the models in the folders, in float64, and convert back to their dtypes.

    The keys name the models in messages. One model of at most ``limit`` bytes is in memory at a time, in addition to
    the first and the sum. Raises `ModelRefused`; its place begins with the model's key.
    """
    if not folders:
        raise ModelRefused("models", "there are none", remedy="name at least one")
    infos = {called: _info_of(called, folder) for called, folder in folders.items()}
    total = sum(info.samples for info in infos.values())
    if total > MAX_SAMPLES:
        raise ModelRefused("models", f"{total:,} samples in all", remedy="say how many there really were")
    (than, folder), *others = folders.items()
    structure, first = _first(than, folder, limit)
    sums = {name: array.astype(np.float64) * (infos[than].samples / total) for name, array in first.items()}
    for called, folder in others:
        weights = _another(called, folder, structure, first, than, limit)
        for name, array in weights.items():
            sums[name] += array.astype(np.float64) * (infos[called].samples / total)
    mean = {name: _as_before(sums[name], array) for name, array in first.items()}
    return ModelContents(structure=structure, weights=mean, info=_averaged(tuple(infos.values()), total))


def _info_of(called: str, folder: Path) -> ModelInfo:
    with _told_of(called):
        return read_info(folder)


def _first(called: str, folder: Path, limit: int) -> tuple[Json, Weights]:
    with _told_of(called):
        structure, weights = read_structure(folder), read_weights(folder, limit=limit)
        check_belong(weights, structure)
        return structure, weights


def _another(called: str, folder: Path, structure: Json, first: Weights, than: str, limit: int) -> Weights:
    with _told_of(called):
        check_same_structure(structure, read_structure(folder), than=than)
        weights = read_weights(folder, limit=limit)
        check_same_shapes(first, weights, than=than)
        return weights


def _as_before(mean: np.ndarray, array: np.ndarray) -> np.ndarray:
    """Convert a mean to the array's dtype; integers, equal in all models, are kept unchanged."""
    return mean.astype(array.dtype) if array.dtype.kind == "f" else array


def _averaged(infos: Sequence[ModelInfo], total: int) -> ModelInfo:
    """Return the average's info; its accuracy is unknown until it is scored."""
    parts = [{"contributor": info.contributor, "samples": info.samples} for info in infos]
    return ModelInfo(name=infos[0].name, contributor=CONTRIBUTOR, samples=total, rest={"averaged": parts})


@contextmanager
def _told_of(called: str) -> Iterator[None]:
    try:
        yield
    except ModelRefused as refused:
        raise ModelRefused(f"{called}: {refused.place}", refused.reason, remedy=refused.remedy) from refused


def main() -> None:
    parser = argparse.ArgumentParser(prog="fedavg", description="Average the models KEY… into /sandbox/model/model.")
    parser.add_argument("task", choices=["aggregate"])
    parser.add_argument("models", nargs="+", metavar="KEY")
    parser.add_argument("--rank", type=int, default=0, help="the task's place in its plan: one is like another")
    arguments = parser.parse_args()
    try:
        model = federate({key: _MODELS / key for key in arguments.models})
    except ModelRefused as refused:
        sys.exit(str(refused))
    write_model(model, _MODELS / "model")
    print(f"averaged {len(arguments.models)} models of {model.info.samples} samples, {len(model.weights)} arrays")


if __name__ == "__main__":
    main()
