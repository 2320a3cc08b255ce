"""Comparison of models' structures, and of weights with a structure, by the layers in Keras' JSON.

Source: https://keras.io/guides/serialization_and_saving, ``Model.to_json()``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .model_folder import STRUCTURE, WEIGHTS, Json, ModelRefused, Weights

_SET_ASIDE = ("trainable", "layers")  # freezing a layer doesn't change the model; inner layers are compared separately
_REMEDY = "average only models that were trained from one and the same structure"


def layers_of(structure: Json) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each layer by its path, ``outer/inner`` for nested models; nothing for other formats than Keras'."""
    config = structure.get("config") if isinstance(structure, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            continue
        name = str(layer.get("name") or layer["config"].get("name") or layer.get("class_name"))
        yield name, layer
        for path, inner in layers_of(layer):
            yield f"{name}/{path}", inner


def check_same_structure(first: Json, other: Json, *, than: str) -> None:
    """Raise `ModelRefused` naming the first layer that differs; `than` names the first model."""
    ours, theirs = list(layers_of(first)), list(layers_of(other))
    for (name, layer), (their_name, their_layer) in zip(ours, theirs, strict=False):
        if name != their_name:
            raise _refused(STRUCTURE, f"layer {their_name}", f"{than} has {name} in this place")
        if difference := _difference(layer, their_layer):
            raise _refused(STRUCTURE, f"layer {name}", f"{difference} in {than}")
    if len(ours) != len(theirs):
        name, _ = max(ours, theirs, key=len)[min(len(ours), len(theirs))]
        raise _refused(STRUCTURE, f"layer {name}", _missing(than, here=len(theirs) > len(ours)))
    if not ours and first != other:
        raise _refused(STRUCTURE, "", f"it isn't that of {than}")


def check_belong(weights: Weights, structure: Json) -> None:
    """Raise `ModelRefused` for an array without a layer, where the structure lists layers."""
    layers = {path for path, _ in layers_of(structure)}
    for name in weights if layers else ():
        parts = name.split("/")
        if not any("/".join(parts[:count]) in layers for count in range(1, len(parts))):
            raise ModelRefused(
                f"{WEIGHTS}: {name}", f"{STRUCTURE} has no layer for it", remedy="save structure and weights together"
            )


def check_same_shapes(first: Weights, other: Weights, *, than: str) -> None:
    """Raise `ModelRefused` where names, shapes or dtypes differ, or integers, which have no mean."""
    for name in (*first, *other):
        if name not in other or name not in first:
            raise _refused(WEIGHTS, name, _missing(than, here=name in other))
        ours, theirs = first[name], other[name]
        if ours.shape != theirs.shape:
            raise _refused(WEIGHTS, name, f"its shape is {theirs.shape}, but {ours.shape} in {than}")
        if ours.dtype != theirs.dtype:
            raise _refused(WEIGHTS, name, f"it holds {theirs.dtype}, but {ours.dtype} in {than}")
        if ours.dtype.kind != "f" and not np.array_equal(ours, theirs):
            raise _refused(WEIGHTS, name, f"it holds whole numbers, which are others in {than}")


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Describe how two layers differ, e.g. ``units is 32, but 64``; empty when they are equal."""
    if ours.get("class_name") != theirs.get("class_name"):
        return f"it is a {theirs.get('class_name')}, but a {ours.get('class_name')}"
    one, two = ours["config"], theirs["config"]
    for key in sorted({*one, *two}.difference(_SET_ASIDE)):
        if one.get(key) != two.get(key):
            return f"{key} is {_short(two.get(key))}, but {_short(one.get(key))}"
    if ours.get("inbound_nodes") != theirs.get("inbound_nodes"):
        return "it comes after other layers than"
    return ""


def _refused(file: str, what: str, reason: str) -> ModelRefused:
    return ModelRefused(f"{file}: {what}" if what else file, reason, remedy=_REMEDY)


def _missing(than: str, *, here: bool) -> str:
    return f"it isn't in {than}" if here else f"it is in {than}, but not here"


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
