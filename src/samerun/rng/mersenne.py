"""The Mersenne Twister MT19937: what a valid state is, and how many draws lie between two states.

Source: M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998. Python, NumPy's legacy generator and
torch's CPU generator all are this algorithm; only the layout of their states differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["WORDS", "Twister", "draws_between"]

#: Number of 32-bit words in a state.
WORDS = 624

# Draws made at once while searching; about 1 MB of output, which stays in the cache.
_CHUNK = 200 * WORDS
# Most states that are compared are few draws apart.
_FIRST_CHUNK = 4 * WORDS


@dataclass(frozen=True, slots=True, eq=False)
class Twister:
    """A state of the Mersenne Twister.

    Attributes:
        words: ``uint32[624]``, the current block of untempered words.
        position: how many of them are used up, 0 to 624.
    """

    words: np.ndarray
    position: int

    def problem(self) -> str | None:
        """Return why no generator can be in this state, or ``None``."""
        if self.words.shape != (WORDS,) or self.words.dtype != np.uint32:
            return f"words {self.words.dtype}{list(self.words.shape)} instead of uint32[{WORDS}]"
        if not 0 <= self.position <= WORDS:
            return f"position {self.position}, which is outside 0 to {WORDS}"
        if not self.words.any():
            return "624 words that are all zero, a state the generator never reaches nor leaves"
        return None

    def generator(self) -> np.random.MT19937:
        """Return a private NumPy bit generator in this state."""
        generator = np.random.MT19937(0)
        generator.state = {"bit_generator": "MT19937", "state": {"key": self.words, "pos": self.position}}
        return generator


def draws_between(first: Twister, second: Twister, bound: int) -> int | None:
    """Return how many 32-bit draws lead from the first state to the second; negative if from second to first.

    Exact: 624 successive outputs determine the state, and that many are compared. Searched in both directions
    up to ``bound`` draws each; ``None`` if neither state is reachable from the other within it. One
    ``random.random()`` or NumPy ``random_sample()`` takes two 32-bit draws, one ``torch.rand`` element takes one.
    """
    forward = _search(first, second, bound)
    if forward is not None:
        return forward
    backward = _search(second, first, bound)
    return None if backward is None else -backward


def _search(start: Twister, goal: Twister, bound: int) -> int | None:
    signature = goal.generator().random_raw(WORDS)
    generator = start.generator()
    candidate = np.random.MT19937(0)
    done, chunk = 0, _FIRST_CHUNK
    while done <= bound:
        here = generator.state
        outputs = generator.random_raw(min(chunk, bound + 1 - done))
        for hit in np.flatnonzero(outputs == signature[0]):
            candidate.state = here
            candidate.random_raw(int(hit), output=False)
            if np.array_equal(candidate.random_raw(WORDS), signature):
                return done + int(hit)
        done, chunk = done + chunk, min(4 * chunk, _CHUNK)
    return None
