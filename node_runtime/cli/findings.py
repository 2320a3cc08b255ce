"""Findings of checks: a row for each, with a remedy under what isn't well."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from node_runtime.errors import NodeRuntimeError

from .output import facts, paragraph


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check; with a remedy if it failed, and only then."""

    name: str
    well: bool
    seen: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.well and self.remedy:
            raise ValueError(f"the check {self.name} is well and has a remedy")


def found_by(name: str, look: Callable[[], Finding]) -> Finding:
    """Return the finding of a check; its error, if it raises one of ours, is a finding too."""
    (finding,) = all_found_by(name, lambda: iter((look(),)))
    return finding


def all_found_by(name: str, look: Callable[[], Iterator[Finding]]) -> tuple[Finding, ...]:
    try:
        return tuple(look())
    except NodeRuntimeError as error:
        return (Finding(name=name, well=False, seen=error.message, remedy=error.remedy),)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print a row for each finding; under it its remedy, from the left on, so that a command fits into a line."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        label = f"{'ok' if finding.well else 'no'}  {finding.name:<{width}}"
        facts([(label, finding.seen)], marks={"ok": "green", "no": "red"})
        if finding.remedy:
            paragraph(f"→ {finding.remedy}", first="    ", rest="      ")
