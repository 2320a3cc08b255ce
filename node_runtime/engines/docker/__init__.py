"""The adapter of the port `ContainerEngine` for Docker Engine."""
