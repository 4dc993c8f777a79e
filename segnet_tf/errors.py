"""The one exception that means: the input is at fault, and the message says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input. One line: the argument, the rule, what came, and the way out.

    Commands print the message on stderr and exit with 2; library callers get an
    ordinary `ValueError`.
    """


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The last sentence of a message on an unknown name: the one it resembles, or all of them."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    return f"Did you mean {folded[close[0]]}?" if close else f"There are {', '.join(names)}."
