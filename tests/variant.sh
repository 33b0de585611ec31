#!/usr/bin/env bash
# variant.sh DIR CONFIGURE-ARGUMENT... - configure a build of another kind in
# DIR, below the build directory, unless it is there already.
set -euo pipefail
src=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
shift
mkdir -p "$dir"
cd "$dir"
[ -e Makefile ] || "$src/configure" --quiet "$@"
