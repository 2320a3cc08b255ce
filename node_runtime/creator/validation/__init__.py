"""Validation of results: strategies, judges, and the loop that applies them."""
