#!/bin/sh
# Runs in a copy of this folder; what is in outputs/ is sent.
exec python3 annotate.py
