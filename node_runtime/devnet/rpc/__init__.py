"""JSON-RPC of the embedded chain: methods, parameters, subscriptions, errors."""
