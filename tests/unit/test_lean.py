"""Lean imports: of a library, what is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from vipd.lean import in_parts, without

PACKAGE = "burdened_package"


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that says so when it is loaded as a whole; nothing of it stays loaded."""
    place = tmp_path / PACKAGE
    place.mkdir()
    (place / "__init__.py").write_text(f"from {PACKAGE} import heavy\nWHOLE = heavy.WEIGHT\n")
    (place / "heavy.py").write_text("WEIGHT = 10\n")
    (place / "light.py").write_text(f"from {PACKAGE} import sibling\n")
    (place / "sibling.py").write_text("")
    (place / "old.py").write_text(f"from {PACKAGE} import WHOLE\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in loaded():
        del sys.modules[name]


def loaded() -> set[str]:
    return {name for name in sys.modules if name.partition(".")[0] == PACKAGE}


def test_a_part_is_imported_without_what_the_package_imports() -> None:
    in_parts(PACKAGE)
    import_module(f"{PACKAGE}.light")
    assert loaded() == {PACKAGE, f"{PACKAGE}.light", f"{PACKAGE}.sibling"}


def test_who_asks_for_more_than_a_part_gets_the_whole() -> None:
    """Why: another version of a library may have it that a part needs the whole."""
    in_parts(PACKAGE)
    import_module(f"{PACKAGE}.light")
    assert import_module(f"{PACKAGE}.old").WHOLE == 10
    assert f"{PACKAGE}.heavy" in loaded()


def test_what_is_nowhere_in_the_package_is_not_found() -> None:
    in_parts(PACKAGE)
    with pytest.raises(AttributeError, match="nothing"):
        _ = import_module(PACKAGE).nothing
    with pytest.raises(AttributeError, match="__all__"):
        _ = import_module(PACKAGE).__all__


def test_a_package_that_is_loaded_already_stays_as_it_is() -> None:
    whole = import_module(PACKAGE)
    in_parts(PACKAGE)
    assert import_module(PACKAGE) is whole


def test_a_package_that_is_not_there_is_for_its_import_to_miss() -> None:
    in_parts("no_such_package")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        import_module("no_such_package.part")


def test_what_is_done_without_cannot_be_imported_meanwhile() -> None:
    with without(PACKAGE), pytest.raises(ModuleNotFoundError):
        import_module(PACKAGE)
    assert import_module(PACKAGE).WHOLE == 10


def test_what_was_loaded_before_stays_for_who_has_it() -> None:
    whole = import_module(PACKAGE)
    with without(PACKAGE):
        assert import_module(PACKAGE) is whole
    assert import_module(PACKAGE) is whole


def test_it_can_be_imported_again_when_the_import_has_failed() -> None:
    with pytest.raises(LookupError), without(PACKAGE):
        raise LookupError
    assert import_module(PACKAGE).WHOLE == 10
