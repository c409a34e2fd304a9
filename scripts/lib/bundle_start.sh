#!/bin/sh
# Starts Tandem with the libraries of this folder, and with the target's LibTorch where the folder has none.
set -eu
here=$(dirname "$(readlink -f "$0")")
libraries=''

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# Prints the version of the PyTorch that python3 would import, and the folder of its libraries.
installed_torch() {
  python3 - <<'END' 2>/dev/null
import importlib.util, pathlib, re
folder = pathlib.Path(importlib.util.find_spec("torch").origin).parent
print(re.search(r"__version__ = ['\"]([0-9.]+)", (folder / "version.py").read_text()).group(1), folder / "lib")
END
}

if [ ! -e "$here/lib/libtorch_cpu.so" ]; then
  if [ -n "${TANDEM_LIBTORCH:-}" ]; then
    libraries=$TANDEM_LIBTORCH
    [ -e "$libraries/libtorch_cpu.so" ] ||
      fail "TANDEM_LIBTORCH is $libraries, which holds no libtorch_cpu.so"
  else
    found=$(installed_torch) || fail "there is no LibTorch: pip install torch==2.11.0, or set TANDEM_LIBTORCH"
    [ "${found%% *}" = 2.11.0 ] ||
      fail "PyTorch ${found%% *} is installed; this program needs 2.11.0, or set TANDEM_LIBTORCH"
    libraries=${found#* }
  fi
fi
[ -z "$libraries" ] || export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$here/bin/tandem" "$@"
