#!/usr/bin/env bash
# coverage.sh SOURCE BUILD - what the tests of a --enable-coverage build did
# not run of libcore.  Prints a table, and the lines not run by reason: that of
# tests/uncovered, or of /* uncovered: reason */ beside it.  Lines go to
# BUILD/uncovered, those without a reason first; pages to BUILD/html.
set -euo pipefail
src=$(cd "$1" && pwd)
build=$2

lcov --quiet --rc lcov_branch_coverage=1 --capture --directory "$build/libcore" \
	--base-directory "$build" --output-file "$build/all.info"
lcov --quiet --rc lcov_branch_coverage=1 --extract "$build/all.info" \
	"$src/libcore/*" --output-file "$build/libcore.info"
genhtml --quiet --branch-coverage --output-directory "$build/html" "$build/libcore.info"

# A line not run: FILE:NUMBER:FUNCTION:TEXT.
awk -F'[:,]' '
	/^SF:/ { file = substr($0, 4); split("", name); last = 0 }
	/^FN:/ { name[$2] = $NF }
	/^DA:/ && $3 == 0 {
		while (last < $2)
			if (++last in name)
				in_it = name[last]
		print file, $2, in_it
	}
' "$build/libcore.info" |
	while read -r file line function; do
		printf '%s:%s:%s:%s\n' "${file#"$src/"}" "$line" "$function" \
			"$(sed -n "${line}p" "$file")"
	done >"$build/lines"

# The reason, a tab, the line.
awk '
	NR == FNR {
		if (/^[^#]/ && split($0, part, "\t") == 2) {
			if (part[1] != "")
				why = part[1]
			reason[++n] = why
			pattern[n] = part[2]
		}
		next
	}
	{
		why = "none"
		name = $0
		sub(/:.*/, "", name)
		sub(/.*\//, "", name)
		where = what = $0
		sub(/^[^:]*:[0-9]*:/, "", where)
		sub(/:.*/, "", where)
		sub(/^[^:]*:[0-9]*:[^:]*:/, "", what)
		for (i = n; i > 0; i--)
			if ((pattern[i] ~ /^\^/ ? name ":" where ":" : name ":" what) ~ pattern[i])
				why = reason[i]
		if (match($0, /\/\* uncovered: [^*]*/))
			why = substr($0, RSTART + 14, RLENGTH - 15)
		print why "\t" $0
	}
' "$src/tests/uncovered" "$build/lines" >"$build/reasons"
{
	grep "^none	" "$build/reasons" || :
	grep -v "^none	" "$build/reasons" | sort || :
} >"$build/uncovered"
rm "$build/lines" "$build/reasons"

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
printf '\nlines that are not run, by reason (each in %s):\n' "$build/uncovered"
cut -f 1 "$build/uncovered" | sort | uniq -c | sort -rn
! grep -q "^none	" "$build/uncovered"
