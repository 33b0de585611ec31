#!/usr/bin/env bash
# headers.sh [TREE] - every header compiles alone, and twice in a row.
# CC, CPPFLAGS and CFLAGS are those of make lint.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
shopt -s nullglob

bad=0
read -ra flags <<<"${CPPFLAGS:-} ${CFLAGS:--std=gnu17 -Wall -Wextra}"
for header in libcore/*.h cmd/*.h tests/*.h tests/unit/*.h; do
	if ! printf '#include "%s"\n#include "%s"\nint alone;\n' "$header" "$header" |
		"${CC:-cc}" -fsyntax-only -Werror -D_GNU_SOURCE -I. -Ilibcore -Icmd "${flags[@]}" -xc -; then
		printf '%s does not compile alone\n' "$header"
		bad=1
	fi
done
exit "$bad"
