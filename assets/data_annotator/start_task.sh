#!/bin/sh
# Looks for the samples in the pictures; what is found goes to outputs/. PYTHON names another interpreter.
set -e
cd "$(dirname "$0")"
exec "${PYTHON:-python3}" -B annotate.py  # -B: leaves nothing but outputs behind
