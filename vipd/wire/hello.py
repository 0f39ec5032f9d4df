"""Readiness hellos: what an agent tells the others of its virtual routers, to bytes and back.

    hello   = "vipd"  major (1)  block(head)  block(router) ...
    head    = life (8)  flags (1)  text(node)  text(version of vipd)  ...
    router  = VRID  families  state  flags  priority  effective priority  VRRP version (1 each)
              interval, centiseconds (2)  hash of the addresses (8)  text(why it is not ready)  ...
    block   = its length (2), and so many bytes        text = its length (1), and so many of UTF-8

Theory of operation. A block may have more in it than this version knows: what follows is skipped,
and so are flags without a meaning here. What an older agent would misunderstand takes another
major version, which it ignores. `decode` is total: whatever the bytes, the answer is a `Hello` or
the reason why not. What does not fit in one datagram goes into several, each complete by itself.

Nothing here is authenticated. Whoever is on the link can say what he likes in the name of others;
so hellos are for people to read, and no election ever depends on them. Texts come out printable
and no longer than they may be, whatever was sent: a terminal is no place for strangers' bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from vipd.core.model import Family, State

PORT = 9568
"""UDP; the number of the RFC that VRRP is of."""

LONGEST_DATAGRAM = 1_200
"""Units: bytes. Passes unfragmented wherever IPv6 does. RFC: 8200 §5 (1,280, headers included)."""

LIFE_BYTES = 8
HASH_BYTES = 8
LONGEST_NODE = 64
"""Units: bytes. What Linux allows for the name of a host (HOST_NAME_MAX)."""

LONGEST_VERSION = 32
LONGEST_WHY = 60
"""Units: bytes."""

_MAGIC = b"vipd"
_MAJOR = 1
_START = _MAGIC + bytes([_MAJOR])
_LENGTH_BYTES = 2
_HEAD = struct.Struct(f"!{LIFE_BYTES}sB")
_ROUTER = struct.Struct(f"!BBBBBBBH{HASH_BYTES}s")
_MAINTENANCE = 1
_READY, _PREEMPTS = 1, 2
_FAMILY_BITS = {Family.IPV4: 1, Family.IPV6: 2}
_FAMILIES = ((), (Family.IPV4,), (Family.IPV6,), (Family.IPV4, Family.IPV6))
_STATES = (State.INIT, State.BACKUP, State.MASTER, State.FAULT)


class HelloFault(Enum):
    """Why a hello counts as never heard; the values are the keys of the counters."""

    FOREIGN = "foreign"
    """It is none."""

    VERSION = "version"
    """It is of a format that this version does not know."""

    MALFORMED = "malformed"
    """It ends too early or late, or has a value without a meaning."""

    TTL = "ttl"
    """Its TTL or hop limit is too low: the sender is not on this link. RFC: 5082 §3."""

    OWN = "own"
    """It is one of ours, come back."""

    FULL = "full"
    """More agents than can be remembered speak on the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who says it: one life of an agent, on a host of this name.

    `maintenance` is whether its operator has told it to serve nothing.
    """

    life: bytes
    node: str
    version: str
    maintenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What an agent says of one of its virtual routers.

    `ready` is whether it would take over, or serve on; `why` says why not. `addresses` is a hash,
    by which others see whether they are the same.
    Units: `interval_cs` is in centiseconds.
    """

    vrid: int
    families: tuple[Family, ...]
    state: State
    ready: bool
    why: str = ""
    priority: int
    effective_priority: int
    version: int
    interval_cs: int
    preempts: bool
    addresses: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """One datagram."""

    speaker: Speaker
    routers: tuple[Readiness, ...]


def encode(hello: Hello) -> tuple[bytes, ...]:
    """Write a hello, as datagrams that are short enough."""
    return pack(hello.speaker, [encode_router(router) for router in hello.routers])


def pack(speaker: Speaker, routers: Iterable[bytes]) -> tuple[bytes, ...]:
    """Put what is said of some routers into datagrams. Order: as they come."""
    start = _START + _encode_head(speaker)
    datagrams = [start]
    for router in routers:
        if len(datagrams[-1]) + len(router) > LONGEST_DATAGRAM:
            datagrams.append(start)
        datagrams[-1] += router
    return tuple(datagrams)


def encode_router(readiness: Readiness) -> bytes:
    """Write what is said of one router: a part of a datagram."""
    assert 0 < readiness.vrid <= 0xFF, "a VRID is 1 to 255"
    assert readiness.families in _FAMILIES[1:], "a router has a family, and each once"
    assert len(readiness.addresses) == HASH_BYTES, "the hash of the addresses has its size"
    fields = _ROUTER.pack(
        readiness.vrid,
        sum(_FAMILY_BITS[family] for family in readiness.families),
        _STATES.index(readiness.state),
        readiness.ready * _READY | readiness.preempts * _PREEMPTS,
        readiness.priority,
        readiness.effective_priority,
        readiness.version,
        readiness.interval_cs,
        readiness.addresses,
    )
    return _block(fields + _text(readiness.why, LONGEST_WHY))


def decode(payload: bytes) -> Hello | HelloFault:
    """Read a hello, or say why not. Never raises, whatever the payload."""
    if not payload.startswith(_START):
        return HelloFault.VERSION if payload.startswith(_MAGIC) else HelloFault.FOREIGN
    if len(payload) > LONGEST_DATAGRAM or not (blocks := _blocks(payload)):
        return HelloFault.MALFORMED
    speaker = _decode_head(blocks[0])
    routers = tuple([router for router in map(_decode_router, blocks[1:]) if router])
    if speaker is None or len(routers) != len(blocks) - 1:
        return HelloFault.MALFORMED
    return Hello(speaker=speaker, routers=routers)


# -- blocks -----------------------------------------------------------------------------------


def _block(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def _blocks(payload: bytes) -> Sequence[bytes] | None:
    """What stands behind the start; None when the last block is not whole."""
    at, blocks = len(_START), list[bytes]()
    while at < len(payload):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(payload[at:begin], "big")
        if at > len(payload):
            return None
        blocks.append(payload[begin:at])
    return blocks


def _encode_head(speaker: Speaker) -> bytes:
    assert len(speaker.life) == LIFE_BYTES, "a life has its size"
    fields = _HEAD.pack(speaker.life, speaker.maintenance * _MAINTENANCE)
    node, version = _text(speaker.node, LONGEST_NODE), _text(speaker.version, LONGEST_VERSION)
    return _block(fields + node + version)


def _decode_head(block: bytes) -> Speaker | None:
    node_at = _HEAD.size
    if (version_at := _end_of_text(block, node_at)) is None:
        return None
    if _end_of_text(block, version_at) is None:
        return None
    life, flags = _HEAD.unpack_from(block)
    return Speaker(
        life=life,
        node=_read_text(block, node_at, LONGEST_NODE),
        version=_read_text(block, version_at, LONGEST_VERSION),
        maintenance=bool(flags & _MAINTENANCE),
    )


def _decode_router(block: bytes) -> Readiness | None:
    if _end_of_text(block, _ROUTER.size) is None:
        return None
    vrid, families, state, flags, priority, effective, version, interval_cs, addresses = (
        _ROUTER.unpack_from(block)
    )
    if vrid == 0 or state >= len(_STATES) or not 0 < families < len(_FAMILIES):
        return None
    return Readiness(
        vrid=vrid,
        families=_FAMILIES[families],
        state=_STATES[state],
        ready=bool(flags & _READY),
        why=_read_text(block, _ROUTER.size, LONGEST_WHY),
        priority=priority,
        effective_priority=effective,
        version=version,
        interval_cs=interval_cs,
        preempts=bool(flags & _PREEMPTS),
        addresses=addresses,
    )


# -- texts ------------------------------------------------------------------------------------


def _text(text: str, longest: int) -> bytes:
    raw = _cut(text, longest).encode()
    return bytes([len(raw)]) + raw


def _end_of_text(block: bytes, at: int) -> int | None:
    """Where a text ends; None when the block ends before."""
    end = at + 1 + block[at] if at < len(block) else at + 1
    return end if end <= len(block) else None


def _read_text(block: bytes, at: int, longest: int) -> str:
    text = block[at + 1 : at + 1 + block[at]].decode(errors="replace")
    if not text.isprintable() or "\ufffd" in text:
        text = "".join([each if _is_harmless(each) else "?" for each in text])
    return _cut(text, longest)


def _is_harmless(character: str) -> bool:
    return character.isprintable() and character != "\ufffd"


def _cut(text: str, longest: int) -> str:
    """As much of a text as fits into so many bytes, in whole characters."""
    return text.encode(errors="replace")[:longest].decode(errors="ignore")
