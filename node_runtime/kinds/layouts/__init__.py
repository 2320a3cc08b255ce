"""Container layouts: the paths of a container's inputs and outputs."""
