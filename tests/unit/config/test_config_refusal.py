"""What would break a request, a look or a message, if the configuration let it through."""

from __future__ import annotations

import pytest

from vipd.config.load import MINIMAL, parse
from vipd.errors import ConfigError

SECRET = "s3cret-7"
URL = 'url = "http://a/"'
TLS = 'url = "https://a/"'
DNS = 'server = "192.0.2.1"'
LINE = "must be one line of printable characters"
PORT = "has a port that is not from 1 to 65535"
CHARACTER = "has a character that a URL must not have"
NO_HOST = "is neither an address nor the name of a host"
NO_NAME = "is not the name of a host"
NO_SOCKET = "must be the absolute path of a file, not "
AT = "the URL, which has an '@',"
LONG = "x" * 120

REFUSED = [
    # Headers and methods: each is a line of a request.
    ("http", [URL, r'headers = { "X\r\nY" = "1" }'], r'headers."X\r\nY"',
     r'"X\r\nY" cannot be the name of a header'),
    ("http", [URL, 'headers = { "" = "1" }'], 'headers.""', '"" cannot be the name of a header'),
    ("http", [URL, r'headers = { X = "a\nb" }'], "headers.X", LINE),
    ("http", [URL, r'headers = { X = "a\u0000b" }'], "headers.X", LINE),
    ("http", [URL, r'headers = { X = "a\u007Fb" }'], "headers.X", LINE),
    ("http", [URL, r'headers = { Host = "a\r\nb" }'], "headers.Host", LINE),
    ("http", [URL, 'headers = { Host = "a", host = "b" }'], "headers", "host is there 2 times"),
    ("http", [URL, r'method = "GET\r\n"'], "method", r'"GET\r\n" cannot be a method'),
    ("http", [URL, 'method = "GET /x"'], "method", '"GET /x" cannot be a method'),
    ("http", [URL, 'method = ""'], "method", '"" cannot be a method'),
    # Patterns.
    ("http", [URL, 'body = "*"'], "body",
     '"*" is not a regular expression: nothing to repeat at position 0'),
    ("http", [URL, 'body = "[[a]"'], "body",
     '"[[a]" can be read in two ways: possible nested set at position 1'),
    ("tcp", ['address = "a"', "port = 1", 'expect = "a{9999999999}"'], "expect",
     '"a{9999999999}" is not a regular expression: the repetition number is too large'),
    # URLs: another scheme, no host, a port that there is not, who asks.
    ("http", ['url = "ftp://a/"'], "url", '"ftp://a/" does not begin with http://'),
    ("http", ['url = "a/x"'], "url", '"a/x" does not begin with http://'),
    ("http", ['url = ""'], "url", '"" does not begin with http://'),
    ("https", [URL], "url", '"http://a/" is a URL of http'),
    ("http", ['url = "http://:80/"'], "url", '"http://:80/" names no host'),
    ("http", ['url = "http://a$b/"'], "url", f'"a$b" {NO_HOST}'),
    ("http", [r'url = "http://a\\b/"'], "url", rf'"a\b" {NO_HOST}'),
    ("http", ['url = "http://256.1.1.1/"'], "url", f'"256.1.1.1" {NO_HOST}'),
    ("http", ['url = "http://a:0/"'], "url", f'"http://a:0/" {PORT}'),
    ("http", ['url = "http://a:65536/"'], "url", f'"http://a:65536/" {PORT}'),
    ("http", ['url = "http://a:x/"'], "url", f'"http://a:x/" {PORT}'),
    ("http", [r'url = "http://a/\r\nX: 1"'], "url", rf'"http://a/\r\nX: 1" {CHARACTER}'),
    ("http", [r'url = "http://a/\u0000"'], "url", rf'"http://a/\x00" {CHARACTER}'),
    ("http", ['url = "http://a/b c"'], "url", f'"http://a/b c" {CHARACTER}'),
    ("http", [f'url = "http://me:{SECRET}@a:99999/"'], "url",
     "must not have a user name or a password in it"),
    ("http", [f'url = "http://me:{SECRET} @a/"'], "url", f"{AT} {CHARACTER}"),
    ("http", [f'url = "ftp://me:{SECRET}@a/"'], "url", f"{AT} does not begin with http://"),
    ("http", [f'url = "me:{SECRET}@a/"'], "url", f"{AT} does not begin with http://"),
    ("http", [f'url = "http://me:{SECRET}/@a/"'], "url", f"{AT} {PORT}"),
    # TLS.
    ("http", [URL, "verify = false"], "verify", "unknown key"),
    ("http", [URL, 'ca = "/a"'], "ca", "unknown key"),
    ("http", [URL, 'server_name = "a"'], "server_name", "unknown key"),
    ("https", [TLS, 'ca = "ca.pem"'], "ca", 'must be an absolute path, not "ca.pem"'),
    ("https", [TLS, r'server_name = "a\nb"'], "server_name", rf'"a\nb" {NO_NAME}'),
    ("https", [TLS, 'server_name = ""'], "server_name", f'"" {NO_NAME}'),
    ("https", [TLS, 'server_name = "192.0.2.1"'], "server_name", f'"192.0.2.1" {NO_NAME}'),
    # Hosts, ports and unix sockets.
    ("tcp", [r'address = "a\n"', "port = 1"], "address", rf'"a\n" {NO_HOST}'),
    ("tcp", ['address = ""', "port = 1"], "address", f'"" {NO_HOST}'),
    ("tcp", ['address = "a"', "port = 65536"], "port",
     "must be an integer from 1 to 65535, not 65536"),
    ("redis", ["port = 0"], "port", "must be an integer from 1 to 65535, not 0"),
    ("http", [URL, 'unix_socket = "run/a"'], "unix_socket", f'{NO_SOCKET}"run/a"'),
    ("redis", ['unix_socket = "/run/"'], "unix_socket", f'{NO_SOCKET}"/run/"'),
    ("redis", [f'unix_socket = "/{LONG}"'], "unix_socket",
     "the path of a socket has at most 107 bytes, this one has 121"),
    # DNS.
    ("dns", [DNS, 'name = "a..b"'], "name", f'"a..b" {NO_NAME}'),
    ("dns", [DNS, 'name = "a b"'], "name", f'"a b" {NO_NAME}'),
    ("dns", [DNS, r'name = "a\n"'], "name", rf'"a\n" {NO_NAME}'),
    ("dns", [DNS, 'name = "-a.b"'], "name", f'"-a.b" {NO_NAME}'),
    ("dns", [DNS, f'name = "{"a" * 64}"'], "name", f'"{"a" * 60}..." {NO_NAME}'),
    ("dns", [DNS, f'name = "{"a." * 130}"'], "name", f'"{"a." * 30}..." {NO_NAME}'),
    ("dns", [DNS, 'name = "192.0.2.1"'], "name", f'"192.0.2.1" {NO_NAME}'),
    ("dns", [DNS, 'name = "a"', 'record = "ANY"'], "record",
     'must be "A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV" or "TXT", not "ANY"'),
    ("dns", ['server = "ns1"', 'name = "a"'], "server", '"ns1" is not an IPv4 or IPv6 address'),
    # Programs.
    ("script", ['argv = ["bin/a"]'], "argv", '"bin/a" is not the absolute path of a program'),
    ("script", [r'argv = ["/bin/a", "x\u0000"]'], "argv[1]", r'"x\x00" has a zero byte in it'),
    ("script", ['argv = ["/bin/a"]', r'environment = { A = "x\u0000y" }'], "environment.A",
     "has a zero byte in it"),
    ("script", ['argv = ["/bin/a"]', 'user = "a b"'], "user",
     '"a b" cannot be the name of a user or a group'),
    ("disk", ['path = "/"', 'free_min = "10000PB"'], "free_min",
     '"10000PB" is more than any file system has'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines", "key", "problem"), REFUSED)
def test_it_is_refused_with_its_key_and_a_way_out(
    kind: str, lines: list[str], key: str, problem: str
) -> None:
    source = "\n".join([MINIMAL, "[track.t]", f'type = "{kind}"', *lines])
    with pytest.raises(ConfigError) as caught:
        parse(source, "vipd.toml", {})
    (found,) = caught.value.problems
    assert (caught.value.file, found.path, found.problem) == (
        "vipd.toml",
        f"track.t.{key}",
        problem,
    )
    assert found.hint
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("http", ['url = "http://[2001:db8::1]:8080/@x?a=b"']),
        ("http", ['url = "http://www.example.net:65535"']),
        ("http", [URL, 'headers = { X = "ö \\\\ \\"" }', 'method = "PROPFIND"']),
        ("http", [URL, r"body = '[\[a]'"]),
        ("redis", [f'unix_socket = "/{"x" * 106}"']),
        ("dns", [DNS, 'name = "_sip._tcp.example.net."', 'record = "SRV"']),
        ("dns", [DNS, f'name = "{"a" * 63}.1"']),
        ("script", ['argv = ["/bin/a"]', r'environment = { A = "x\ny" }']),
        ("disk", ['path = "/"', 'free_min = "9PB"']),
    ],
)
def test_what_is_unusual_and_right_passes(kind: str, lines: list[str]) -> None:
    source = "\n".join([MINIMAL, "[track.t]", f'type = "{kind}"', *lines])
    assert parse(source, "vipd.toml", {}).trackers[0].kind == kind


def test_another_case_of_a_word_is_not_a_riddle() -> None:
    source = "\n".join([MINIMAL, "[track.t]", 'type = "dns"', DNS, 'name = "a"', 'record = "aaaa"'])
    with pytest.raises(ConfigError) as caught:
        parse(source, "vipd.toml", {})
    assert [found.hint for found in caught.value.problems] == ['did you mean "AAAA"?']
