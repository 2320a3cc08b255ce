"""How often does the embedded chain make a block?"""

from enum import StrEnum


class BlockTime(StrEnum):
    """How blocks are paced: one for every transaction at once, or one every two seconds."""

    INSTANT = "instant"
    TWO_SECONDS = "2s"
