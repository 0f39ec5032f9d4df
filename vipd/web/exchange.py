"""What is asked over HTTP, and what is answered: values, without a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeAlias

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request; the names of the headers are in small letters."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    def prefers_json(self) -> bool:
        """Whether whoever asks would rather read JSON than text."""
        return JSON in self.headers.get("accept", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response, as a whole."""

    status: HTTPStatus = HTTPStatus.OK
    kind: str = TEXT
    body: bytes = b""
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A response without end; to be closed by whoever writes it."""

    kind: str
    pieces: AsyncGenerator[bytes, None]


Respond: TypeAlias = Callable[[Asked], Awaitable[Answer | Stream]]
"""Answers a request."""


def text(status: HTTPStatus, said: str, headers: Headers = ()) -> Answer:
    """A line for a person."""
    return Answer(status=status, body=f"{said}\n".encode(errors="replace"), headers=headers)


def as_json(status: HTTPStatus, value: object) -> Answer:
    """A document for a program."""
    body = json.dumps(value, ensure_ascii=False).encode(errors="replace") + b"\n"
    return Answer(status=status, kind=JSON, body=body)
