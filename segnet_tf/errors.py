"""The one exception that means: the input is at fault, and the message says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What a terminal takes for a command or shows as something else: control characters, those that
# turn the direction of writing, line separators, and the halves of pairs that no encoding has.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class UserError(ValueError):
    """Bad input. One line: the argument, the rule, what came, and the way out.

    Commands print the message on stderr and exit with 2; library callers get an
    ordinary `ValueError`. Names out of files stand in it as `printable` gives them, line ends as
    blanks.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.splitlines())))


def printable(text: str) -> str:
    """A text that is safe to print: what commands a terminal stands in it as `\\x1b`.

    Line ends and tabs are kept.
    """
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], text)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The last sentence of a message on an unknown name: the one it resembles, or all of them."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(str(name)[:100].casefold(), folded, n=1)
    return f"Did you mean {folded[close[0]]}?" if close else f"There are {', '.join(names)}."
