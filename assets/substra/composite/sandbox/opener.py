"""Opener of the pictures of digits, in the form that substratools 0.7 imports."""

import csv
import json
from pathlib import Path

import substratools as tools


class Digits(tools.Opener):
    def get_X(self, folders):
        """Return the pictures of all samples: 64 grey values each, from 0 to 16."""
        return [row[1:] for row in _rows(folders)]

    def get_y(self, folders):
        return [row[0] for row in _rows(folders)]

    def fake_X(self, n_samples=10):
        return [[index % 17] * 64 for index in range(n_samples or 10)]

    def fake_y(self, n_samples=10):
        return [index % 10 for index in range(n_samples or 10)]

    def save_predictions(self, y_pred, path):
        Path(path).write_text(json.dumps(y_pred))

    def get_predictions(self, path):
        return json.loads(Path(path).read_text())


def _rows(folders):
    for folder in sorted(folders):
        with (Path(folder) / "digits.csv").open(newline="") as file:
            yield from ([int(value) for value in row] for row in csv.reader(file))
