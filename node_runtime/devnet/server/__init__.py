"""Server of the embedded chain: WebSocket and HTTP on one port, with limits per client."""
