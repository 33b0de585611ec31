#!/usr/bin/env bash
# functions.sh [TREE] - the gate of length:
#
#   no function above 100 lines, unless the comment right above it holds
#   "long:" and a reason;
#   no file above 600 lines, unless tests/long-files gives a reason.
#
# Prints each breach, then how long functions are; exit 1 for a breach.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
LC_ALL=C

bad=0
mapfile -t files < <(find libcore cmd tests -name '*.[ch]' -type f 2>/dev/null | sort)
if [ ${#files[@]} -eq 0 ]; then
	echo 'no C files found'
	exit 1
fi

# A function's body is what stands between { and } in the first column.
lengths=$(awk '
	FNR == 1 { start = 0; reason = 0 }
	/^\{/ { start = FNR; next }
	/^\}/ {
		if (start)
			print FNR - start - 1, reason, FILENAME ":" start
		start = 0; reason = 0
		next
	}
	start { next }
	/^$/ { reason = 0 }
	/long: *[a-z]/ { reason = 1 }
' "${files[@]}" | sort -n)

while read -r len reason where; do
	if [ "$len" -gt 100 ] && [ "$reason" = 0 ]; then
		printf '%s: a function of %s lines\n' "$where" "$len"
		bad=1
	fi
done <<<"$lengths"

allowed() {
	[ -e tests/long-files ] && grep -qE "^$1[[:space:]]+[^[:space:]]" tests/long-files
}
for file in "${files[@]}"; do
	len=$(wc -l <"$file")
	if [ "$len" -gt 600 ] && ! allowed "$file"; then
		printf '%s: %s lines; split it, or give a reason in tests/long-files\n' \
			"$file" "$len"
		bad=1
	elif [ "$len" -le 600 ] && allowed "$file"; then
		printf '%s: no longer long; take it out of tests/long-files\n' "$file"
		bad=1
	fi
done

printf '%s\n' "$lengths" | awk '
	NF { len[++n] = $1 }
	END {
		if (n) printf "%d functions: median %d lines, 90 of 100 within %d, longest %d\n",
			n, len[int((n + 1) / 2)], len[int(n * 0.9 + 0.5)], len[n]
	}'
exit "$bad"
