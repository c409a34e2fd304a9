#!/usr/bin/env bash
# A bundle runs where nothing of what it was made from is left: moved, with an empty environment, and
# with every library from the folder itself but for those that are the target's.
#
#   test_bundle.sh SOURCE BUILD LIBTORCH ENCODER      exit status 77: something it needs is not there
set -euo pipefail
source_folder=$1 build=$2 libtorch=$3 encoder=$4
for tool in icupkg objcopy; do
  command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
[ -e "$encoder/model.safetensors" ] || { echo "no encoder in $encoder"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
clean() { env -i PATH=/usr/bin:/bin HOME="$work" "$@"; }

cp -r "$source_folder/tests/e2e/documents" "$work/documents"
cp -rL "$encoder" "$work/encoder"
# The cache of the build out of sight, where this user may.
hidden=()
cache=$(dirname "$(dirname "$(dirname "$libtorch")")")
# shellcheck disable=SC2016  # for the shell inside
if unshare -rm mount -t tmpfs none "$cache" 2>"$work/message"; then
  hidden=(unshare -rm sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$cache")
fi

# answers TANDEM STORE: indexes and searches.
answers() {
  clean "${hidden[@]}" "$1" index "$work/documents" --store "$2" --encoder "$work/encoder" &&
    clean "${hidden[@]}" "$1" search "how far away can the light be seen" --store "$2" >"$work/hits" &&
    grep -qi 'lighthouse' "$work/hits"
}

# Without LibTorch: small, and all that a processor with tiles needs. Others are told what is missing.
"$source_folder/scripts/bundle" --from "$build" "$work/made/small"
mkdir "$work/elsewhere"
mv "$work/made/small" "$work/elsewhere/small"
small=$work/elsewhere/small
[ "$(du -sm "$small" | cut -f1)" -le 60 ] || fail "it is too large"
clean "$small/tandem" --version | grep -q '^tandem [0-9]' || fail "it does not start"
if grep -q -E '\b(amx_bf16|avx512_bf16)\b' /proc/cpuinfo; then
  answers "$small/tandem" "$work/small-store" || fail "it does not search without LibTorch"
elif answers "$small/tandem" "$work/small-store" 2>"$work/message"; then
  fail "it indexes by nothing"
else
  grep -q 'pip install torch==' "$work/message" || fail "no advice, but: $(cat "$work/message")"
fi

# Its plug-in takes the LibTorch that it is told, and says when there is none.
# opens_torch BUNDLE [VARIABLE=VALUE]
opens_torch() {
  install "$build/bin/torch_plugin_test" "$1/bin/"
  clean "${@:2}" "$1/bin/torch_plugin_test" --gtest_filter='*.GivesTheFolderOfItsLibTorch' \
    >"$work/message"
}
if opens_torch "$small"; then fail "there is a LibTorch where none should be"; fi
grep -q 'pip install torch==' "$work/message" || fail "no advice, but: $(cat "$work/message")"
opens_torch "$small" TANDEM_LIBTORCH="$libtorch" ||
  fail "not the LibTorch of TANDEM_LIBTORCH: $(cat "$work/message")"

# What was put in the place of libraries, or taken out of their data, is not missed.
for test in base_test indexer_test; do
  LD_LIBRARY_PATH=$work/elsewhere/small/lib "$build/bin/$test" --gtest_brief=1 ||
    fail "$test does not pass with the libraries of the bundle"
done

# With LibTorch: whole.
"$source_folder/scripts/bundle" --from "$build" --with-torch "$work/made/whole"
mv "$work/made/whole" "$work/elsewhere/a folder"
tandem="$work/elsewhere/a folder/tandem"
# ldd asks the dynamic linker, which looks into the folder first and then wherever the libraries say.
clean ldd "$work/elsewhere/a folder/bin/tandem" "$work/elsewhere/a folder/lib/libtandem_torch.so" | awk '/=>/ {print $1, $3, $4}' |
  grep -v -E '^(lib(c|m|dl|rt|pthread|resolv|util|stdc\+\+|gcc_s)\.so\S*|ld-linux\S*) ' |
  grep -v -F "$work/elsewhere/a folder/" >"$work/foreign" || true
[ ! -s "$work/foreign" ] || fail "libraries from outside: $(cat "$work/foreign")"

opens_torch "$work/elsewhere/a folder" || fail "its LibTorch does not load: $(cat "$work/message")"
answers "$tandem" "$work/store" || fail "it does not search: $(cat "$work/hits")"
echo "passed${hidden:+, without the cache}"
