"""Lean imports: what a library brings along, and the resident agent never uses, stays out.

Each of these is for one line that imports something; all others import as usual.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Have imports go as where these modules are not installed; they can be imported afterwards.

    Why: libraries look for what they can do more with, and many load it at once when it is there.
    """
    absent = [name for name in modules if name not in sys.modules]
    for name in absent:
        # As Python has it: what is None here cannot be imported.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def in_parts(package: str) -> None:
    """Let the modules of a package be imported one by one, without all that the package imports.

    Whoever asks the package itself for something gets it nevertheless, and all the rest with it.
    """
    if package not in sys.modules and (spec := find_spec(package)):
        sys.modules[package] = _unexecuted(spec)


def _unexecuted(spec: ModuleSpec) -> ModuleType:
    module = module_from_spec(spec)

    def missing(name: str) -> object:
        """What a module is asked for that it does not have. RFC: PEP 562."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return import_module(f"{spec.name}.{name}")
        except ModuleNotFoundError:
            assert spec.loader is not None, "what can be found can be loaded"
            del module.__getattr__
            spec.loader.exec_module(module)
            return getattr(module, name)

    module.__getattr__ = missing  # type: ignore[method-assign]
    return module
