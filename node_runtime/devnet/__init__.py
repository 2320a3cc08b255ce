"""Embedded development chain: a host in Python that executes the network's runtime."""

from enum import StrEnum


class BlockTime(StrEnum):
    """The pace of blocks: instant, on each transaction, or one every two seconds."""

    INSTANT = "instant"
    TWO_SECONDS = "2s"
