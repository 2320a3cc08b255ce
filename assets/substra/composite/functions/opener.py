"""Opener of the pictures of digits, in the form that substratools 1.0 imports."""

import csv
from pathlib import Path

import substratools as tools


class Digits(tools.Opener):
    def get_data(self, folders):
        """Return the pictures of all samples, 64 grey values each from 0 to 16, and the digit of each."""
        rows = [row for folder in sorted(folders) for row in _rows(folder)]
        return {"x": [row[1:] for row in rows], "y": [row[0] for row in rows]}

    def fake_data(self, n_samples=10):
        many = n_samples or 10
        return {"x": [[index % 17] * 64 for index in range(many)], "y": [index % 10 for index in range(many)]}


def _rows(folder):
    with (Path(folder) / "digits.csv").open(newline="") as file:
        yield from ([int(value) for value in row] for row in csv.reader(file))
