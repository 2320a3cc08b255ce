"""Provisioning of a container engine and a base image on a machine without them."""
