"""Checkpoints that are whole or not there, hold no pickle, and come back bit by bit."""

from samerun.checkpoint.difference import differences
from samerun.checkpoint.files import Files
from samerun.checkpoint.format import Packed, pack, unpack
from samerun.checkpoint.payload import Payload, Safetensors
from samerun.checkpoint.reading import Checkpoint, Info, Part, PassedOver
from samerun.checkpoint.retention import Keep
from samerun.checkpoint.store import Staged, Store, locate
from samerun.checkpoint.writer import Writer

__all__ = [
    "Checkpoint",
    "Files",
    "Info",
    "Keep",
    "Packed",
    "Part",
    "PassedOver",
    "Payload",
    "Safetensors",
    "Staged",
    "Store",
    "Writer",
    "differences",
    "locate",
    "pack",
    "unpack",
]
