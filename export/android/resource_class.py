"""The class R of the app, out of its resources: python resource_class.py RES > R.java

Android's tools make it while they build. Where they are not, this lets the compiler see a string,
layout or view that the code names and that is not there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from segnet_tf.errors import UserError

PACKAGE = "com.example.segmentation"
# What a layout refers to, `@string/pick`; `@+id/pick` makes it.
REFERENCE = re.compile(r"@(string|style)/([\w.]+)")


def names(folder: Path) -> dict[str, set[str]]:
    """Kind -> the names in a `res` folder.

    Raises:
        UserError: a layout or manifest that refers to what is not there, or two layouts of one
            name (upright and turned) that do not hold the same views.
    """
    found: dict[str, set[str]] = {"layout": set(), "string": set(), "style": set(), "id": set()}
    for file in sorted(folder.glob("values*/*.xml")):
        for element in ElementTree.parse(file).getroot():
            found[element.tag].add(element.attrib["name"])
    views: dict[str, set[str]] = {}
    for file in sorted(folder.glob("layout*/*.xml")):
        text = file.read_text("utf-8")
        ids = set(re.findall(r"@\+id/(\w+)", text))
        if views.setdefault(file.stem, ids) != ids:
            raise UserError(
                f"`res` must have the same views in all layouts named {file.stem}. Received: "
                f"{', '.join(sorted(views[file.stem] ^ ids))} in one only. Add it to the other."
            )
        found["layout"].add(file.stem)
        found["id"] |= ids
    for file in (*folder.glob("layout*/*.xml"), folder.parent / "AndroidManifest.xml"):
        for kind, name in REFERENCE.findall(file.read_text("utf-8")):
            if name not in found[kind]:
                raise UserError(
                    f"`res` must have what {file.name} refers to. Received: no {kind} {name!r}. "
                    "Add it to values/."
                )
    return found


def java(found: dict[str, set[str]]) -> str:
    """The class, a number for each name."""
    lines = [f"package {PACKAGE};", "", "public final class R {"]
    for kind, kind_names in found.items():
        lines.append(f"    public static final class {kind} {{")
        for number, name in enumerate(sorted(kind_names)):
            lines.append(f"        public static final int {name.replace('.', '_')} = {number};")
        lines.append("    }")
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    try:
        print(java(names(Path(sys.argv[1]))))
    except UserError as error:
        sys.exit(f"android-kotlin: {error}")
