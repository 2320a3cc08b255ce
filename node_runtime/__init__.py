"""The worker-node runtime for decentralised machine learning."""

__version__ = "0.2.0"
