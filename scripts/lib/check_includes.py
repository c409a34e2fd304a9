#!/usr/bin/env python3
"""Holds the include ladder: a room may include the rooms below it and itself, never one above.

Also keeps LibTorch in the folders that make a plug-in of it: its headers, and theirs, are included nowhere
else, so that nothing else comes to need it.
"""
import pathlib
import re
import subprocess
import sys

# From the bottom up. tests and bench may use every room.
LADDER = ["base", "model", "store", "retriever", "generator", "indexer", "trainer", "server", "cli"]
# What is linked to LibTorch: these folders of a room.
PLUGINS = ("torch", "cuda")
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
        elif path.parts[1] not in PLUGINS:
            if match.group(2) and target in {"torch", "ATen", "c10"}:
                yield f"{path}:{line}: only the folders {', '.join(PLUGINS)} include LibTorch"
            elif match.group(1) and "/torch/" in included:
                yield f"{path}:{line}: {included} is for the plug-in it belongs to"


def main():
    listing = subprocess.run(
        ["git", "ls-files", "*.cc", "*.h"], check=True, capture_output=True, text=True)
    found = [fault for name in listing.stdout.split() for fault in faults(pathlib.Path(name))]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
