"""The contributor's part of updating a model: training on new data."""
