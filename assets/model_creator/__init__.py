"""The creator's part of updating a model: a first one, and the federation of what came back."""
