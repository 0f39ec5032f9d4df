"""TLS around a conversation, and what is wrong with a certificate, in words.

Theory of operation. OpenSSL works on two buffers in memory, so TLS is a conversation as any other:
bytes in, bytes out. Each look makes a full handshake. A resumed session would be cheaper, but its
server shows no certificate, and one that has expired would go unnoticed.

A context takes some ten milliseconds to load the authorities of the system, so trackers share it;
it is made when the tracker is, and again in a look only when that has failed.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from vipd.track.connection import Conversation, Finding, Reply

_READ_BYTES: Final = 16_384
_DAY_S: Final = 86_400
EXPIRES_SOON_DAYS: Final = 14


class Security:
    """How the servers of one tracker are believed: who they must be, and who may vouch for them."""

    def __init__(self, name: str, *, verify: bool, ca: str | None) -> None:
        self._name = name
        self._verify = verify
        self._ca = ca
        self._context: ssl.SSLContext | str = ""
        self._load()

    def around(self, inner: Conversation) -> Conversation:
        """The same conversation, in secret."""
        if isinstance(self._context, str):
            self._load()
        if isinstance(self._context, str):
            return _Hopeless(self._context)
        return Encrypted(self._context, self._name, inner)

    def _load(self) -> None:
        try:
            changed = Path(self._ca).stat().st_mtime_ns if self._ca else 0
            self._context = _context(verify=self._verify, ca=self._ca, changed=changed)
        except ssl.SSLError:
            self._context = f"there is no certificate in {self._ca}"
        except OSError as error:
            self._context = f"cannot read the certificates in {self._ca}: {error.strerror}"


@lru_cache(maxsize=16)
def _context(*, verify: bool, ca: str | None, changed: int) -> ssl.SSLContext:
    """Raises: OSError, ssl.SSLError. Why: `changed` makes another one of a file that is new."""
    del changed
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Encrypted:
    """A conversation in TLS."""

    __slots__ = ("_incoming", "_inner", "_outgoing", "_secure", "_tls", "_warning")

    def __init__(self, context: ssl.SSLContext, name: str, inner: Conversation) -> None:
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)
        self._secure = False
        self._warning = ""

    def begin(self) -> Reply:
        """Greet."""
        return self._advance()

    def take(self, data: bytes) -> Reply:
        """Go on with the handshake, or with what it protects."""
        self._incoming.write(data)
        return self._advance()

    def end(self) -> Finding:
        """The server has hung up."""
        if self._secure:
            return self._warned(self._inner.end())
        return Finding(ok=False, text="the connection was closed during the TLS handshake")

    def stuck(self) -> str:
        """What is missing."""
        return self._inner.stuck() if self._secure else "no TLS handshake"

    def _advance(self) -> Reply:
        try:
            finding = self._work()
        except ssl.SSLWantReadError:
            return self._outgoing.read()
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return self.end()
        except ssl.SSLCertVerificationError as error:
            return Finding(ok=False, text=f"certificate refused: {error.verify_message}")
        except ssl.SSLError as error:
            return Finding(ok=False, text=_in_words(error))
        return self._warned(finding)

    def _work(self) -> Finding:
        """Go on until there is a finding. Raises: ssl.SSLError, also when more must come."""
        if not self._secure:
            self._tls.do_handshake()
            self._secure = True
            self._warning = _expiry(self._tls)
            reply = self._inner.begin()
        else:
            reply = b""
        while not isinstance(reply, Finding):
            if reply:
                self._tls.write(reply)
            plain = self._tls.read(_READ_BYTES)
            reply = self._inner.take(plain) if plain else self._inner.end()
        return reply

    def _warned(self, finding: Finding) -> Finding:
        if not self._warning:
            return finding
        return replace(finding, detail=f"{finding.detail}{self._warning}")


class _Hopeless:
    """What is said instead, where there is nothing to judge certificates by."""

    def __init__(self, why: str) -> None:
        self._finding = Finding(ok=False, text=why)

    def begin(self) -> Finding:
        return self._finding

    def take(self, _data: bytes) -> Finding:
        return self._finding

    def end(self) -> Finding:
        return self._finding

    def stuck(self) -> str:
        return self._finding.text


def _expiry(tls: ssl.SSLObject) -> str:
    """A word about a certificate that will not be good for much longer."""
    until = (tls.getpeercert() or {}).get("notAfter")
    if not isinstance(until, str):
        return ""
    days = int((ssl.cert_time_to_seconds(until) - time.time()) // _DAY_S)
    if days >= EXPIRES_SOON_DAYS:
        return ""
    return f"; its certificate expires {f'in {days} days' if days > 0 else 'today'}"


def _in_words(error: ssl.SSLError) -> str:
    reason = (error.reason or "unknown error").replace("_", " ").lower()
    if reason in ("wrong version number", "http request", "record layer failure"):
        return "the server does not speak TLS here"
    return f"TLS fails: {reason}"
