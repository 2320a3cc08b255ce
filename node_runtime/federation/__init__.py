"""Federated averaging of model folders, for creators and nodes.

This folder is also the default algo of aggregation tasks: its Dockerfile copies it into an image as the package
``federation``. So it depends on NumPy only, not on the rest of the project.
"""
