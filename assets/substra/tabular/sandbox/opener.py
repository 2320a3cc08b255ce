"""Opener of examinations of tumours, in the form that substratools 0.7 imports."""

import csv
import json
from pathlib import Path

import substratools as tools

MEASUREMENTS = 30


class Tumours(tools.Opener):
    def get_X(self, folders):
        """Return the measurements of each tumour."""
        return [row[1:] for row in _rows(folders)]

    def get_y(self, folders):
        """Return 1 for each malignant tumour, 0 for each benign one, in the order of `get_X`."""
        return [int(row[0]) for row in _rows(folders)]

    def fake_X(self, n_samples=10):
        return [[float((index + place) % 7) for place in range(MEASUREMENTS)] for index in range(n_samples or 10)]

    def fake_y(self, n_samples=10):
        return [index % 2 for index in range(n_samples or 10)]

    def save_predictions(self, y_pred, path):
        Path(path).write_text(json.dumps(y_pred))

    def get_predictions(self, path):
        return json.loads(Path(path).read_text())


def _rows(folders):
    for folder in sorted(folders):
        with (Path(folder) / "tumours.csv").open(newline="") as file:
            yield from ([float(value) for value in row] for row in csv.reader(file))
