"""Adapter of the port `Chain` for Substrate nodes, over substrate-interface."""
