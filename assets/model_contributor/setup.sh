#!/bin/sh
# Sets up a person's Python environment for this folder; the one that is active gets the packages.
set -eu
python3 -m pip install --quiet -r requirements.txt
