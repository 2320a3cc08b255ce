#!/bin/sh
# The creator's own task: the first model, from data/ into outputs/.
set -eu
exec python3 model_creator.py create
