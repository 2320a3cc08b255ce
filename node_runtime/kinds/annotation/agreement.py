"""Inter-annotator agreement on the same files, shown to the creator before acceptance.

Boxes of two annotators match when they have the same label and an intersection over union of at least 0.5 (PASCAL
VOC's threshold); the best pairs are matched first, each box once. Spans match when label, start and end are equal. The
F1 of two annotators is 2 × matches / (boxes of one + boxes of the other) over all files. Classes are compared by
Cohen's kappa (Cohen 1960), which is 0 at chance level.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.kinds.annotation.outputs import (
    Box,
    Classified,
    FileAnnotations,
    ObjectsFound,
    SpansFound,
    read_annotations,
)

MATCHED_FROM = 0.5

_MEASURES = {
    AnnotationType.OBJECT_DETECTION: "F1 of boxes at IoU 0.5",
    AnnotationType.CLASSIFICATION: "Cohen's kappa",
    AnnotationType.TEXT_SPAN: "F1 of spans",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two results by their indices, and their agreement; ``score`` is 1 for equal annotations.

    ``overlap`` is the mean intersection over union of the matched boxes; None without any, and for other types.
    """

    first: int
    second: int
    score: float
    overlap: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The agreement of every pair of results. ``measure`` describes ``score``."""

    measure: str
    pairs: tuple[Pair, ...]

    @property
    def score(self) -> float:
        """The mean score of the pairs."""
        return fmean(pair.score for pair in self.pairs)

    @property
    def overlap(self) -> float | None:
        """The mean overlap of the pairs; None where no boxes match."""
        known = [pair.overlap for pair in self.pairs if pair.overlap is not None]
        return fmean(known) if known else None


@dataclass(frozen=True, kw_only=True)
class _Matches:
    """The matches of two annotators in one file, with the ``overlaps`` of matched boxes."""

    count: int
    found: int  # annotations of both together
    overlaps: tuple[float, ...] = ()


def agreement(results: Sequence[Path], annotation: Annotation) -> Agreement:
    """Compare the output folders of at least two results. Raises `TaskFailed` output_invalid for unreadable ones."""
    assert len(results) > 1
    read = [read_annotations(folder, annotation) for folder in results]
    pairs = tuple(
        _compare(read[first], read[second], first, second) for first, second in combinations(range(len(read)), 2)
    )
    return Agreement(measure=_MEASURES[annotation.type], pairs=pairs)


def _compare(one: Sequence[FileAnnotations], other: Sequence[FileAnnotations], first: int, second: int) -> Pair:
    """Compare two results by F1; a file that one of them lacks counts as unmatched annotations of the other."""
    ours, theirs = {found.file: found for found in one}, {found.file: found for found in other}
    files = sorted(ours.keys() | theirs.keys())
    if any(isinstance(found, Classified) for found in (*one, *other)):
        return Pair(first=first, second=second, score=_kappa([(ours.get(file), theirs.get(file)) for file in files]))
    matches = [_matches(ours.get(file), theirs.get(file)) for file in files]
    overlaps = [overlap for match in matches for overlap in match.overlaps]
    found = sum(match.found for match in matches)
    return Pair(
        first=first,
        second=second,
        score=2 * sum(match.count for match in matches) / found if found else 1.0,  # both empty: they agree
        overlap=fmean(overlaps) if overlaps else None,
    )


def _kappa(pairs: Sequence[tuple[FileAnnotations | None, FileAnnotations | None]]) -> float:
    """Return Cohen's kappa; a missing file counts as a separate class."""
    named = [tuple(one.label if isinstance(one, Classified) else None for one in pair) for pair in pairs]
    same = sum(ours == theirs for ours, theirs in named) / len(named)
    ours, theirs = Counter(pair[0] for pair in named), Counter(pair[1] for pair in named)
    chance = sum(ours[label] * theirs[label] for label in ours) / len(named) ** 2
    return (same - chance) / (1 - chance) if chance < 1 else 1.0  # both give the same single class to every file


def _matches(one: FileAnnotations | None, other: FileAnnotations | None) -> _Matches:
    match one, other:
        case ObjectsFound(), ObjectsFound():
            overlaps = matched_overlaps(one.annotations, other.annotations)
            found = len(one.annotations) + len(other.annotations)
            return _Matches(count=len(overlaps), found=found, overlaps=overlaps)
        case SpansFound(), SpansFound():
            ours, theirs = Counter(one.annotations), Counter(other.annotations)
            return _Matches(count=(ours & theirs).total(), found=ours.total() + theirs.total())
        case _:  # one result lacks the file
            return _Matches(count=0, found=sum(_count(alone) for alone in (one, other)))


def _count(found: FileAnnotations | None) -> int:
    return len(found.annotations) if isinstance(found, ObjectsFound | SpansFound) else 0


def matched_overlaps(ours: Sequence[Box], theirs: Sequence[Box]) -> tuple[float, ...]:
    """Return the intersection over union of each matched pair of boxes, the best first."""
    if not ours or not theirs:
        return ()
    overlap = _overlaps(_boxes(ours), _boxes(theirs))
    codes = {label: code for code, label in enumerate({one.label for one in (*ours, *theirs)})}
    our_codes, their_codes = (np.array([codes[one.label] for one in boxes]) for boxes in (ours, theirs))
    overlap[our_codes[:, None] != their_codes[None, :]] = 0
    rows, columns = np.nonzero(overlap >= MATCHED_FROM)
    best_first = np.argsort(-overlap[rows, columns], kind="stable")
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    matched = []
    for row, column in zip(rows[best_first].tolist(), columns[best_first].tolist(), strict=True):
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            matched.append(float(overlap[row, column]))
    return tuple(matched)


def _boxes(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Return an array with rows x, y, width and height."""
    return np.array([box.box for box in boxes], dtype=np.float64).T


def _overlaps(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of intersections over union, a row per box of `ours`."""
    with np.errstate(all="ignore"):  # overflow from absurd coordinates gives NaN, which matches nothing
        inside = _shared(ours, theirs, axis=0) * _shared(ours, theirs, axis=1)
        union = (ours[2] * ours[3])[:, None] + theirs[2] * theirs[3] - inside
        shares: NDArray[np.float64] = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
    return shares


def _shared(ours: NDArray[np.float64], theirs: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Return the shared extent in pixels of each pair, horizontally (axis 0) or vertically (1)."""
    begin = np.maximum(ours[axis][:, None], theirs[axis])
    end = np.minimum((ours[axis] + ours[axis + 2])[:, None], theirs[axis] + theirs[axis + 2])
    length: NDArray[np.float64] = np.maximum(end - begin, 0.0)
    return length
