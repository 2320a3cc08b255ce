"""The probability of each tumour to be malignant, as a model sees it."""

import json
from pathlib import Path

import numpy as np
import substratools as tools


@tools.register
def predict(inputs, outputs, task_properties):
    model = np.load(inputs["shared"], allow_pickle=False)
    values = np.array(inputs["datasamples"]["x"]) @ model[:-1] + model[-1]
    Path(outputs["predictions"]).write_text(json.dumps((1 / (1 + np.exp(-values))).tolist()))


if __name__ == "__main__":
    tools.execute()
