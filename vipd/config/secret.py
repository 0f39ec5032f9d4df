"""Passwords that stand in files of their own: read, and put where a password of the file would be.

Theory of operation. The key `password_file` is for a configuration that others may read. A name is
looked for where systemd shows the service its credentials, then beside the configuration; so one
file is good for the service and for `vipd check`, whether a unit hands the password over or not.
Who only looks at a configuration (`places` is None) has no need of passwords and often no right to
them: an unknown one stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from msgspec import UNSET

from vipd.config.notation import told, written
from vipd.config.text import RefusedText, join, quote, read_password
from vipd.errors import ConfigProblem

Places: TypeAlias = tuple[Path, ...]
"""The directories in which a name is looked for, the first one first."""

LARGEST: Final = 4096
"""Units: bytes. No server takes a longer password."""

UNREADABLE_HINT: Final = (
    "run this as root; for the service, which runs as the user vipd, systemd can hand it over "
    "(LoadCredential=)"
)
MISSING_HINT: Final = (
    "write the password into it; one that is encrypted (LoadCredentialEncrypted=) is there for "
    "the service alone"
)

UNKNOWN: Final = "?"
"""What stands in for a password that was not read."""


def read_password_file(text: str) -> Path:
    """Read where a password is: the name of a credential, or the absolute path of a file.

    Raises: RefusedText.
    """
    absolute = text.startswith("/") and not text.endswith("/")
    name = "/" not in text and text not in ("", ".", "..")
    if not (absolute or name) or "\0" in text:
        raise RefusedText(f"must be a name or the absolute path of a file, not {quote(text)}")
    return Path(text)


PasswordFile = Annotated[
    str,
    written(
        'such as "web.password", which systemd hands over (LoadCredential=) or lies beside this '
        "file; or an absolute path",
        read_password_file,
    ),
    told("a file that has the password", takes="a name or a path"),
]
"""The type of the key, wherever it stands."""


def places_of(file: Path, environ: Mapping[str, str]) -> Places:
    """Where the passwords of a configuration are. Source: systemd.exec(5), credentials."""
    handed_over = environ.get("CREDENTIALS_DIRECTORY", "")
    return (*((Path(handed_over),) if handed_over else ()), file.parent)


def settle(
    instances: Mapping[str, dict[str, Any]],
    trackers: Mapping[str, Any],
    places: Places | None,
    unread: AbstractSet[str],
) -> Iterator[ConfigProblem]:
    """Have every key `password_file` become a password; say of each that cannot why."""
    for name, keys in instances.items():
        if "auth" in keys:
            path = f"{join('instance', name)}.auth"
            auth = keys["auth"]
            yield from _settled(path, auth, places, read_password)
            if "password" not in auth and not any(one.startswith(f"{path}.") for one in unread):
                hint = 'write password = "...", or password_file = "web.password"'
                yield ConfigProblem(path=f"{path}.password", problem="is missing", hint=hint)
    for name, keys in trackers.items():
        if keys is not UNSET:
            yield from _settled(join("track", name), keys, places, str)


def _settled(
    path: str, keys: dict[str, Any], places: Places | None, read: Callable[[str], object]
) -> Iterator[ConfigProblem]:
    file = keys.pop("password_file", None)
    if file is None:
        return
    place = f"{path}.password_file"
    if "password" in keys:
        yield ConfigProblem(path=place, problem="stands beside password", hint="give one of them")
        return
    keys["password"] = read(UNKNOWN)
    if places is None:
        return
    try:
        keys["password"] = read(_password(file, places))
    except RefusedText as refused:
        yield ConfigProblem(path=place, problem=refused.problem, hint=refused.hint)


def _password(file: Path, places: Places) -> str:
    """What is in the file, without the end of its line. Raises: RefusedText."""
    found, contents = _contents(file, places)
    if len(contents) > LARGEST:
        raise RefusedText(f"{found} is larger than {LARGEST} bytes", "is it the right file?")
    try:
        password = contents.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise RefusedText(f"{found} is not UTF-8 text", "is it the right file?") from error
    if not password:
        raise RefusedText(f"{found} is empty", "write the password into it")
    return password


def _contents(file: Path, places: Places) -> tuple[Path, bytes]:
    """Read the first that is there. Raises: RefusedText."""
    candidates = tuple(dict.fromkeys(place / file for place in places))
    for candidate in candidates:
        try:
            with candidate.open("rb") as opened:
                return candidate, opened.read(LARGEST + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"{candidate} cannot be read: {error.strerror}"
            raise RefusedText(problem, UNREADABLE_HINT) from error
    raise RefusedText(f"does not exist: {' or '.join(map(str, candidates))}", MISSING_HINT)
