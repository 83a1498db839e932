"""The text and the tree of a Python file; whatever cannot be read is a named problem and never a traceback."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from hashlib import blake2b
from pathlib import Path

from samerun.errors import LintError

__all__ = [
    "LARGEST",
    "UnreadableError",
    "as_bytes",
    "comments",
    "decode",
    "digest",
    "encode",
    "parse",
    "read_bytes",
    "split",
    "starts",
]

#: Files beyond this many bytes are data in Python's clothes, and are named instead of read.
LARGEST = 10_000_000

# Python's lines end here and nowhere else: str.splitlines would also part them at form feeds and the like.
_LINE_END = re.compile(r"\r\n|\r|\n")


class UnreadableError(LintError):
    """A file cannot be read as what it should be.

    Attributes:
        line: where, from 1.
        column: the character, from 1.
    """

    def __init__(self, where: str, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(where, reason)
        self.line = line
        self.column = column


def digest(data: bytes) -> str:
    """Return what tells bytes from others, 32 characters of BLAKE2b."""
    return blake2b(data, digest_size=16).hexdigest()


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        UnreadableError: if the system does not give it, or it is larger than `LARGEST`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        raise UnreadableError(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > LARGEST:
        raise UnreadableError(str(path), f"cannot be read: it is larger than {LARGEST:,} bytes")
    return data


def decode(data: bytes, where: str) -> tuple[str, str]:
    """Return the text and the name of its encoding, which a comment or a byte order mark says (PEP 263).

    Line ends are kept as they are; a byte order mark is not part of the text.

    Raises:
        UnreadableError: for an encoding there is not, or bytes that are none of it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise UnreadableError(where, f"cannot be read: {error}") from error
    return text, encoding


def as_bytes(text: str) -> bytes:
    """Return the bytes that `decode` makes a text of, whatever encoding its comment says; as UTF-8 where it cannot be.

    A text that came from a file has had its byte order mark taken away.
    """
    data = text.encode(errors="surrogatepass")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return data


def encode(text: str, encoding: str) -> bytes:
    """Return the bytes of a text; the reverse of `decode`, byte order mark included."""
    return text.encode(codecs.lookup(encoding).name)


def parse(text: str, where: str) -> ast.Module:
    """Return the tree.

    Raises:
        UnreadableError: for what is no Python, or nested too deeply.
    """
    try:
        with warnings.catch_warnings():  # what the code warns of when it is compiled is somebody else's subject
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        raise UnreadableError(where, f"is no Python that can be read: {error.msg}", line, column) from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError(where, "is nested too deeply to be read") from error
    except ValueError as error:
        raise UnreadableError(where, f"is no Python that can be read: {error}") from error


def split(text: str) -> list[str]:
    """Return the lines without their ends."""
    return _LINE_END.split(text)


def starts(text: str) -> list[int]:
    """Return where the lines begin, in characters from 0."""
    return [0, *(end.end() for end in _LINE_END.finditer(text))]


def comments(text: str) -> dict[int, str]:
    """Return the comments by line, from 1."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError):
        return found  # what came before the part that cannot be read
    return found
