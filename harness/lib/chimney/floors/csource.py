# SPDX-License-Identifier: GPL-2.0-or-later
"""One C file, read as far as its seams go: what it includes, defines, declares and uses by name.

No compiler and no tree of QEMU or of a kernel is needed. Comments, strings and preprocessor lines
are taken out; braces then tell where a function begins and ends. The body of a macro counts as text
of the file that defines it. Whatever is under an #if is read. For the engine, a test compares the
outcome with what the compiler's objects say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .source import Function, Source

BLANK = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)((?:\\\n|[^\n])*)", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
TOKEN = re.compile(r"[A-Za-z_]\w*|->|\.{3}|[^\s\w]|\d[\w.]*")
WORD = re.compile(r"[A-Za-z_]\w*\Z")
# What is behind these has a name of another kind.
NO_NAME = {".", "->", "struct", "union", "enum", "goto"}
# What may stand before a name without being its type.
STORAGE = {"static", "extern", "inline", "const", "volatile"}
# What has a parenthesis of its own around a declaration, besides names that begin with __.
ATTRIBUTES = {"typeof", "G_GNUC_PRINTF"}


@dataclass
class Token:
    """A word or a sign, and its line."""

    text: str
    line: int


def read(path: Path) -> Source:
    """Read a C file or a header."""
    text = path.read_text()
    source = Source(path, text.count("\n"))
    for match in INCLUDE.finditer(text):
        source.includes.append((match[1], text.count("\n", 0, match.start()) + 1))
    text = BLANK.sub(blank, text)

    def take(match: re.Match[str]) -> str:
        line = text.count("\n", 0, match.start()) + 1
        if match[1] == "define" and (head := re.match(r"\s*(\w+)(\([^)]*\))?", match[2])):
            if path.suffix == ".h":
                source.public.add(head[1])
            use(source, tokens(match[2][head.end():].replace("\\\n", "\n"), line))
        return blank(match)

    split(source, tokens(DIRECTIVE.sub(take, text)))
    return source


def blank(match: re.Match[str]) -> str:
    """Return as many lines as the match has, and nothing on them."""
    return "\n" * match[0].count("\n") or " "


def tokens(text: str, line: int = 1) -> list[Token]:
    """Return the words and signs of a text without comments."""
    found = []
    for number, content in enumerate(text.split("\n"), line):
        found += [Token(match[0], number) for match in TOKEN.finditer(content)]
    return found


def use(source: Source, words: list[Token]) -> None:
    """Note the names that a stretch of code says. Members and tags of structures are none."""
    before = ""
    for word in words:
        if before not in NO_NAME and WORD.match(word.text):
            source.uses.setdefault(word.text, word.line)
        before = word.text


def closing(words: list[Token], start: int, pair: str) -> int:
    """Return where the bracket at `start` is closed."""
    depth = 0
    for place in range(start, len(words)):
        depth += {pair[0]: 1, pair[1]: -1}.get(words[place].text, 0)
        if not depth:
            return place
    raise ValueError(f"the {pair[0]} in line {words[start].line} is not closed")


def split(source: Source, words: list[Token]) -> None:
    """Cut a file into declarations and definitions at its outermost level."""
    place = begin = 0
    while place < len(words):
        text = words[place].text
        if text == "(":
            place = closing(words, place, "()")
        elif text == ";":
            declaration(source, words[begin:place])
            begin = place + 1
        elif text == "{":
            end = closing(words, place, "{}")
            head = words[begin:place]
            if (name := named(head)) and head[-1].text == ")" and all(w.text != "=" for w in head):
                definition(source, head, name, words[place:end + 1])
                begin = end + 1
            place = end
        place += 1


def named(head: list[Token]) -> Token | None:
    """Return the name that the last parameter list of a declaration belongs to."""
    found, depth = None, 0
    for here, after in zip(head, [*head[1:], Token("", 0)], strict=True):
        if not depth and after.text == "(" and WORD.match(here.text) and (
                not here.text.startswith("__") and here.text not in ATTRIBUTES):
            found = here
        depth += {"(": 1, ")": -1}.get(here.text, 0)
    return found


def definition(source: Source, head: list[Token], name: Token, body: list[Token]) -> None:
    """Note a function with its body."""
    source.functions.append(Function(name.text, name.line, body[-1].line))
    if source.path.suffix == ".h" or all(word.text != "static" for word in head):
        source.public.add(name.text)
    else:
        source.private.add(name.text)
    use(source, head[head.index(name) + 1:] + body)


def declaration(source: Source, words: list[Token]) -> None:
    """Note what stands before a semicolon: a prototype, a variable, a type, a macro's call. That
    a variable is said to exist elsewhere is a prototype as well.
    """
    texts = [word.text for word in words]
    name = named(words)
    if name and not {"=", "{", "typedef"} & set(texts) and (
            set(texts[:words.index(name)]) - STORAGE):
        source.prototypes.append((name.text, name.line))
        words = words[words.index(name) + 1:]
    elif (variable := global_name(texts)) is not None:
        if texts[0] == "extern":
            source.prototypes.append((variable, words[0].line))
        else:
            source.public.add(variable)
        words = [word for word in words if word.text != variable]
    use(source, words)


def global_name(texts: list[str]) -> str | None:
    """Return the variable that a declaration makes known to other files, if it does."""
    end = min((texts.index(sign) for sign in "=[" if sign in texts), default=len(texts))
    before = texts[:end]
    while before and before[-1].startswith("__"):
        before.pop()            # an attribute
    if {"static", "typedef", "(", "{"} & set(before) or len(before) < 2:
        return None
    if before[0] in NO_NAME and len(before) == 2:
        return None             # a structure that is only said to exist
    return before[-1] if WORD.match(before[-1]) else None
