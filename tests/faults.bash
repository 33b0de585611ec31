# faults.bash - what the tests that break things share; loaded after helper.
#
# What is acknowledged stands in acked/, a file an object, named by its id.
# BLK_SOAK=1 takes every case instead of a sample; BLK_SEED makes another one,
# BLK_SAMPLE=N one of an Nth of the cases;
# BLK_KILLS is how often the store that lives on in kill.bats is killed;
# BLK_PATIENCE multiplies what a command may take before it is said to hang.
# shellcheck shell=bash

# Before blk_setup takes them away.
soak=${BLK_SOAK:-} seed=${BLK_SEED:-1} thin=${BLK_SAMPLE:-1}
# shellcheck disable=SC2034 # kill.bats uses it
kills=${BLK_KILLS:-${soak:+2000}}
hangs=$((60 * ${BLK_PATIENCE:-1})) # seconds

# tell WORD...: a figure for the log of the test, also when all is well.
tell() {
	printf '# %s\n' "$*" >&3
}

# noise: an endless stream of bytes that depends on the seed only.
noise() {
	openssl enc -aes-128-ctr -nosalt -pass "pass:$seed" -md sha256 \
		-in /dev/zero 2>/dev/null
}

# sample COUNT N: COUNT of the numbers from 1 to N, or all of them.
sample() {
	local count=$((($1 + thin - 1) / thin))

	if [ -n "$soak" ] || [ "$2" -le "$count" ]; then
		seq "$2"
	else
		shuf -i "1-$2" -n "$count" --random-source=<(noise) | sort -n
	fi
}

# inject RULES COMMAND...: run it under these rules, its calls in the file log.
inject() {
	local rules=$1

	shift
	: >log
	timeout -k 5 "$hangs" env LD_PRELOAD="$BUILD/tests/inject.so" \
		INJECT="$rules" INJECT_LOG="$PWD/log" INJECT_COUNT="$PWD/count" "$@"
}

# acked ID FILE: this was promised.
acked() {
	mkdir -p acked
	cp "$2" "acked/$1"
}

# put FILE [OPTION...]: store it, and expect it to be there from now on.
put() {
	local file=$1 id

	shift
	id=$(blk-put "$@" "$file") || fail "put $file: $?"
	[ "$id" = "$(sha "$file")" ] || fail "put $file: said $id"
	acked "$id" "$file"
}

# all_there: everything that was promised reads back.
all_there() {
	local id

	(cd acked && stat -c '%n %s' -- *) | while read -r id size; do
		printf '%s %s\n' "$id" "$size"
		cat "acked/$id"
		echo
	done >want
	ls acked | timeout -k 5 "$hangs" blk-get --batch >got ||
		fail "$1: get: $?"
	cmp got want || fail "$1: what was promised is not there"
}

# kept_word FILE: the ids in it were printed by a command that did not live to
# the end; what it said holds all the same.
kept_word() {
	local id

	while read -r id; do
		blk-get -e "$id" || fail "printed, but not there: $id"
	done < <(grep -Ex '[0-9a-f]{64}' "$1")
}

# healthy [OPTION...]: blk-check finds nothing.
healthy() {
	local said rc=0

	said=$(timeout -k 5 $((2 * hangs)) blk-check "$@" 2>&1) || rc=$?
	[ "$rc" -eq 0 ] || fail "blk-check $*: $rc: $said"
}

# base_store: a store with some of everything, and acked/.
base_store() {
	blk-init
	random_file 300000 a data-a
	random_file 5000 b data-b
	echo one >data-1
	echo two >data-2
	put data-a -N big
	put data-1 -N name
	put data-2 -N name
	put data-b
	mkdir tree tree/sub
	cp data-b tree/b
	cp data-1 tree/sub/one
	blk-backup create -q -N tree tree >/dev/null
}
