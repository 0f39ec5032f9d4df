"""A short hash, to see whether two things are the same that are never kept beside each other."""

from __future__ import annotations

# What hashlib has for it in any case, without the rest: to import that loads OpenSSL's libcrypto,
# which takes 3.5 MB and is needed for nothing else in an agent that asks nobody over TLS.
from _blake2 import blake2b


def digest_of(contents: bytes, size: int) -> bytes:
    """Of so many bytes. Units: `size` is in bytes."""
    return blake2b(contents, digest_size=size).digest()
