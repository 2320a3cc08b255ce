#!/bin/sh
# What is in the base image? Debian's Python 3.11 with pip, made without an image registry.
# usage: base_image.sh FOLDER CA_BUNDLE — debootstraps into FOLDER (root only) and makes it small and usable for pip.
# The text of this file is part of the image's digest: a change here is a new image.
set -eu
root=$1
bundle=$2

debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm "$root"

# the host's trust, so that pip and Python reach what the host reaches
cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
# what Dockerfiles written for the official Python image expect: a `python`, and a pip that installs
ln -sf python3 "$root/usr/bin/python"
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED

# small: no caches, lists, documentation or translations, now or after an `apt-get install` in a Dockerfile
cat > "$root/etc/apt/apt.conf.d/image" <<'APT'
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
APT
cat > "$root/etc/dpkg/dpkg.cfg.d/image" <<'DPKG'
path-exclude /usr/share/doc/*
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
DPKG
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/tmp/*
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/*
rm -rf "$root"/usr/lib/python3.11/test "$root"/usr/share/bash-completion "$root"/usr/share/lintian
# nothing of the machine it was made on
rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/machine-id"
