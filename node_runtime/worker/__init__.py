"""The node daemon: polls the chain, claims tasks under the operator's policy, runs them, delivers results."""
