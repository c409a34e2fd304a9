#!/usr/bin/env python3
"""Runs one test file with the interpreter that has the packages it needs.

    run.py TEST_FILE PROGRAM ARTIFACTS

PROGRAM is the built `tandem`, ARTIFACTS where screenshots go unless TANDEM_ARTIFACTS says otherwise.
The interpreter is TANDEM_TEST_PYTHON, else the one of the environment that scripts/test makes; tests of
further clients have an environment of their own, and TANDEM_CLIENT_PYTHON. Exit status 77, which CTest takes
for "skipped", says that something is missing, and what.
"""
import os
import pathlib
import subprocess
import sys

SKIPPED = 77
# Where an interpreter is found, and what it must have.
PYTHON = ("TANDEM_TEST_PYTHON", "test-venv", ["openai", "playwright"])
PYTHON_OF = {"test_clients": ("TANDEM_CLIENT_PYTHON", "client-venv",
                              ["langchain_openai", "llama_index.llms.openai_like"])}


def cache_folder():
    if os.environ.get("TANDEM_CACHE"):
        return pathlib.Path(os.environ["TANDEM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"]) / ".cache"
    return pathlib.Path(base) / "tandem"


def skip(reason):
    print(f"skipped: {reason}")
    return SKIPPED


def main():
    test, program, artifacts = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    cache = cache_folder()
    variable, folder, packages = PYTHON_OF.get(test.stem, PYTHON)
    python = pathlib.Path(os.environ.get(variable, cache / folder / "bin/python"))
    if not python.exists():
        return skip(f"there is no {python}; scripts/test makes it")
    probe = subprocess.run([python, "-c", f"import {', '.join(packages)}"], capture_output=True)
    if probe.returncode != 0:
        return skip(f"{python} lacks {' or '.join(packages)}; scripts/test installs them")
    models = cache / "models"
    if not models.is_dir():
        return skip(f"there are no models in {models}; scripts/models fetches them")
    if not program.exists():
        return skip(f"{program} is not built")
    environment = dict(os.environ, TANDEM_PROGRAM=str(program), TANDEM_MODELS=str(models))
    environment.setdefault("TANDEM_ARTIFACTS", str(artifacts))
    return subprocess.run([python, test, "-v"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
