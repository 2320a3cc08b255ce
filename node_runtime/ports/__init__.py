"""The three ports: the chain, the asset store and the container engine.

Each Protocol states what may be repeated, in which order calls come, and from which threads. Every adapter passes the
contract suite in ``tests/contract`` of its port.
"""
