"""Runs an action as soon as a module has been imported, whoever imports it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType


def after_import(module: str, package: str, action: Callable[[], None]) -> None:
    """Calls `action` once: now if `module` is imported already, else right after its import.

    Args:
        module: name of a top-level module.
        package: the package that `action` imports from. Where one of its own modules is the
            first to import `module`, `action` waits until that module is complete, and so never
            meets a half-imported one.
        action: takes nothing.
    """
    if module in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(module, f"{package}.", action))


class _Finder:
    """Finds modules as Python does, and notes which of the watched ones are being imported."""

    def __init__(self, module: str, prefix: str, action: Callable[[], None]) -> None:
        self._module = module
        self._prefix = prefix
        self._action = action
        self._being_imported: set[str] = set()
        self._looked_for: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._module and not name.startswith(self._prefix):
            return None
        # A second finder of this kind, there after a reload of the package, asks this one again.
        if name in self._looked_for:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others)
        self._looked_for.add(name)
        try:
            spec = next((spec for spec in specs if spec is not None), None)
        finally:
            self._looked_for.discard(name)
        # Another kind of loader may serve several modules: its method must not be replaced.
        if spec is not None and type(spec.loader) is SourceFileLoader:
            vars(spec.loader)["exec_module"] = self._watched(spec.loader.exec_module)
        return spec

    def _watched(self, execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def execute_then_act(module: ModuleType) -> None:
            self._being_imported.add(module.__name__)
            try:
                execute(module)
            finally:
                self._being_imported.discard(module.__name__)
            done = self._module in sys.modules and not self._being_imported
            if done and self in sys.meta_path:
                sys.meta_path.remove(self)
                self._action()

        return execute_then_act
