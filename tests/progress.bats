# How far a collection is, and a cutting afterwards: told in every phase.  The
# command is stopped in the phase, so that it is told whatever the machine's
# speed.
# shellcheck disable=SC2154  # paused and rc are of pause.bash
load helper
load pause

setup() {
	blk_setup
	blk-init
}

# until_is COMMAND...: wait until it succeeds, for twenty seconds at most.
until_is() {
	local _

	for _ in $(seq 200); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	fail "not within 20 s: $*" "$(cat err.told)"
}

# garbage SEED: a segment of which half is dead; what lives is a SEED.
garbage() {
	random_file 300000 "progress-dead-$1" dead
	random_file 300000 "progress-live-$1" "live$1"
	blk-put -q dead "live$1" >/dev/null
	blk-rm -q "$(sha dead)"
}

expired() {
	echo x | blk-put -q -N soon --expires 1s >/dev/null
	sleep 1.1
}

# plain SEED: a new store, with a copy that was not cut by content.
plain() {
	rm -rf "$BLK_STORE"
	blk-init
	random_file 1000000 "progress-plain-$1" plain
	{ printf x && cat plain; } | blk-put -q -N "plain$1" --no-dedup >/dev/null
	blk-put -q -N "cut$1" plain >/dev/null
}

# told POINT PHASE LINE COMMAND...: stopped at POINT it says LINE (a regular
# expression) of PHASE, each second with --progress, and when it is asked.
told() {
	local point=$1 phase=$2 line=$3 name

	shift 3
	name=${1##*/}
	case $make in
	lines)
		at "$point" told "$@" --progress
		until_is grep -qE "^$name: $phase: $line" err.told
		;;
	signal)
		at "$point" told "$@" -q
		[ ! -s err.told ] || fail "$(cat err.told)"
		kill -USR1 "$paused"
		until_is grep -qE "^$name: $phase: $line" err.told
		[ "$(wc -l <err.told)" -eq 1 ] || fail "$(cat err.told)"
		;;
	json)
		at "$point" told "$@" --json
		kill -USR1 "$paused"
		until_is jq -e --arg phase "$phase" '.type == "status" and
			.phase == $phase and (.unit | length) > 0 and
			.files_done >= 0 and .seconds_elapsed >= 0' err.told
		;;
	esac
	on told
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.told)"
}

@test "blk-gc tells how far it is in every phase: each second, when asked, in JSON" {
	local make time='[0-9]+:[0-9][0-9]'

	for make in lines signal json; do
		garbage "list $make"
		told 'before list segments/ 1' list "0 segments, $time" blk-gc --max-unused 0
		expired
		told 'before put log/ 1' expire "0 versions, $time" blk-gc --max-unused 0
		garbage "repack $make"
		told 'before get segments/ 1' repack "0%  0 of [0-9]+ segments?, $time" \
			blk-gc --max-unused 0 -j 1
		garbage "fold $make"
		told 'before put checkpoint/ 1' fold "0%  0 of 2 checkpoints, $time" \
			blk-gc --max-unused 0
		garbage "remove $make"
		told 'before remove segments/ 1' remove "0 files, $time" blk-gc --max-unused 0
	done
	blk-check -q --read-data
}

@test "blk-dedup --apply tells how far it is in every phase" {
	local make time='[0-9]+:[0-9][0-9]'

	for make in lines signal json; do
		plain "look $make"
		told 'before get log/ 1' look "[0-9]+ objects?, $time" blk-dedup --apply
		plain "cut $make"
		told 'before get segments/ 1' cut "0%  0 B of 976.6 KiB, 0 of 1 object, 0 B/s, $time" \
			blk-dedup --apply
		plain "repack $make"
		told 'before list segments/ 1' list "0 segments, $time" blk-dedup --apply
	done
	blk-check -q --read-data
}
