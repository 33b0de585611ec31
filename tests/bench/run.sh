#!/usr/bin/env bash
# run.sh PART... - run programs and scripts of tests/bench one after the other.
#
#   BENCH_PARTS    only these, by name ("growth streams")
#   BENCH_DATA     a tree of files to work on; without, one is made
#   BENCH_NEXT     its next version
#   BENCH_FILES    files of the tree that is made (6000)
#   BENCH_DIR      where to work (TMPDIR, /tmp)
#   BENCH_JSON     a file that each row is appended to, as JSON
#   BENCH_BIN      where the programs of tests/bench are
#
# What else can be set stands at the head of each part.
set -euo pipefail
export LC_ALL=C

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 | tr -d '"\\')
printf '%s cores, %s, %s\n' "$(nproc)" "${model:-unknown}" "$(uname -sr)"
[ -z "${BENCH_JSON:-}" ] ||
	printf '{"bench":"machine","cores":%s,"model":"%s","system":"%s"}\n' \
		"$(nproc)" "$model" "$(uname -sr)" >>"$BENCH_JSON"

made=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/blk-bench-XXXXXX")
trap 'rm -rf "$made"' EXIT
export BENCH_LIMITS=$made/limits
if [ -z "${BENCH_DATA:-}" ]; then
	export BENCH_DATA=$made/1 BENCH_NEXT=$made/2
	mkdir "$BENCH_DATA" "$BENCH_NEXT"
	"$BENCH_BIN/corpus" tree "$BENCH_DATA" "${BENCH_FILES:-6000}" 1
	"$BENCH_BIN/corpus" tree "$BENCH_NEXT" "${BENCH_FILES:-6000}" 1 1
fi
for part in "$@"; do
	name=$(basename "$part" .sh)
	[[ " ${BENCH_PARTS:-$name} " == *" $name "* ]] || continue
	case $part in
	*.sh) bash "$(dirname "$0")/$name.sh" ;;
	*) "$BENCH_BIN/$name" ;;
	esac
done
