"""Write the examinations of 569 tumours inside scikit-learn as samples of two hospitals and a registry.

Run it once: ``python assets/substra/tabular/make_data.py``. Each folder ``data/<name>/`` is one data sample with one
file, ``tumours.csv``: a row for each tumour, 1 where it is malignant and 0 where it is benign, then 30 measurements of
its cells. The split is always the same, so the samples keep their digests, which the plans name; what is there already
is left alone.

The hospitals see different patients: one in seven tumours of hospital 1 is malignant, five in eight of hospital 2 are.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from sklearn.datasets import load_breast_cancer

SPLIT = {"registry": (57, 112), "hospital-1": (28, 172), "hospital-2": (127, 73)}  # malignant, benign
SEED = 569


def make_data(folder: Path) -> None:
    """Write the samples into `folder`."""
    malignant, benign = shuffled_rows(1), shuffled_rows(0)
    for name, (bad, good) in SPLIT.items():
        rows = [next(malignant) for _ in range(bad)] + [next(benign) for _ in range(good)]
        text, file = "".join(rows), folder / name / "tumours.csv"
        if file.exists() and file.read_text() == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        print(f"{file}: {len(rows)} tumours")


def shuffled_rows(malignant: int) -> Iterator[str]:
    """Yield the rows of one class; in scikit-learn's data 0 stands for malignant."""
    tumours = load_breast_cancer()
    chosen = [index for index, benign in enumerate(tumours.target) if benign != malignant]
    random.Random(SEED).shuffle(chosen)
    for index in chosen:
        yield f"{malignant},{','.join(str(float(value)) for value in tumours.data[index])}\n"


if __name__ == "__main__":
    make_data(Path(__file__).parent / "data")
