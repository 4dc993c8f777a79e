"""Names of a package whose modules are imported when a name is first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(
    package: str, where: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    A function must not have the name of a module beside it: Python puts a module into its package
    as soon as anybody imports it, and the function would be gone.

    Args:
        package: its `__name__`.
        where: name -> the module that has it. `"PACKAGE.NAME"` for a name that is a module.
    """

    def get(name: str) -> object:
        if name not in where:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}",
                name=name,
                obj=sys.modules.get(package),
            )
        module = importlib.import_module(where[name])
        return module if where[name] == f"{package}.{name}" else getattr(module, name)

    return get, lambda: sorted(where)
