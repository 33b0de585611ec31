#!/usr/bin/env bash
# lint.sh [--deep] [TREE] - the checks that need no run of the program.  A
# missing tool is a failure: what was not checked must not look checked.
# --deep: the slow ones (clang-tidy, cppcheck), and only these.
set -uo pipefail
deep=no
if [ "${1:-}" = --deep ]; then
	deep=yes
	shift
fi
cd "${1:-$(dirname "$0")/..}" || exit
export LC_ALL=C

failed=()
check() { # NAME COMMAND...
	local name=$1 began=$SECONDS out

	shift
	if out=$("$@" 2>&1); then
		printf 'ok      %-12s %3d s\n' "$name" "$((SECONDS - began))"
	else
		printf '%s\nFAILED  %-12s %3d s\n' "$out" "$name" "$((SECONDS - began))"
		failed+=("$name")
	fi
}

# files DIR... -- EXPRESSION: find, in those directories that there are.
files() {
	local -a dirs=()

	while [ "$1" != -- ]; do
		[ ! -d "$1" ] || dirs+=("$1")
		shift
	done
	shift
	[ ${#dirs[@]} -eq 0 ] || find "${dirs[@]}" "$@"
}

# Our own files, not those of builds inside the tree.
c_files() { files libcore cmd tests contrib -- -name '*.[ch]' -type f | sort; }
scripts() {
	printf '%s\n' bootstrap .ci/run
	files tests contrib -- -type f \( -name '*.sh' -o -name '*.bats' -o -name '*.bash' \) | sort
	files completions -- -type f -name '*.bash' | sort
	files tests contrib -- -type f ! -name '*.*' -exec awk \
		'FNR == 1 && /^#!.*[ \/](ba)?sh( |$)/ { print FILENAME } { nextfile }' {} + | sort
}

# Names the files only: clang-format -i says the rest.
format() {
	local out bad=0

	if ! out=$(c_files | xargs clang-format --dry-run -Werror 2>&1); then
		sed -nE 's/^([^ :]+):([0-9]+):.*(error|warning): .*/\1: from line \2 on, clang-format -i would change it/p' \
			<<<"$out" | awk '!seen[$1]++'
		bad=1
	fi
	return "$bad"
}
shells() {
	scripts | sort -u | xargs shellcheck -x -P SCRIPTDIR -S warning &&
		completions
}
completions() {
	local file bad=0

	while read -r file; do
		case $file in
		*.bash) bash -n "$file" || bad=1 ;;
		*.fish) fish --no-execute "$file" || bad=1 ;;
		*/_*) zsh -n "$file" || bad=1 ;;
		esac
	done < <(files completions -- -type f)
	return "$bad"
}
manuals() {
	command -v mandoc >/dev/null || return
	files man -- -name '*.[1-8]' | sort | xargs -r mandoc -T lint -W warning
}

# Every test file is run by make check.
listed() {
	local file name bad=0

	while read -r file; do
		name=${file%.c}
		if ! grep -qE "(^|[[:space:]=])$name(\.c)?([[:space:]\\\\]|$)" Makefile.am; then
			echo "$file is not in Makefile.am"
			bad=1
		fi
	done < <(find tests -maxdepth 1 -name '*.bats'
		files tests/unit tests/fuzz -- -name '*.c' ! -path tests/fuzz/replay.c)
	return "$bad"
}

tidy() {
	local flags

	read -ra flags <<<"-D_GNU_SOURCE -DBLK_TEST_HOOKS ${CPPFLAGS:-} ${CFLAGS:--std=gnu17}"
	files libcore cmd -- -name '*.c' | sort |
		xargs -P "$(nproc)" -I{} clang-tidy --quiet --warnings-as-errors='*' \
			{} -- -Ilibcore -Icmd '-DBLK_VERSION="x"' "${flags[@]}" 2>&1 |
		sed -E '/^[0-9]+ warnings? generated/d'
}
cpp_check() {
	files libcore cmd -- -name '*.c' | sort | cppcheck --file-list=- -q -j "$(nproc)" --enable=warning,portability,performance \
		--inline-suppr --suppress=missingIncludeSystem --std=c11 \
		--error-exitcode=1 -D_GNU_SOURCE -DBLK_VERSION='"x"' \
		-Ilibcore -Icmd
}

if [ "$deep" = yes ]; then
	check clang-tidy tidy
	check cppcheck cpp_check
else
	check format format
	check headers tests/headers.sh .
	check layers tests/layers.sh .
	check functions tests/functions.sh .
	check listed listed
	check scripts shells
	check manuals manuals
fi
if [ ${#failed[@]} -gt 0 ]; then
	printf 'lint failed: %s\n' "${failed[*]}"
	exit 1
fi
