"""How does a node talk to the chain? One adapter of the port `Chain`, over substrate-interface."""
