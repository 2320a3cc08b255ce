#!/bin/sh
# The engineer's task: another structure for models/, trained on data/, saved into outputs/.
set -eu
exec python3 model_engineer.py
