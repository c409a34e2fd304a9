#!/usr/bin/env python3
"""Holds the include ladder: a room may include the rooms below it and itself, never one above.

Also refuses torch headers in the public headers of rooms that promise not to show them.
"""
import pathlib
import re
import subprocess
import sys

# From the bottom up. tests and bench may use every room.
LADDER = ["base", "model", "store", "retriever", "generator", "indexer", "trainer", "server", "cli"]
TORCH_FREE = {"base", "store", "retriever", "indexer", "server", "cli"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def faults(path):
    room = path.parts[0]
    if room not in LADDER:
        return
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        included = match.group(1) or match.group(2)
        line = text.count("\n", 0, match.start()) + 1
        target = included.split("/")[0]
        if match.group(1) and target not in LADDER:
            yield f'{path}:{line}: include "{included}" from the root of the tree, room first'
        elif match.group(1) and LADDER.index(target) > LADDER.index(room):
            yield f"{path}:{line}: {room} may not include {target}, which is above it"
        elif match.group(2) and target in {"torch", "ATen", "c10"}:
            if path.suffix == ".h" and room in TORCH_FREE:
                yield f"{path}:{line}: headers of {room} do not show torch"


def main():
    listing = subprocess.run(
        ["git", "ls-files", "*.cc", "*.h"], check=True, capture_output=True, text=True)
    found = [fault for name in listing.stdout.split() for fault in faults(pathlib.Path(name))]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
