"""Output of what is read before it is trusted: assets and the code of tasks, strangers' text escaped and indented."""

from collections.abc import Iterable

from node_runtime.creator.reading import AssetView, Code, SourceFile
from node_runtime.domain.assets import Visibility
from node_runtime.domain.units import size
from node_runtime.platform.printable import many_lines

from .output import counted, facts, line, quoted, render, table
from .permissions import described

_LISTED = 20  # files of an asset


def print_asset(view: AssetView) -> None:
    """Print a registered asset, who may read it, and its first files."""
    asset = view.asset
    private = asset.visibility is Visibility.PRIVATE
    told = (
        ("kind", asset.kind.replace("_", " ")),
        *((("label", str(asset.label)),) if asset.label is not None else ()),
        ("owner", asset.ref.owner),
        ("digest", asset.ref.digest),
        ("visibility", str(asset.visibility)),
        ("uri", asset.uri),
        ("storage", _stored(view)),
        *described(view.permissions, own=asset.ref.owner),
        ("bytes", _who_reads(view, private=private)),
    )
    facts(told)
    files = view.files or ()
    if files:
        line("")
        listed = table("size", "file", right=("size",), whole=("size", "file"))
        for file in files[:_LISTED]:
            listed.add_row(size(file.size), file.path)
        render(listed)
    if len(files) > _LISTED:
        line(f"and {counted(len(files) - _LISTED, 'more file')}", style="dim")


def _stored(view: AssetView) -> str:
    if view.files is None:
        return "not in this storage"
    return f"{size(view.size)} in {counted(len(view.files), 'file')}"


def _who_reads(view: AssetView, *, private: bool) -> str:
    if private and view.files is None:
        return "on its owner's node, where alone tasks on it run; nobody else reads them"
    if private:
        return "on its owner's node, where alone tasks on it run; whoever reads this storage finds them here too"
    return "in the storage; whoever can read that reads them"


def print_code(every: Iterable[Code]) -> None:
    """Print the text of each program's files; files that are no text are named only."""
    for code in every:
        line(f"{code.role}  {code.ref}", style="bold")
        if code.reason:
            line(f"  can't be shown: {code.reason}")
        for file in code.files:
            line("")
            line(f"  {file.path}  {size(file.size)}{_not_whole(file)}", style="dim")
            quoted(many_lines(file.text or ""))  # escaped first: a style in code is part of it, and would be left out
        line("")


def _not_whole(file: SourceFile) -> str:
    if file.text is None:
        return ", no text" if file.size else ""
    return ", its beginning" if file.cut else ""
