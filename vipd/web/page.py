"""The status page: one document made of three files, once, when this process starts.

Style and script stand in the document itself, so that it is whole whatever else is away. The policy
that goes with it permits these two by their hashes, and nothing else: no other script runs and
nothing is fetched from elsewhere, whatever a peer may have put into its name.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_STYLE, _SCRIPT = "/*style*/", "/*script*/"
"""Where they go."""


@dataclass(frozen=True, slots=True)
class Page:
    """The document, and the policy that goes with it."""

    body: bytes
    policy: str


@cache
def page() -> Page:
    """The status page."""
    place = files("vipd.web")
    style, script = (place.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    document = place.joinpath("page.html").read_text("utf-8")
    body = document.replace(_STYLE, style).replace(_SCRIPT, script)
    rules = (
        "default-src 'none'",
        f"style-src {_hash(style)}",
        f"script-src {_hash(script)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return Page(body.encode(), "; ".join(rules))


def _hash(source: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
