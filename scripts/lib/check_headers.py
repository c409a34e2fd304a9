#!/usr/bin/env python3
"""Compiles each header of the tree by itself, with the flags of a source file of its room."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def flags_by_room(build):
    """Include paths and definitions of each room's sources together, from the compilation database."""
    rooms = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = os.path.relpath(entry["file"])
        words = shlex.split(entry["command"])
        flags = rooms.setdefault(source.split(os.sep)[0], [])
        for i, word in enumerate(words):
            if word.startswith(("-I", "-D", "-std", "-W")) and word not in flags:
                flags.append(word)
            elif word in ("-isystem", "-idirafter") and words[i + 1] not in flags:
                flags += [word, words[i + 1]]
    return rooms


def check(header, flags):
    result = subprocess.run(
        ["g++", *flags, "-I.", "-fsyntax-only", "-x", "c++", "-include", header, "/dev/null"],
        capture_output=True, text=True)
    return "" if result.returncode == 0 else f"{header} does not compile by itself:\n{result.stderr}"


def main():
    rooms = flags_by_room(pathlib.Path(sys.argv[1]))
    listing = subprocess.run(["git", "ls-files", "*.h"], check=True, capture_output=True, text=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, header, rooms[header.split("/")[0]])
                for header in listing.stdout.split()]
        found = [job.result() for job in jobs if job.result()]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
