"""The layout ``bundle``: one container that runs the bundle's ``start_task.sh`` in a copy of the bundle's folder.

The copy is the working directory ``/task``; in-models are at ``/task/models/<key>``, data samples at
``/task/data/<key>``, outputs at ``/task/outputs``. Source: DecentralML's tutorials.
"""

from collections.abc import Callable
from pathlib import Path

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import Document, Question
from node_runtime.domain.parameters import FILE_NAME
from node_runtime.kinds.base import ModelTaskSpec, image_asset, imported_models, mismatch, single_asset, train_samples
from node_runtime.kinds.layouts import sandbox
from node_runtime.kinds.stage import Input, Inputs, Keeps, Stage, Writable, model_entry, once
from node_runtime.ports.engine import Mount
from node_runtime.spec.common import AssetSpec, Conflicts, ImageField, ImageSpec, Samples, Switch, named_twice
from node_runtime.spec.fields import BundleFolder, Source, TrainLabel
from node_runtime.spec.folders import START as START
from node_runtime.spec.folders import image_faults

ROOT = "/task"
PARAMETERS = f"{ROOT}/{FILE_NAME}"
OUTPUTS = "outputs"
# chmod first: archives and web downloads can drop the executable bit
_ENTRYPOINT = ("/bin/sh", "-c", f"cd {ROOT} && chmod u+x {START} && exec ./{START}")


class BundleModelSpec(ModelTaskSpec):
    """The keys common to the kinds whose model a bundle can make, from Train samples."""

    bundle: BundleFolder | None = None
    question: Question | None = None
    person: Switch = False
    algo: ImageField | None = None
    data: Samples = ()
    label: TrainLabel = "train"

    @property
    def learns_from(self) -> Samples:
        return self.data

    @property
    def unbuilt_bundle(self) -> Path | None:
        return unbuilt(self.bundle, self.algo)

    def assets(self) -> tuple[AssetSpec, ...]:
        return (
            *image_asset(self.algo, AssetKind.ALGO),
            *single_asset(self.bundle, AssetKind.BUNDLE),
            *self.own_assets(),
            *train_samples(self.data),
            *imported_models(self.models),
        )

    def own_assets(self) -> tuple[AssetSpec, ...]:
        """Return the assets under keys specific to the kind."""
        return ()

    def conflicts(self) -> Conflicts:
        yield from named_twice("data", self.data)
        yield from super().conflicts()
        yield from self.own_conflicts()
        if self.bundle is not None:
            yield from conflicts(self.bundle, self.algo)

    def own_conflicts(self) -> Conflicts:
        """Yield conflicts of keys specific to the kind."""
        return iter(())


def stages(output: str) -> Callable[[Document, Inputs], tuple[Stage, ...]]:
    """Return the function that builds the stages of a kind whose output in a bundle is `output`."""

    def bundle_stages(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
        bundle = inputs.bundle
        if bundle is None:
            raise mismatch("the task has no bundle", remedy="name a folder with a start_task.sh as 'bundle'")
        check_bundle(bundle, data=bool(inputs.data), models=bool(inputs.models))
        return (_work(document, inputs, bundle, output),)

    return bundle_stages


def _work(document: Document, inputs: Inputs, bundle: Input, output: str) -> Stage:
    return Stage(
        name="work",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=_ENTRYPOINT,
        environment=environment(document, inputs),
        reads=(
            *(Mount(source=one.folder, target=f"{ROOT}/data/{one.digest}") for one in once(inputs.data)),
            *(Mount(source=model_entry(one), target=f"{ROOT}/models/{one.digest}") for one in once(inputs.models)),
        ),
        writes=(
            Writable(name="task", target=ROOT, output=output, entry=OUTPUTS, keeps=Keeps.INSIDE, copied=bundle.folder),
        ),
        limits=document.limits,
    )


def check_bundle(bundle: Input, *, data: bool, models: bool) -> None:
    """Raise `TaskFailed` input_mismatch for an unusable bundle; ``data``, ``models``: whether the task has any."""
    if START not in bundle.files:
        raise mismatch(f"the bundle has no {START}", remedy="put the script that does the work into it")
    for name, given in (("data", data), ("models", models)):
        if given and name in bundle.files:
            raise mismatch(f"the bundle's file {name} is in the way of the task's {name}", remedy="rename it")


def environment(document: Document, inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Return the environment variables of a bundle's scripts, in the container and in manual work alike."""
    own = (("HOME", "/tmp"), ("TASK_NAME", document.name), ("CONTRIBUTOR_ID", str(inputs.worker)))
    return (*own, *document.variables())


def unbuilt(bundle: Source | None, algo: ImageSpec | None) -> Path | None:
    """Return the bundle's folder when the YAML names no algo as its image."""
    return bundle if algo is None and isinstance(bundle, Path) else None


def conflicts(bundle: Source, algo: ImageSpec | None) -> Conflicts:
    """Yield the YAML's keys that conflict with the bundle."""
    if algo is not None and algo.entrypoint is not None:
        yield ("algo", "entrypoint"), "a bundle is run by its start_task.sh; leave the entrypoint out"
    if algo is None and not isinstance(bundle, Path):
        yield ("bundle",), "the image is made of a bundle's folder, which isn't here; name an 'algo' too"
    elif algo is None and isinstance(bundle, Path):
        yield from ((("bundle",), told) for told in image_faults(bundle))
