"""The local network: an embedded chain, a store and nodes as processes on this machine."""
