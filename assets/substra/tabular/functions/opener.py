"""Opener of examinations of tumours, in the form that substratools 1.0 imports."""

import csv
from pathlib import Path

import substratools as tools

MEASUREMENTS = 30


class Tumours(tools.Opener):
    def get_data(self, folders):
        """Return the measurements of each tumour, and 1 for each malignant one, 0 for each benign one."""
        rows = [row for folder in sorted(folders) for row in _rows(folder)]
        return {"x": [row[1:] for row in rows], "y": [int(row[0]) for row in rows]}

    def fake_data(self, n_samples=10):
        many = n_samples or 10
        measured = [[float((index + place) % 7) for place in range(MEASUREMENTS)] for index in range(many)]
        return {"x": measured, "y": [index % 2 for index in range(many)]}


def _rows(folder):
    with (Path(folder) / "tumours.csv").open(newline="") as file:
        yield from ([float(value) for value in row] for row in csv.reader(file))
