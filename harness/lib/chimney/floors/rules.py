# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds of a part. Each rule returns a sentence for each place that breaks it."""

from __future__ import annotations

from .part import Part, circles, stem

# A header that more files include than this is a door to everything, unless it only has types.
DOOR = 2 / 3


def floors(part: Part) -> list[str]:
    """Every file stands on one floor, and none knows a file above it; exceptions are used."""
    found = [f"{node} stands on no floor, or on two" for node in sorted(part.nodes)
             if part.floor(node) < 0]
    used = set()
    for (one, other), how in sorted(part.edges.items()):
        if part.floor(other) > part.floor(one):
            if any((row["from"], row["to"]) == (one, other) for row in part.exceptions):
                used.add((one, other))
            else:
                found.append(f"{one} reaches up to {other}: {how}")
    return found + [f"the exception from {row['from']} to {row['to']} is not needed"
                    for row in part.exceptions if (row["from"], row["to"]) not in used] + [
                        f"the exception from {row['from']} to {row['to']} has no reason"
                        for row in part.exceptions if len(row["reason"].split()) < 4]


def circle(part: Part) -> list[str]:
    """The largest circle of files is as large as the table says, and no smaller."""
    largest = circles(part)[0]
    if len(largest) == part.largest_circle:
        return []
    inside = [how for (one, other), how in sorted(part.edges.items())
              if {one, other} <= set(largest)]
    return [f"the largest circle has {len(largest)} files, not {part.largest_circle}: "
            f"{', '.join(largest)}", *inside]


def sizes(part: Part) -> list[str]:
    """No header, no other file and no function is longer than the table says."""
    found = []
    for path, source in part.sources.items():
        if path in part.interface:
            continue
        most = part.header_lines if path.endswith(".h") else part.source_lines
        if source.lines > most:
            found.append(f"{path} has {source.lines} lines, more than {most}")
        found += [f"{path}:{function.first} {function.name}() has {function.lines} lines, more "
                  f"than {part.function_lines}" for function in source.functions
                  if function.lines > part.function_lines]
    return found


def prototypes(part: Part) -> list[str]:
    """The prototype of a function or variable stands in the header of its file, or in the part's
    interface.
    """
    bodies = {name: path for path, source in part.sources.items() if path.endswith(".c")
              for name in source.public}
    found, declared = [], {path: {name for name, _ in source.prototypes}
                           for path, source in part.sources.items()}
    for path, source in part.sources.items():
        found += [f"{path}:{line} declares {name}, which is in {bodies[name]}"
                  for name, line in source.prototypes
                  if name in bodies and stem(bodies[name]) != stem(path)
                  and path not in part.interface]
    offered: set[str] = set().union(*(declared.get(path, set()) for path in part.interface))
    return found + [f"{path} has {name}, which its header does not declare"
                    for name, path in sorted(bodies.items())
                    if name not in offered | declared.get(f"{stem(path)}.h", set())]


def doors(part: Part) -> list[str]:
    """A header that offers functions is included by no more than two thirds of the C files."""
    users: dict[str, int] = {}
    files = [path for path in part.sources if path.endswith(".c")]
    for path in files:
        for target in {part.included(path, what) for what, _ in part.sources[path].includes}:
            if target and target != stem(path):
                users[target] = users.get(target, 0) + 1
    return [f"{node}.h is included by {count} of {len(files)} files"
            for node, count in sorted(users.items()) if count > DOOR * len(files)
            and (header := part.sources.get(f"{node}.h"))
            and (header.prototypes or header.functions)]


ALL = {rule.__name__: rule for rule in (floors, circle, sizes, prototypes, doors)}
