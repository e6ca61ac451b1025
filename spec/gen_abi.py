#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Generate the Python mirror of spec/chimney_abi.h.

Names are found in the header's text; every value, size and offset is printed by a probe that the C
compiler builds from the header itself, so the mirror says what the compiler says. The same facts as
plain lines are what a frozen version must go on to say (abi-1.0.txt).
"""
from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

HEADER = Path(__file__).resolve().parent / "chimney_abi.h"

SCALARS = {
    "__u8": "c_uint8",
    "__le16": "c_uint16",
    "__le32": "c_uint32",
    "__le64": "c_uint64",
    "__be16": "be16",
}


def strip_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def matching_brace(text: str, start: int) -> int:
    depth = 0
    for pos in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[pos], 0)
        if depth == 0:
            return pos
    raise ValueError("unbalanced braces in the header")


def find_enums(text: str) -> list[tuple[str, list[str]]]:
    """Every `enum name { A = ..., B }` as (name, [A, B])."""
    found = []
    for match in re.finditer(r"\benum\s+(\w+)\s*\{", text):
        body = text[match.end() : matching_brace(text, match.end() - 1)]
        found.append(
            (
                match.group(1),
                re.findall(r"\b(CHIM_\w+)\s*(?==|,|$|\n|\})", re.sub(r"=[^,]*", "=", body)),
            )
        )
    return found


class Field:
    """One member: its C path from the structure, its type, its array dimensions; or a union of
    nested structures.
    """

    def __init__(
        self,
        name: str,
        ctype: str,
        dims: list[str],
        members: list["Field"] | None = None,
        union: bool = False,
    ) -> None:
        self.name, self.ctype, self.dims, self.members, self.union = (
            name,
            ctype,
            dims,
            members,
            union,
        )


def parse_fields(body: str) -> list[Field]:
    fields, pos = [], 0
    declaration = re.compile(r"\s*(struct\s+\w+|\w+)\s+([^;{]+);")
    nested = re.compile(r"\s*(struct|union)\s*\{")
    while pos < len(body):
        inner = nested.match(body, pos)
        if inner:
            end = matching_brace(body, inner.end() - 1)
            tail = re.compile(r"\s*(\w+)\s*;").match(body, end + 1)
            assert tail, "anonymous members are not used in the ABI"
            fields.append(
                Field(
                    tail.group(1),
                    inner.group(1),
                    [],
                    parse_fields(body[inner.end() : end]),
                    inner.group(1) == "union",
                )
            )
            pos = tail.end()
            continue
        plain = declaration.match(body, pos)
        if not plain:
            break
        for one in plain.group(2).split(","):
            name = re.match(r"\s*(\w+)", one)
            assert name, f"no name in {one!r}"
            dims = re.findall(r"\[([^\]]+)\]", one)
            fields.append(Field(name.group(1), plain.group(1), dims))
        pos = plain.end()
    return fields


def find_structs(text: str) -> list[tuple[str, list[Field]]]:
    found = []
    for match in re.finditer(r"^struct\s+(\w+)\s*\{", text, flags=re.M):
        found.append(
            (
                match.group(1),
                parse_fields(text[match.end() : matching_brace(text, match.end() - 1)]),
            )
        )
    return found


def probe(
    enums: list[tuple[str, list[str]]], structs: list[tuple[str, list[Field]]]
) -> dict[str, int]:
    """Ask the compiler for every value, size, offset and array dimension."""
    asks: list[str] = []
    for _, names in enums:
        asks += names
    for name, fields in structs:
        asks.append(f"sizeof(struct {name})")
        for path, field in walk(fields):
            asks.append(f"__builtin_offsetof(struct {name}, {path})")
            asks += field.dims
    asks = list(dict.fromkeys(asks))
    lines = "\n".join(
        f'printf("%llu\\n", (unsigned long long)(unsigned int)({ask}));' for ask in asks
    )
    source = f'#include <stdio.h>\n#include "{HEADER}"\nint main(void) {{\n{lines}\nreturn 0; }}\n'
    with tempfile.TemporaryDirectory() as tmp:
        prog = Path(tmp) / "probe"
        subprocess.run(
            ["gcc", "-std=gnu11", "-w", "-xc", "-", "-o", str(prog)],
            input=source,
            text=True,
            check=True,
        )
        values = subprocess.run(
            [str(prog)], capture_output=True, text=True, check=True
        ).stdout.split()
    return {ask: int(value) for ask, value in zip(asks, values, strict=True)}


def walk(fields: list[Field], prefix: str = "") -> list[tuple[str, Field]]:
    out = []
    for field in fields:
        out.append((prefix + field.name, field))
        if field.members:
            out += walk(field.members, prefix + field.name + ".")
    return out


def ctypes_name(ctype: str) -> str:
    return ctype.split()[1] if ctype.startswith("struct ") else SCALARS[ctype]


def emit_struct(
    name: str, fields: list[Field], values: dict[str, int], union: bool, out: list[str]
) -> None:
    inner = []
    for field in fields:
        if field.members is not None:
            kind = f"{name}_{field.name}"
            emit_struct(kind, field.members, values, field.union, out)
        else:
            kind = ctypes_name(field.ctype)
        for dim in reversed(field.dims):
            kind = f"{kind} * {values[dim]}"
        inner.append(f'        ("{field.name}", {kind}),')
    base = "Union" if union else "LittleEndianStructure"
    out += [f"class {name}({base}):", "    _fields_ = ["] + inner + ["    ]", "", ""]


def emit(
    enums: list[tuple[str, list[str]]],
    structs: list[tuple[str, list[Field]]],
    values: dict[str, int],
) -> str:
    out = [
        "# SPDX-License-Identifier: GPL-2.0-only OR MIT",
        '"""The ABI as the C compiler sees it: made by spec/gen_abi.py, do not edit."""',
        "from __future__ import annotations",
        "",
        "from ctypes import BigEndianStructure, LittleEndianStructure, Union, c_uint8, c_uint16, "
        "c_uint32, c_uint64",
        "from enum import IntEnum",
        "",
        "",
        "class be16(BigEndianStructure):",
        '    """A 16-bit field in network order."""',
        "",
        '    _fields_ = [("value", c_uint16)]',
        "",
        "",
    ]
    for name, names in enums:
        out.append(f"class {name}(IntEnum):")
        out += [f"    {item} = {values[item]:#x}" for item in names] + ["", ""]
    for name, fields in structs:
        emit_struct(name, fields, values, False, out)
    out.append("SIZES = {")
    out += [f'    "{name}": {values[f"sizeof(struct {name})"]},' for name, _ in structs] + ["}", ""]
    out.append("OFFSETS = {")
    for name, fields in structs:
        for path, _ in walk(fields):
            out.append(
                f'    ("{name}", "{path}"): {values[f"__builtin_offsetof(struct {name}, {path})"]},'
            )
    out += ["}", ""]
    for name, names in enums:
        out += [f"{item} = {name}.{item}" for item in names]
    return "\n".join(out) + "\n"


def facts(enums: list[tuple[str, list[str]]], structs: list[tuple[str, list[Field]]],
          values: dict[str, int]) -> str:
    """Every value, size and offset, a line each. The minor version is what may grow."""
    out = [f"{name} = {values[name]:#x}" for _, names in enums for name in names
           if name != "CHIM_ABI_MINOR"]
    for name, fields in structs:
        out.append(f"sizeof(struct {name}) = {values[f'sizeof(struct {name})']}")
        for path, _ in walk(fields):
            offset = f"offsetof(struct {name}, {path})"
            out.append(f"{offset} = {values['__builtin_' + offset]}")
    return "\n".join(out) + "\n"


class Parser(argparse.ArgumentParser):
    """Wrong use is one sentence and status 2; abbreviations of options are not understood."""

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ").replace("unrecognized arguments", "unknown option")
        self.exit(2, f"gen_abi: {text.rstrip('.')}. See {self.prog} --help.\n")


def main() -> int:
    parser = Parser(prog="spec/gen_abi.py", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--check", action="store_true", help="fail if OUTPUT is not what would be generated"
    )
    parser.add_argument(
        "--facts", action="store_true", help="write plain lines instead of the mirror"
    )
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    text = strip_comments(HEADER.read_text())
    enums, structs = find_enums(text), find_structs(text)
    values = probe(enums, structs)
    mirror = facts(enums, structs, values) if args.facts else emit(enums, structs, values)
    if args.check:
        if not args.output.exists() or args.output.read_text() != mirror:
            print(f"{args.output} does not mirror {HEADER.name}: run make abi", file=sys.stderr)
            return 1
        return 0
    args.output.write_text(mirror)
    return 0


if __name__ == "__main__":
    sys.exit(main())
