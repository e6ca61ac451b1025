# SPDX-License-Identifier: GPL-2.0-or-later
"""One Python file: what it imports, at its top or later, and how long its functions are."""

from __future__ import annotations

import ast
from pathlib import Path

from .source import Function, Source


def read(path: Path) -> Source:
    """Read a Python file. Imports are given as written: dots, module, and each name as part of it,
    since a name that is imported may be a module.
    """
    text = path.read_text()
    source = Source(path, text.count("\n"))
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import):
            source.includes += [(name.name, node.lineno) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            joint = "." if node.module else ""
            source.includes += [(f"{stem}{joint}{name.name}", node.lineno) for name in node.names]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            source.functions.append(Function(node.name, node.lineno, node.end_lineno or 0))
    return source
