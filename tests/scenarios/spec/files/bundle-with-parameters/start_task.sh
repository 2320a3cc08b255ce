#!/bin/sh
mkdir -p outputs
