"""Two performances: which part of the tumours is told right, and which part of the malignant ones is found."""

import json
from pathlib import Path

import numpy as np
import substratools as tools


@tools.register
def score(inputs, outputs, task_properties):
    wanted = np.array(inputs["datasamples"]["y"])
    found = np.array(json.loads(Path(inputs["predictions"]).read_text())) > 0.5
    tools.save_performance(float(np.mean(found == wanted)), outputs["accuracy"])
    tools.save_performance(float(np.mean(found[wanted == 1])), outputs["sensitivity"])


if __name__ == "__main__":
    tools.execute()
