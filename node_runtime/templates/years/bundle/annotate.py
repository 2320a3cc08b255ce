"""Writes the annotations of each text: the places of its years."""

import json
import os
import re
from pathlib import Path

YEAR = re.compile(r"\b1[0-9]{3}\b")


def main() -> None:
    (label,) = json.loads(os.environ["CLASS_LABELS"])
    for text in sorted(Path("annotation_files").glob("*.txt")):
        found = YEAR.finditer(text.read_text(encoding="utf-8"))
        spans = [{"label": label, "start": one.start(), "end": one.end()} for one in found]
        target = Path("outputs") / f"{text.stem}_annotations.json"
        target.write_text(json.dumps({"file": text.name, "annotations": spans}))
        print(f"{text.name}: {len(spans)} years")


if __name__ == "__main__":
    main()
