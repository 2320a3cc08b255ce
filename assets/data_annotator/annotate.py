"""Where are the samples in the pictures? Template matching (normalised cross-correlation) at several scales."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from settings import FILES, MOST_SHARED, OUTPUTS, SAMPLES, SCALES, SURE_FROM
from skimage import color, feature, io, transform

Grey = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A box in pixels, and the correlation there."""

    label: str
    x: int
    y: int
    width: int
    height: int
    score: float


def main() -> None:
    samples = read_samples(Path(SAMPLES))
    outputs = Path(OUTPUTS)
    outputs.mkdir(exist_ok=True)
    for path in sorted(Path(FILES).iterdir()):
        found = strongest(list(matches(read_grey(path), samples)))
        boxes = [
            {"label": one.label, "box": [one.x, one.y, one.width, one.height], "score": round(one.score, 4)}
            for one in found
        ]
        target = outputs / f"{path.stem}_annotations.json"
        target.write_text(json.dumps({"file": path.name, "annotations": boxes}, indent=1) + "\n")
        print(f"{path.name}: {', '.join(f'{one.label} {one.score:.2f}' for one in found) or 'nothing'}", flush=True)


def read_samples(folder: Path) -> list[tuple[str, Grey]]:
    """Those whose label the task asks for; outside a task, all."""
    samples = [(path.stem.rsplit("-", 1)[0], read_grey(path)) for path in sorted(folder.iterdir())]
    asked = json.loads(os.environ.get("CLASS_LABELS", "null"))
    return [(label, sample) for label, sample in samples if asked is None or label in asked]


def read_grey(path: Path) -> Grey:
    """Grey values from 0 to 1."""
    picture = io.imread(path)
    grey: Grey = color.rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture / 255
    return grey


def matches(picture: Grey, samples: list[tuple[str, Grey]]) -> Iterator[Found]:
    for label, sample in samples:
        for scale in SCALES:
            height, width = (round(side * scale) for side in sample.shape)
            if height > picture.shape[0] or width > picture.shape[1]:
                continue
            pattern = transform.resize(sample, (height, width), anti_aliasing=scale < 1)
            correlation = feature.match_template(picture, pattern)
            apart = max(1, min(height, width) // 2)
            peaks = feature.peak_local_max(
                correlation, min_distance=apart, threshold_abs=SURE_FROM, exclude_border=False
            )
            for y, x in peaks.tolist():
                score = min(1.0, float(correlation[y, x]))
                yield Found(label=label, x=x, y=y, width=width, height=height, score=score)


def strongest(found: list[Found]) -> list[Found]:
    """Of boxes that share too much, the one with the highest correlation."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(shared(one, other) <= MOST_SHARED for other in kept):
            kept.append(one)
    return kept


def shared(one: Found, other: Found) -> float:
    """Intersection over union."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    inside = max(0, width) * max(0, height)
    return inside / (one.width * one.height + other.width * other.height - inside)


if __name__ == "__main__":
    main()
