"""Seals of stored archives: the key and the sha256 of a zip file in its own comment, so that damage and mix-ups show.

NumPy and torch write zip files and pass over the comment at their end; torch looks at no checksum when it reads.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile

__all__ = ["sealed", "unsealed"]

_SEAL = re.compile(rb"ganbench key (\S+) sha256 ([0-9a-f]{64})\Z")
_LONGEST = 1000  # bytes of a seal
_END = b"PK\x05\x06"  # of a zip file: 22 bytes begin so, the last two of which are the length of the comment
_END_BYTES = 22


def sealed(archive: bytes, key: str) -> bytes:
    """A zip file without a comment, with one that says what it is and what its bytes are.

    Args:
        archive: The zip file.
        key: Of what it holds, without spaces.
    """
    seal = f"ganbench key {key} sha256 {hashlib.sha256(archive).hexdigest()}".encode()
    return archive[:-2] + struct.pack("<H", len(seal)) + seal


def unsealed(content: bytes, key: str | None) -> bytes:
    """The zip file of a sealed one; one without a seal, as earlier versions wrote, by the checksums of its members.

    The key is not looked at where it is None.

    Raises:
        ValueError: It is damaged, or holds what belongs to another key.
    """
    match = _SEAL.search(content, max(len(content) - _LONGEST, 0))
    if match is None:
        _check_members(content)
        return content
    archive = content[: match.start() - 2] + b"\0\0"
    if hashlib.sha256(archive).hexdigest() != match[2].decode():
        raise ValueError("its sha256 is not the one that was stored with it: it is damaged")
    if key is not None and match[1].decode() != key:
        raise ValueError("it holds what belongs to another key: files have changed places")
    return archive


def _check_members(content: bytes) -> None:
    if content[-_END_BYTES : 4 - _END_BYTES] != _END or content[-2:] != b"\0\0":
        raise ValueError("it has no whole end: it is damaged")
    try:
        damaged = zipfile.ZipFile(io.BytesIO(content)).testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is damaged ({error})") from error
    if damaged is not None:
        raise ValueError(f"its member {damaged} has another checksum: it is damaged")
