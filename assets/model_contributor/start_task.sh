#!/bin/sh
# A contributor's task: the model of models/, trained on with data/, saved into outputs/.
set -eu
exec python3 model_contributor.py
