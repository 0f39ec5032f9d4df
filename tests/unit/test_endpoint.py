"""Where somebody listens, as an operator writes it."""

from __future__ import annotations

import pytest

from vipd.endpoint import parse_endpoint


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:9112", "[::1]:9112", "0.0.0.0:1", "[::]:65535", "/run/vipd/web.sock",
     "[fe80::1%eth0]:80"],
)  # fmt: skip
def test_what_is_read_is_written_as_it_was(text: str) -> None:
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9112", "has no port: write ADDRESS:PORT, as 127.0.0.1:9112"),
        (":9112", "has no port"),
        ("", "has no port"),
        ("127.0.0.1", "has no port"),
        ("127.0.0.1:", "'' is not a port: there are 1 to 65535"),
        ("127.0.0.1:0", "'0' is not a port"),
        ("127.0.0.1:65536", "'65536' is not a port"),
        ("127.0.0.1:99999999999999999999", "is not a port"),
        ("127.0.0.1:-1", "'-1' is not a port"),
        ("127.0.0.1:٣", "is not a port"),
        ("localhost:9112", "'localhost' is not an IP address: write 127.0.0.1 or [::1]"),
        ("*:9112", "is not an IP address"),
        ("::1:9112", "an IPv6 address stands in brackets, and no other: write [::1]"),
        ("[127.0.0.1]:80", "an IPv6 address stands in brackets, and no other: write 127.0.0.1"),
        ("run/web.sock", "is not an absolute path: write /run/vipd/web.sock"),
        ("/" + 107 * "x", "a unix socket has a path of at most 107 bytes"),
        ("/run/\0", "a unix socket has a path of at most 107 bytes"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  (the text is compared below)
        parse_endpoint(text)
    assert why in str(refusal.value)
