"""How does the annotation example get its pictures? Pastes parts of photographs into larger ones, and keeps the truth.

Run it once: ``python assets/stories/annotation/make_pictures.py``. The photographs are those inside scikit-image.
Written are the bundle's ``annotation_samples/<label>-<number>.png`` and ``annotation_files/<ground>.png``, and here,
where no annotator gets to see it, ``truth/<ground>_annotations.json``. Each run draws the same.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data, io, transform, util

Picture = NDArray[np.uint8]

HERE = Path(__file__).parent
BUNDLE = HERE.parent.parent / "data_annotator"
SEED = 7
SIDE = 400  # pixels of a picture
GROUNDS = ("brick", "grass", "gravel")
COPIES = 5  # in each picture
SCALES = (0.85, 1.15)  # between which copies are larger or smaller than their samples
NOISE = 6.0  # grey values, one standard deviation
TRIES = 1000  # at a free place


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is cut out of a photograph, and how high its sample becomes. Pixels."""

    photograph: str
    left: int
    top: int
    width: int
    height: int
    sample_height: int


PARTS = {
    "coin-1": Part(photograph="coins", left=188, top=164, width=50, height=56, sample_height=56),
    "coin-2": Part(photograph="coins", left=20, top=230, width=60, height=60, sample_height=60),
    "cat-1": Part(photograph="chelsea", left=40, top=50, width=330, height=240, sample_height=64),
    "cup-1": Part(photograph="coffee", left=170, top=10, width=250, height=290, sample_height=72),
}


@dataclass(frozen=True, kw_only=True)
class Box:
    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: "Box") -> bool:
        apart = self.x >= other.x + other.width or other.x >= self.x + self.width
        return not (apart or self.y >= other.y + other.height or other.y >= self.y + self.height)


def make_pictures() -> None:
    """Write samples, pictures and truth; what was there before is replaced."""
    samples = {name: cut(part) for name, part in PARTS.items()}
    folders = [BUNDLE / "annotation_samples", BUNDLE / "annotation_files", HERE / "truth"]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for name, sample in samples.items():
        io.imsave(folders[0] / f"{name}.png", sample, check_contrast=False)
    random = np.random.default_rng(SEED)
    for ground in GROUNDS:
        picture, truth = paste(coloured(getattr(data, ground)()), samples, random)
        io.imsave(folders[1] / f"{ground}.png", picture, check_contrast=False)
        annotations = [{"label": label, "box": [box.x, box.y, box.width, box.height]} for label, box in truth]
        value = {"file": f"{ground}.png", "annotations": annotations}
        (folders[2] / f"{ground}_annotations.json").write_text(json.dumps(value, indent=1) + "\n")
        print(f"{ground}.png: {', '.join(label for label, _ in truth)}")


def cut(part: Part) -> Picture:
    photograph = coloured(getattr(data, part.photograph)())
    found = photograph[part.top : part.top + part.height, part.left : part.left + part.width]
    return scaled(found, part.sample_height / part.height)


def paste(
    ground: Picture, samples: dict[str, Picture], random: np.random.Generator
) -> tuple[Picture, list[tuple[str, Box]]]:
    """The picture with copies of samples at free places, each of another brightness, under noise."""
    picture = ground[:SIDE, :SIDE].astype(float)
    truth: list[tuple[str, Box]] = []
    for _ in range(COPIES):
        name = str(random.choice(list(samples)))
        copy = scaled(samples[name], random.uniform(*SCALES))
        box = free_place(copy, [taken for _, taken in truth], random)
        picture[box.y : box.y + box.height, box.x : box.x + box.width] = copy * random.uniform(0.75, 1.0)
        truth.append((name.split("-")[0], box))
    picture += random.normal(0, NOISE, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def free_place(copy: Picture, taken: list[Box], random: np.random.Generator) -> Box:
    height, width = copy.shape[:2]
    for _ in range(TRIES):
        x, y = int(random.integers(0, SIDE - width)), int(random.integers(0, SIDE - height))
        box = Box(x=x, y=y, width=width, height=height)
        if not any(box.overlaps(other) for other in taken):
            return box
    raise ValueError(f"no free place for a copy of {width} × {height} pixels; use fewer copies")


def scaled(picture: Picture, scale: float) -> Picture:
    height, width = (round(side * scale) for side in picture.shape[:2])
    made: Picture = util.img_as_ubyte(transform.resize(picture, (height, width), anti_aliasing=True))
    return made


def coloured(picture: Picture) -> Picture:
    return np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture


if __name__ == "__main__":
    make_pictures()
