"""What is fed to the readers: whole files that are damaged, and texts of words that they know."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from hypothesis import strategies as st

# Lengths, offsets and signs that programs forget.
_EDGES = (0, 1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


@st.composite
def damaged(draw: st.DrawFn, files: Sequence[bytes]) -> bytes:
    """One of the files after up to six edits: bytes changed, cut out, repeated or taken over."""
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 6))):
        if not content:
            break
        at = draw(st.integers(0, len(content) - 1))
        kind = draw(
            st.sampled_from(("byte", "byte", "bit", "edge", "cut", "end", "copy", "insert"))
        )
        if kind == "byte":
            content[at] = draw(st.integers(0, 255))
        elif kind == "bit":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "edge":
            size = draw(st.sampled_from((1, 2, 4)))
            order = draw(st.sampled_from(("little", "big")))
            value = draw(st.sampled_from(_EDGES)) % 256**size
            content[at : at + size] = value.to_bytes(size, order)
        elif kind == "cut":
            del content[at : at + draw(st.integers(1, 40))]
        elif kind == "end":
            del content[at:]
        elif kind == "copy":
            to = draw(st.integers(0, len(content)))
            content[to:to] = content[at : at + draw(st.integers(1, 40))]
        else:
            content[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(content)


def text_of(tokens: Sequence[str], most: int = 24) -> st.SearchStrategy[str]:
    """Texts of a language's own words, and now and then of any letters."""
    any_text = st.text(max_size=6)
    return st.lists(st.sampled_from(tokens) | any_text, max_size=most).map("".join)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from((2**31, 2**63, -(10**30), 10**400)),
    st.sampled_from((0.5, -1.5, 1e300, math.nan, math.inf, -math.inf)),
    st.text(max_size=8),
    st.sampled_from(("", "road", "void", "1", "\x1b[2J", "\ud800", "a\nb", "../up", "0" * 5000)),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def changed(draw: st.DrawFn, whole: object) -> object:
    """A JSON value in which one to three places hold something else, or are gone."""
    content = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        content = _with_change(draw, content)
    return content


def _with_change(draw: st.DrawFn, content: object) -> object:
    keys = list(content) if isinstance(content, dict) else []
    keys = list(range(len(content))) if isinstance(content, list) else keys
    if not keys or draw(st.integers(0, 4)) == 0:
        return draw(TREES)
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 9)) == 0:
        del content[key]  # type: ignore[attr-defined]
    else:
        content[key] = _with_change(draw, content[key])  # type: ignore[index]
    return content
