"""The engineer's part of updating a model: another structure."""
