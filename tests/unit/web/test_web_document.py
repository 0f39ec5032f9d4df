"""The document of the status page, before any browser has it."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

from vipd.web.page import page


def test_the_policy_permits_what_is_in_the_document_and_nothing_else() -> None:
    document, policy = page().body.decode(), page().policy
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (source,) = re.findall(rf"<{tag}>(.*?)</{tag}>", document, re.DOTALL)
        digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_the_document_is_whole_by_itself() -> None:
    document = page().body.decode()
    addresses = re.findall(r"""(?:href|src)=["']([^"']*)""", document)
    assert [one for one in addresses if not one.startswith(("/", "#", "data:image/svg+xml,"))] == []
    assert not re.search(r"\bon\w+=|javascript:|innerHTML|insertAdjacentHTML|\beval\(", document)
