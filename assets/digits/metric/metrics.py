"""How good are the predictions? Accuracy as ``all``, beside it the confusion matrix: rows are true digits, columns
predicted ones.
"""

import json
from pathlib import Path

import opener

PREDICTIONS = Path("/sandbox/pred/pred")
PERF = Path("/sandbox/pred/perf.json")
CLASSES = 10


def main() -> None:
    truth, predicted = opener.get_y(), opener.get_predictions(PREDICTIONS)
    if len(truth) != len(predicted):
        raise SystemExit(f"{len(predicted)} predictions for {len(truth)} pictures")
    confusion = [[0] * CLASSES for _ in range(CLASSES)]
    for true, guess in zip(truth, predicted, strict=True):
        confusion[true][guess] += 1
    accuracy = sum(confusion[digit][digit] for digit in range(CLASSES)) / len(truth)
    PERF.write_text(json.dumps({"all": accuracy, "pictures": len(truth), "confusion_matrix": confusion}))
    print(f"accuracy {accuracy:.4f} on {len(truth)} pictures")


if __name__ == "__main__":
    main()
