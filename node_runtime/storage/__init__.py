"""Where are trees kept by their digest? Adapters of the port `AssetStore`, and a node's cache of what it fetched."""
