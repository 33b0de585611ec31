# helper.bash - what every .bats file loads first.
#
# Written for bats 1.8.2 (Debian 12): "run" ignores set -e, so give it the
# status that is expected (run -4 CMD); "run" drops NULs and the last newlines,
# so compare bytes with cmp; a pipe is run as: run bash -c 'set -o pipefail; a | b';
# a background process closes descriptor 3 (cmd 3>&- &) and is killed by its
# number in teardown.  "[[ ]]" and "! cmd" in the middle of a test do not fail
# it everywhere: write them as "[[ ... ]] || fail ..." or use run.
#
# make check sets SRC and BUILD, and PATH so that the commands are those just
# built.  A file with a setup of its own calls blk_setup in it.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

: "${SRC:=$(cd "$BATS_TEST_DIRNAME/.." && pwd)}"
: "${BUILD:=$SRC/build}"
export SRC BUILD

# An empty directory to work in, and nothing of the user's around it.
blk_setup() {
	local var

	cd "$BATS_TEST_TMPDIR" || return
	for var in ${!BLK_@} ${!XDG_@}; do
		unset "$var"
	done
	unset NO_COLOR POSIXLY_CORRECT COLUMNS
	mkdir home
	export HOME=$PWD/home TMPDIR=$PWD TERM=dumb TZ=UTC LC_ALL=C
	umask 022
	export BLK_STORE=$PWD/store
}

setup() {
	blk_setup
}

# fail MESSAGE...: end the test, saying why.
fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# need MEANS...: skip the test unless the machine has them (means.sh).
need() {
	local means

	for means in "$@"; do
		"$SRC/tests/means.sh" "$means" || skip "needs $means"
	done
}

# bound COMMAND...: run it as someone whom the modes of files bind: root, too.
bound() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --bounding-set=-dac_override,-dac_read_search "$@"
	else
		"$@"
	fi
}

# random_file BYTES SEED FILE: the same bytes for the same seed, anywhere.
random_file() {
	openssl enc -aes-128-ctr -nosalt -pass "pass:$2" -md sha256 \
		-in /dev/zero 2>/dev/null | head -c "$1" >"$3"
	[ "$(stat -c %s "$3")" -eq "$1" ]
}

# Overwrite some bytes in the middle of the largest segment.
damage() {
	local file

	file=$(find store/segments -type f -printf '%s %p\n' | sort -n | tail -n 1)
	file=${file#* }
	chmod u+w "$file"
	printf 'damage' | dd of="$file" bs=1 conv=notrunc status=none \
		seek=$(($(stat -c %s "$file") / 2))
}

# sha FILE: its SHA-256 alone.
sha() {
	local sum

	sum=$(sha256sum <"$1") && printf '%s\n' "${sum%% *}"
}
