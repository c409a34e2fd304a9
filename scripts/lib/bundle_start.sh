#!/bin/sh
# Starts Tandem, which finds its libraries in ../lib of where it lies.
exec "$(dirname "$(readlink -f "$0")")/bin/tandem" "$@"
