#!/usr/bin/env bash
# coverage.sh SOURCE BUILD - what the tests of a --enable-coverage build did
# not run of libcore.  Prints a table; lines not run, unless they say
# /* uncovered: reason */, go to BUILD/uncovered, pages to BUILD/html.
set -euo pipefail
src=$(cd "$1" && pwd)
build=$2

lcov --quiet --rc lcov_branch_coverage=1 --capture --directory "$build/libcore" \
	--base-directory "$src" --output-file "$build/all.info"
lcov --quiet --rc lcov_branch_coverage=1 --extract "$build/all.info" \
	"$src/libcore/*" --output-file "$build/libcore.info"
genhtml --quiet --branch-coverage --output-directory "$build/html" "$build/libcore.info"

awk -F'[:,]' -v src="$src/" '
	/^SF:/ { file = substr($0, 4); next }
	/^DA:/ && $3 == 0 { print file, $2 }
' "$build/libcore.info" |
	while read -r file line; do
		text=$(sed -n "${line}p" "$file")
		case $text in
		*'/* uncovered:'*) ;;
		*) printf '%s:%s:%s\n' "${file#"$src/"}" "$line" "$text" ;;
		esac
	done >"$build/uncovered"

awk -F: -v src="$src/" '
	/^SF:/ { file = substr($0, length("SF:" src) + 1) }
	/^LF:/ { lines = $2; all += $2 }
	/^LH:/ { run = $2; hit += $2 }
	/^end_of_record/ {
		printf "%6.1f %%  %5d of %5d  %s\n", lines ? 100 * run / lines : 100, run, lines, file
	}
	END {
		if (!all) { print "no line of libcore was seen"; exit 1 }
		printf "%6.1f %%  %5d of %5d  libcore\n", 100 * hit / all, hit, all
	}' "$build/libcore.info"
printf '%s lines without a test or a reason: %s\n' \
	"$(wc -l <"$build/uncovered")" "$build/uncovered"
