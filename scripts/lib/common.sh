# shellcheck shell=bash
# What the scripts share. Sourced, never run.
set -euo pipefail

# shellcheck disable=SC2034  # for the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Everything that outlives a build tree: LibTorch, FAISS, models, Python environments.
# The same rule stands in cmake/CachePath.cmake.
cache=${TANDEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tandem}
# Scripts that call one another count from the start of the first.
export TANDEM_STARTED=${TANDEM_STARTED:-$EPOCHSECONDS}

say() { printf '\033[1m[%3ds] %s\033[0m\n' $((EPOCHSECONDS - TANDEM_STARTED)) "$*" >&2; }
warn() { printf '\033[1;33m[%3ds] warning: %s\033[0m\n' $((EPOCHSECONDS - TANDEM_STARTED)) "$*" >&2; }
die() { printf '\033[1;31merror: %s\033[0m\n' "$*" >&2; exit 1; }

# run_logged LOG COMMAND...: output goes to LOG; on failure its end is shown and the script ends.
run_logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "'$*' failed; the whole output is in $log"
  }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    die "'$*' needs root, and sudo is not installed; run it as root first"
  fi
}

# apt_install PACKAGE...: installs those that are missing.
apt_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "install these packages by hand: ${missing[*]}"
  say "installing ${#missing[@]} system packages"
  run_logged "$cache/log/apt-update.log" as_root apt-get update
  run_logged "$cache/log/apt-install.log" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# fetch_wheels FOLDER REQUIREMENTS: downloads the wheels that REQUIREMENTS pins by hash.
fetch_wheels() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux_2_18_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
    --dest "$1" --requirement "$2"
}

# once NAME FUNCTION: runs FUNCTION with a fresh folder and publishes that as $cache/NAME, unless it is
# there already. An interrupted run leaves no half-made folder behind; two runs at once do not collide.
once() {
  local target=$cache/$1 work
  [ -d "$target" ] && return 0
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.$1.XXXXXX")
  # A sub-shell of its own: `set -e` must hold inside, which it does not in a condition.
  # shellcheck disable=SC2064
  ( trap "rm -rf '$work'" EXIT; "$2" "$work"; mv -T "$work" "$target" 2>/dev/null || [ -d "$target" ] )
}

# make_manual NAME PACKAGE FOLDER: $cache/NAME/html becomes FOLDER of /usr/share/doc in a Debian package, unpacked
# rather than installed: minimal systems drop /usr/share/doc on installing.
unpack_manual() {
  (cd "$1" && apt-get -o 'APT::Sandbox::User=' download "$package" && dpkg-deb -x "$package"_*.deb tree)
  mv "$1/tree/usr/share/doc/$folder" "$1/html"
  rm -r "$1"/tree "$1"/*.deb
}
make_manual() {
  local package=$2 folder=$3
  once "$1" unpack_manual
}
