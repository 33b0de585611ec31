# Damage is found, wrong bytes never leave, and what is whole is still served.
# shellcheck disable=SC2154 # seed and soak come from faults
load helper
load faults

# Bytes of a file that the commands are tried with; tests/rot tries them all,
# of a smaller store and without starting a process for each.
bytes=1
[ -z "$soak" ] || bytes=40

# spots COUNT N: COUNT of the numbers from 1 to N, when soaking, too.
spots() {
	soak='' sample "$@"
}

# A small store of segments, commits with objects, plain commits, and a
# checkpoint; what.ID says what each promised id is.
setup() {
	blk_setup
	base_store
	random_file 270000 gone gone
	blk-put -N gone gone >/dev/null
	blk-rm -q gone
	blk-config set gc.keep-unreferenced 0s
	blk-gc -q --max-unused 0
	echo three >data-3
	put data-3 -N name
	random_file 280000 c data-c
	put data-c -N big
	cp -a store whole
	(cd store && find segments log checkpoint config -type f | sort) >files
}

again() {
	rm -rf store
	cp -a whole store
}

# Ask for all of it in every way; none may crash, hang or lie.  Sets served,
# the number of ids that came whole.
ask() { # WHAT
	local id rc

	served=0
	for id in acked/*; do
		id=${id#*/}
		rc=0
		timeout -k 5 30 blk-get -o got "$id" 2>err || rc=$?
		case $rc in
		0)
			cmp -s got "acked/$id" || fail "$1: wrong bytes, exit 0"
			served=$((served + 1))
			;;
		1 | 4 | 6) [ -s err ] || fail "$1: exit $rc without a word" ;;
		*) fail "$1: get: exit $rc: $(cat err)" ;;
		esac
		[ "$rc" -ne 6 ] || [ -n "${may_miss:-}" ] ||
			fail "$1: $id is said to be absent: $(cat err)"
		rm -f got
	done
	for command in blk-ls 'blk-ls --objects' blk-stat; do
		rc=0
		timeout -k 5 30 $command >/dev/null 2>err || rc=$?
		case $rc${may_miss:+ or 6} in
		0* | 1* | 4* | '6 or 6') ;;
		*) fail "$1: $command: exit $rc: $(cat err)" ;;
		esac
	done
}

# What blk-check makes of it, with the index that was there and without one.
found() { # WHAT
	local rc=0

	timeout -k 5 60 blk-check --read-data >out 2>err || rc=$?
	case $rc in
	4) return 0 ;;
	1) # config has no check, and may seem to be of a newer format
		[[ $1 != config* ]] || ! grep -q 'needs* a newer blk' err || return 0
		;;
	0) ;;
	*) fail "$1: check: exit $rc: $(cat out err)" ;;
	esac
	fail "$1: not found: exit $rc: $(cat out err)"
}

# flip FILE OFFSET: turn one byte over.
flip() {
	local byte

	byte=$(od -An -tu1 -j "$2" -N 1 "store/$1")
	chmod u+w "store/$1"
	printf "\\x$(printf %x $((byte ^ (1 << ($2 % 8)))))" |
		dd of="store/$1" bs=1 seek="$2" conv=notrunc status=none
}

without_index() {
	rm -f store/index-1.db*
}

# some_files COUNT: config, and so many others.
some_files() {
	local n

	echo config
	grep -v config files >others
	for n in $(sample "$1" "$(wc -l <others)"); do
		sed -n "${n}p" others
	done
}

@test "any byte of a small store turned over is found, never given out" {
	rm -rf store acked tree
	blk-init
	mkdir tree tree/sub
	printf 'a file\n' >tree/file
	random_file 900 f tree/sub/other
	random_file 1500 a data-a
	random_file 700 b data-b
	: >data-0
	put data-a
	put data-0 -N empty
	put data-1 -N name
	blk-backup create -q -N tree tree >/dev/null
	acked "$(sha tree/sub/other)" tree/sub/other
	yes gone | head -c 300000 | blk-put -N gone >/dev/null
	yes long | head -c 400000 >data-c # long, so a segment and a list, and small when stored
	put data-c -N long
	blk-rm -q gone
	blk-config set gc.keep-unreferenced 0s
	blk-gc -q --max-unused 0
	put data-2 -N name
	put data-b -N other
	yes gone | head -c 300000 | blk-put -N gone >/dev/null
	blk-rm -q gone
	blk-gc -q --max-unused 0
	put data-3 -N name
	find store/segments store/log store/checkpoint -type f >files
	[ "$(grep -c segments files)" -ge 1 ]
	[ "$(grep -c checkpoint files)" -ge 1 ]
	mkdir index
	every=1
	[ -n "$soak" ] || every=97
	run "$BUILD/tests/rot" store acked index "$every" "$seed"
	[ "$status" -eq 0 ] || fail "exit $status" "$(tail -n 40 <<<"$output")"
	tell "$output"
}

@test "one byte turned over anywhere is found" {
	while read -r file; do
		size=$(stat -c %s "store/$file")
		for at in $(spots "$bytes" "$size"); do
			at=$((at - 1))
			again
			flip "$file" "$at"
			ask "$file at $at"
			found "$file at $at"
		done
	done <files
}

@test "one byte turned over is found when the index is gone, too" {
	may_miss=yes # the damage may be in the only place that tells of it
	some_files 5 | while read -r file; do
		size=$(stat -c %s "store/$file")
		for at in $(spots "$bytes" "$size"); do
			at=$((at - 1))
			again
			flip "$file" "$at"
			without_index
			ask "$file at $at"
			found "$file at $at"
		done
	done
}

@test "what is whole beside a damaged segment is served" {
	all=$(ls acked | wc -l)
	for file in $(grep segments files); do
		again
		flip "$file" 5000
		ask "$file"
		[ "$served" -ge $((all - 1)) ] || fail "$file: only $served of $all"
		[ "$served" -lt "$all" ] || fail "$file: nobody noticed"
	done
}

@test "a file of any shorter length, or a longer one, is found" {
	some_files 5 | while read -r file; do
		size=$(stat -c %s "store/$file")
		lengths=(0 $((size - 64)) $((size + 1)))
		[ -z "$soak" ] || lengths+=(1 95 96 97 $((size / 2)) $((size - 1)))
		for to in "${lengths[@]}"; do
			[ "$to" -ge 0 ] || continue
			again
			chmod u+w "store/$file"
			truncate -s "$to" "store/$file"
			ask "$file cut to $to"
			found "$file cut to $to"
		done
		again
		rm -f "store/$file"
		may_miss=
		[ "$file" != config ] || may_miss=yes # no store, it says
		# a log that lost its end is one that never had it
		[ "$file" != "$(grep ^log/ files | tail -n 1)" ] || may_miss=yes
		ask "$file removed"
		case $file in
		config)
			run -6 blk-ls
			;;
		checkpoint/* | log/*) # one may stand for the other
			timeout 60 blk-check --read-data >/dev/null 2>&1 || :
			;;
		*) found "$file removed" ;;
		esac
	done
}

@test "segments that changed places, and copies of them, are found" {
	mapfile -t segment < <(grep segments files)
	[ "${#segment[@]}" -ge 2 ]
	mv "store/${segment[0]}" x
	mv "store/${segment[1]}" "store/${segment[0]}"
	mv x "store/${segment[1]}"
	ask swapped
	found swapped
	again
	name=$(printf '%064d' 0)
	cp "store/${segment[0]}" "store/segments/00/$name"
	ask copied
	[ "$served" -eq "$(ls acked | wc -l)" ]
}

@test "a log that lost its end, or has another one, is never believed" {
	last=$(grep '^log' files | tail -n 1)
	rm -f "store/$last"
	run -0 --separate-stderr blk-ls
	[ -n "$stderr" ] || fail "shortened: not a word"
	may_miss=yes
	ask shortened
	healthy --read-data
	again
	# the end of another host: the same number, other bytes
	cp -a store other
	rm -f "other/$last" other/index-1.db*
	echo other | BLK_STORE=$PWD/other blk-put -N other >/dev/null
	[ -e "other/$last" ]
	rm -f "store/$last"
	cp -p "other/$last" "store/$last"
	for command in blk-ls 'blk-get big' 'blk-put data-3' blk-check; do
		rc=0
		timeout 60 $command >/dev/null 2>err || rc=$?
		case $rc in
		0 | 1 | 4 | 6) ;;
		*) fail "$command: exit $rc" ;;
		esac
	done
}

@test "rubbish inside the index is never wrong bytes and never a loss" {
	size=$(stat -c %s store/index-1.db)
	for at in $(spots $((5 * bytes)) "$size"); do
		again
		sqlite3 store/index-1.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null 2>&1 || :
		flip index-1.db $((at - 1))
		ask "index at $at"
		rc=0
		echo "after $at" | timeout 60 blk-put >/dev/null 2>err || rc=$?
		[ "$rc" -le 1 ] || [ "$rc" -eq 4 ] || fail "put, index at $at: $rc"
		timeout 60 blk-check -q --rebuild-index 2>/dev/null ||
			fail "index at $at: rebuild: $?"
		all_there "index at $at"
		healthy --read-data
	done
}

# under_checkpoints: two checkpoints stand above all commits that there are.
under_checkpoints() {
	local i

	for i in 1 2; do
		random_file 300000 "under $i" dead
		blk-put -N dead dead >/dev/null
		blk-rm -q dead
		blk-gc -q --max-unused 0
	done
}

# Names, versions, objects: what a user sees.
listings() {
	blk-ls
	blk-ls --objects
}

# The index, and one made from log and segments, say the same.
agreed() { # WHAT
	listings >there
	cp -a store kept
	without_index
	listings >anew 2>err || fail "$1: $(cat err)"
	rm -rf store
	mv kept store
	diff there anew || fail "$1: two indexes disagree"
}

# A name whose version and list cannot be read, and whose chunks can.
headless() {
	random_file 400000 headless headless
	put headless -N headless
	file=$(cd store && find log -type f | sort | tail -n 1)
	under_checkpoints
	rm -rf copy
	cp -a store copy
	flip "$file" 120
}

@test "what damaged structure refers to is not taken for garbage" {
	headless
	without_index
	run -4 blk-get headless
	[[ $output == *'what can be read'* ]] || fail "$output"
	run -4 blk-get -e headless
	run -4 blk-rm headless
	[ "$(blk-get name)" = three ]
	find store/segments -type f | sort >before
	run -4 blk-gc --max-unused 0
	[[ $output == *'blk-check --repair'* ]] || fail "$output"
	find store/segments -type f | sort | diff before -
	# somebody puts the file back
	cp -p "copy/$file" "store/$file"
	run -4 blk-gc --max-unused 0
	blk-check --repair || :
	blk-gc -q --max-unused 0
	all_there mended
	agreed mended
	healthy --read-data
}

@test "a version that cannot be read is fetched, or dropped by a repair" {
	headless
	cp -a store start
	without_index
	blk-check --repair --from copy || :
	all_there fetched
	agreed fetched
	blk-gc -q --max-unused 0
	agreed 'fetched, then a collection'
	healthy --read-data
	rm -rf store
	mv start store
	without_index
	run -4 blk-check --repair
	run -6 blk-get headless
	agreed dropped
	blk-gc -q --max-unused 0
	agreed 'dropped, then a collection'
	healthy --read-data
	blk-check --repair --drop-damaged
	[ ! -e "store/$file" ]
	rm "acked/$(sha headless)"
	all_there dropped
	put headless -N headless
	healthy --read-data
}

@test "a version record that is damaged is made again from the index" {
	headless
	run -4 blk-check
	blk-check --repair || :
	agreed repaired
	blk-ls --versions headless >versions
	[ "$(wc -l <versions)" -eq 1 ]
	put headless
	healthy --read-data
	all_there repaired
}

@test "nothing is said to be absent behind a commit that cannot be read" {
	last=$(grep '^log' files | tail -n 1)
	flip "$last" 120
	without_index
	run -0 blk-ls
	[[ $output == *'can be read up to there'* ]] || fail "$output"
	[ "$(blk-get big | sha256sum)" = "$(sha256sum <data-a)" ]
	run -4 blk-get "$(sha data-c)"
	run -4 blk-get -e "$(sha data-c)"
	run -4 blk-stat nothing
	run -4 blk-ls --versions nothing
	run -4 blk-ls nothing
	run -4 blk-rm nothing
	run -4 bash -c 'echo nothing | blk-get --batch'
	run -4 blk-backup show nothing
}
