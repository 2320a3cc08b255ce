"""Reads the samples."""
