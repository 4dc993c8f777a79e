"""The one exception that means: the input is at fault, and the message says what to do."""

from __future__ import annotations


class UserError(ValueError):
    """Bad input. One line: the argument, the rule, what came, and the way out.

    Commands print the message on stderr and exit with 2; library callers get an
    ordinary `ValueError`.
    """
