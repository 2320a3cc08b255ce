"""Accuracy of the predictions as ``all``, beside it the number of flowers."""

import json
from pathlib import Path

import opener

PREDICTIONS = Path("/sandbox/pred/pred")
PERF = Path("/sandbox/pred/perf.json")


def main() -> None:
    truth, predicted = opener.get_y(), opener.get_predictions(PREDICTIONS)
    right = sum(one == other for one, other in zip(truth, predicted, strict=True))
    PERF.write_text(json.dumps({"all": right / len(truth), "flowers": len(truth)}))
    print(f"{right} of {len(truth)} flowers are named right")


if __name__ == "__main__":
    main()
