"""Tasks of each kind with inputs that lie nowhere, as stages are made of them."""

from pathlib import Path
from typing import Any

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Document, Image, Limits, ModelOf
from node_runtime.domain.task import Kind
from node_runtime.kinds import Input, Inputs
from node_runtime.kinds.aggregation import AggregationDocument
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.engine import Mount

OWNER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
HERE = Path("/cache")


def tree(name: str, *, files: tuple[str, ...] = ("data.csv",), folders: tuple[str, ...] = ()) -> Input:
    digest = Digest(name.encode().hex().ljust(64, "0"))
    return Input(digest=digest, folder=HERE / digest, files=files, folders=folders)


ALGO = tree("algo", files=("Dockerfile", "algo.py"))
METRIC = tree("metric", files=("Dockerfile", "metrics.py"))
OPENER = tree("opener", files=("my_opener.py",))
DATA = (tree("two"), tree("one"))
MODEL = tree("model", files=("model",))
INPUTS = Inputs(worker=WORKER, algo=ALGO, metric=METRIC, opener=OPENER, data=DATA, models=(MODEL,))


def key(item: Input) -> str:
    return f"{OWNER}/{item.digest}"


COMMON: dict[str, Any] = {
    "name": "digits",
    "algo": Image(source=key(ALGO)),
    "data": tuple(key(sample) for sample in DATA),
    "models": (ModelOf(task=1),),
    "limits": Limits(outputs=1 << 20),
}
DOCUMENTS: dict[Kind, Document] = {
    Kind.TRAINING: TrainingDocument(**COMMON, opener=key(OPENER)),
    Kind.SCORING: ScoringDocument(
        **COMMON, opener=key(OPENER), metric=Image(source=key(METRIC), entrypoint=("python", "m.py"))
    ),
    Kind.AGGREGATION: AggregationDocument(**COMMON),
}


def document(kind: Kind, **changes: object) -> Document:
    return DOCUMENTS[kind].model_copy(update=changes)


def seen(mounts: tuple[Mount, ...]) -> dict[str, Path]:
    return {mount.target: mount.source for mount in mounts if mount.quota is None}


def inputs(**changes: object) -> Inputs:
    parts: dict[str, object] = {
        "worker": WORKER,
        "algo": ALGO,
        "metric": METRIC,
        "opener": OPENER,
        "data": DATA,
        "models": (MODEL,),
        "local": None,
    }
    return Inputs(**{**parts, **changes})  # type: ignore[arg-type]
