#!/usr/bin/env python3
"""Writes BUILD/tidy/compile_commands.json: the commands without GCC's precompiled headers, which
clang cannot read. Sources include what they use themselves, so nothing is missed.

usage: tidy_database.py BUILD
"""
import json
import pathlib
import re
import sys

PRECOMPILED = re.compile(r" -include \S*cmake_pch\.hxx| -Winvalid-pch| -fpch-preprocess")


def main():
    build = pathlib.Path(sys.argv[1])
    entries = json.loads((build / "compile_commands.json").read_text())
    for entry in entries:
        entry["command"] = PRECOMPILED.sub("", entry["command"])
    (build / "tidy").mkdir(exist_ok=True)
    (build / "tidy/compile_commands.json").write_text(json.dumps(entries))


if __name__ == "__main__":
    main()
