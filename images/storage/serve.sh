#!/bin/sh
# Serves the volume /data by S3. The root account's keys are files; accounts and versions lie beside the buckets, and so
# do attributes: as attributes of files they could have 4 KiB on most file systems, less than a policy of ten accounts.
set -eu
umask 077
mkdir -p /data/buckets /data/accounts /data/versions /data/attributes
ROOT_ACCESS_KEY=$(cat "${ACCESS_KEY_FILE:-/run/secrets/storage_access_key}")
ROOT_SECRET_KEY=$(cat "${SECRET_KEY_FILE:-/run/secrets/storage_secret_key}")
export ROOT_ACCESS_KEY ROOT_SECRET_KEY
exec versitygw --port :7070 --region "${REGION:-us-east-1}" --iam-dir /data/accounts --health /health --quiet \
  posix --versioning-dir /data/versions --sidecar /data/attributes /data/buckets
