"""The digit of each picture, by a head and the trunk it was trained with."""

import json
from pathlib import Path

import numpy as np
import substratools as tools

BRIGHTEST = 16.0


@tools.register
def predict(inputs, outputs, task_properties):
    head, trunk = (np.load(inputs[name], allow_pickle=False) for name in ("local", "shared"))
    seen = np.tanh(np.array(inputs["datasamples"]["x"]) / BRIGHTEST @ trunk)
    Path(outputs["predictions"]).write_text(json.dumps(np.argmax(seen @ head, axis=1).tolist()))


if __name__ == "__main__":
    tools.execute()
