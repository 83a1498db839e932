"""Making states that are whole in form and wrong in content."""

from __future__ import annotations

import numpy as np
import torch
import xxhash


def seal(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict whose ``sources`` entry fits its keys: xxh3-128 of the sorted names, one a line."""
    names = sorted({key.rsplit("/", 2)[0] for key in tensors if "/" in str(key)})
    digest = np.frombuffer(xxhash.xxh3_128_digest("\n".join(names).encode()), np.uint8)
    return {**tensors, "sources": torch.from_numpy(digest.copy())}
