"""Holds the stand-ins for Android against Android: python check_stand_ins.py CLASSES STUBS

CLASSES has the compiled stand-ins, STUBS the `chaquopy-stubs` packages of PyPI: Python stubs that a
program made from android.jar (API 36) and from the AAR of androidx.activity. A stand-in for what
they know must have members of the same names and types, and say where null may come.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KNOWN = ("android", "androidx/activity")
PRIMITIVES = {
    "int": "jint",
    "long": "jlong",
    "float": "jfloat",
    "boolean": "jboolean",
    "int[]": "JavaArrayJInt",
}
# `javap` prints a member with two blanks before it and its annotations behind it.
MEMBER = re.compile(r"^  (?:public|protected) .*;$")
CALL = re.compile(r"([\w.$]+)\((.*)\)")


@dataclass(frozen=True)
class Member:
    """A method, constructor or field of a stand-in; `types` is `None` for a field."""

    name: str
    types: tuple[str, ...] | None
    nullable: bool


def members(text: str, cls: str) -> list[Member]:
    """Out of what `javap -v -protected` prints for a class."""
    found: list[Member] = []
    for line in text.splitlines():
        if MEMBER.match(line):
            declared = re.sub(r" throws .*|<[^()]*?>(?=[ ,)])", "", line.strip(" ;"))
            call = CALL.search(declared)
            name = call[1] if call else declared.partition(" = ")[0]
            types = tuple(filter(None, call[2].split(", "))) if call else None
            name = re.split(r"[ .]", name)[-1] if name != cls else "__init__"
            found.append(Member(name, types, False))
        elif "annotations.Nullable" in line and line.startswith("      ") and found:
            # Those of arguments are told by their index: "parameter 0:" stands above.
            found[-1] = Member(found[-1].name, found[-1].types, True)
    return found


def stub(stubs: Path, cls: str) -> ast.ClassDef | None:
    """The class in the stubs; `None` if it is not there."""
    package, _, names = cls.rpartition(".")
    first, *rest = package.split(".")
    file = stubs.joinpath(f"{first}-stubs", *rest, "__init__.pyi")
    node: ast.Module | ast.ClassDef = ast.parse(file.read_text("utf-8"))
    for name in names.split("$"):
        node_of = {child.name: child for child in node.body if isinstance(child, ast.ClassDef)}
        if name not in node_of:
            return None
        node = node_of[name]
    return node if isinstance(node, ast.ClassDef) else None


def is_there(member: Member, cls: ast.ClassDef) -> bool:
    """Whether the class has such a member, by names, types, and whether null may come of it."""
    if member.types is None:
        return any(
            isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == member.name
            for node in cls.body
        )
    for node in cls.body:
        if not isinstance(node, ast.FunctionDef) or node.name != member.name:
            continue
        named = [*node.args.posonlyargs, *node.args.args]
        arguments = [argument for argument in named if argument.arg != "self"]
        if node.args.vararg:
            arguments.append(node.args.vararg)
        hints = [ast.unparse(argument.annotation) for argument in arguments if argument.annotation]
        may_be_none = node.returns is not None and "None" in ast.unparse(node.returns).split(" | ")
        is_void = node.returns is None or ast.unparse(node.returns) == "None"
        if (
            len(hints) == len(member.types)
            and all(fits(*pair) for pair in zip(member.types, hints, strict=True))
            and (is_void or may_be_none == member.nullable)
        ):
            return True
    return False


def fits(java: str, hint: str) -> bool:
    """Whether a Java type and a hint of the stubs mean the same."""
    plain = re.sub(r"<.*>", "", java).removesuffix("...")
    if re.fullmatch("[A-Z]", plain):
        return True  # a type variable
    name = PRIMITIVES.get(plain, re.split(r"[.$]", plain)[-1])
    return name in re.findall(r"\w+", hint) or (name == "CharSequence" and "str" in hint)


def wrong(classes: Path, stubs: Path) -> list[str]:
    """What the stand-ins have and Android has not."""
    files = [file for part in KNOWN for file in sorted((classes / part).rglob("*.class"))]
    names = [".".join(file.relative_to(classes).with_suffix("").parts) for file in files]
    command = ["javap", "-v", "-protected", "-cp", str(classes), *names]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for name, text in zip(names, re.split(r"^Classfile ", printed, flags=re.M)[1:], strict=True):
        cls = stub(stubs, name)
        if cls is None:
            found.append(name)
            continue
        for member in members(text, name):
            plain = member.types == () and member.name == "__init__"
            if not plain and not is_there(member, cls):
                types = "" if member.types is None else f"({', '.join(member.types)})"
                found.append(f"{name}.{member.name}{types}{' @Nullable' * member.nullable}")
    return found


if __name__ == "__main__":
    bad = wrong(Path(sys.argv[1]), Path(sys.argv[2]))
    if bad:
        sys.exit("android-kotlin: stand-ins that Android does not have so:\n  " + "\n  ".join(bad))
