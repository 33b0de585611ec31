# What fails below a command is said, in one line with its path, and nothing
# that was promised before is lost.
# shellcheck disable=SC2154  # stderr is run's
load helper
load faults

setup() {
	blk_setup
	base_store
}

# What a command says of its store: one line that names a file and a reason,
# or, where only the index is behind, a warning.
judge() { # WHAT RC ID FILE
	local lines

	lines=$(wc -l <err)
	case $2 in
	0)
		[ "$(cat out)" = "$3" ] || fail "$1: exit 0, but said: $(cat out)"
		[ "$lines" -le 1 ] || fail "$1: said too much: $(cat err)"
		[ "$lines" -eq 0 ] || grep -Eq 'the commit stands|it is made again|may be stored twice' err ||
			fail "$1: exit 0, but: $(cat err)"
		acked "$3" "$4"
		;;
	1)
		[ "$lines" -eq 1 ] || fail "$1: not one line: $(cat err)"
		grep -Eq "^blk-[a-z]+: .*($BLK_STORE|log|tmp|segments|checkpoint|sessions|config|standard output)" err ||
			fail "$1: names no path: $(cat err)"
		# What was printed before standard output failed stands.
		[ ! -s out ] || grep -q 'standard output: ' err ||
			fail "$1: exit 1, but printed $(cat out)"
		;;
	3) # the input itself could not be opened
		[ "$(grep -c '^blk-put: new: ' err)" -eq 1 ] || fail "$1: $(cat err)"
		;;
	*) fail "$1: exit $2: $(cat err)" ;;
	esac
}

# A sync that failed is the last one of that path.
no_second_sync() { # WHAT CALL N
	awk -v call="$2" -v n="$3" '
		$1 == call && ++seen == n { path = $2; next }
		seen >= n && $1 ~ /sync$/ && $2 == path { exit 1 }' log ||
		fail "$1: synced again: $(grep sync log)"
}

# put_under CALL ERROR COUNT SIZE: a put of new bytes under each n-th failure.
put_under() {
	local call=$1 error=$2 rc n id all

	random_file "$4" "$call $error $4" new
	inject '' blk-put new >out 2>err
	acked "$(cat out)" new
	all=$(grep -c "^$call " log) || return 0
	for n in $(sample "$3" "$all"); do
		random_file "$4" "$call $error $4 $n" new
		id=$(sha new)
		rc=0
		inject "$call:$n:$error" blk-put new >out 2>err || rc=$?
		judge "$call:$n:$error" "$rc" "$id" new
		case $call in
		*sync) no_second_sync "$call:$n:$error" "$call" "$n" ;;
		esac
		all_there "$call:$n:$error"
	done
	healthy --read-data
}

@test "a put that cannot write says so, and loses nothing" {
	need plain
	for error in ENOSPC EDQUOT EIO; do
		put_under writev "$error" 9 1000
		put_under writev "$error" 9 400000
	done
	put_under pwrite ENOSPC 9 1000
	put_under ftruncate ENOSPC 9 1000
}

@test "a put that cannot sync says so, and does not try again" {
	need plain
	for call in fsync fdatasync; do
		put_under "$call" EIO 9 1000
		put_under "$call" EIO 9 400000
		put_under "$call" ENOSPC 9 400000
	done
}

@test "a put that cannot publish, open or close says so" {
	need plain
	for call in renameat2 linkat link renameat mkdirat unlinkat; do
		put_under "$call" EIO 5 400000
		put_under "$call" ENOSPC 5 1000
	done
	put_under open EIO 12 1000
	put_under open EINTR 9 1000
	put_under open EMFILE 9 1000
	put_under close EIO 15 1000
	put_under pread EIO 12 1000
}

@test "short and interrupted reads and writes change nothing" {
	need plain
	random_file 700000 short new
	id=$(sha new)
	run -0 inject 'write:*:short;writev:*:short;pwrite:*:short;read:*:short;pread:*:short' \
		blk-put new
	[ "$output" = "$id" ]
	run -0 inject 'read:*:short;pread:*:short;write:*:short' \
		blk-get -o back "$id"
	cmp new back
	for n in 1 2 3 5 8; do
		random_file 300000 "eintr $n" new
		run -0 inject "write:$n:EINTR;writev:$n:EINTR;pwrite:$n:EINTR;read:$n:EINTR;pread:$n:EINTR" \
			blk-put new
		[ "$output" = "$(sha new)" ] || fail "$n: $output"
	done
	all_there
	healthy --read-data
}

# remove_under COMMAND CALL ERROR COUNT: as put_under, for what takes away.
remove_under() {
	local command=$1 call=$2 error=$3 rc n all

	cp -a store full
	inject '' $command >out 2>err
	all=$(grep -c "^$call " log) || all=0
	for n in $(sample "$4" "$all"); do
		rm -rf store
		cp -a full store
		rc=0
		inject "$call:$n:$error" $command >out 2>err || rc=$?
		[ "$rc" -le 1 ] || fail "$command $call:$n:$error: $rc: $(cat err)"
		[ "$rc" -eq 0 ] || [ "$(wc -l <err)" -le 2 ] ||
			fail "$command $call:$n:$error: $(cat err)"
		[ "$rc" -eq 0 ] || [ -s err ] || fail "$n: exit 1, no word"
		case $call in
		*sync) no_second_sync "$command $call:$n:$error" "$call" "$n" ;;
		esac
		all_there "$command $call:$n:$error"
		healthy
	done
	rm -rf store
	mv full store
}

@test "blk-rm under failures leaves what it was not asked to drop" {
	need plain
	echo gone | blk-put -N gone >/dev/null
	for call in writev fsync fdatasync renameat2; do
		remove_under 'blk-rm -q gone' "$call" EIO 2
		remove_under 'blk-rm -q gone' "$call" ENOSPC 2
	done
	remove_under 'blk-rm -q gone' open EIO 4
}

@test "blk-gc under failures leaves everything that is referred to" {
	need plain
	random_file 500000 dead dead
	blk-put -N dead dead >/dev/null
	blk-rm -q dead
	blk-config set gc.keep-unreferenced 0s
	for call in writev fdatasync fsync renameat2 unlinkat; do
		remove_under 'blk-gc -q --max-unused 0' "$call" EIO 3
	done
	remove_under 'blk-gc -q --max-unused 0' pwrite ENOSPC 5
	remove_under 'blk-gc -q --max-unused 0' open EIO 4
}

@test "a directory sync that failed is not tried again by the reserve" {
	need plain
	random_file 500000 dead dead
	blk-put -N dead dead >/dev/null
	blk-rm -q dead
	remove_under 'blk-gc -q --max-unused 0' fsync ENOSPC 4
	echo gone | blk-put -N gone >/dev/null
	remove_under 'blk-rm -q gone' fsync ENOSPC 4
}

@test "a put that gets no memory says so, and loses nothing" {
	need plain
	n=1
	while [ "$n" -lt 4000 ]; do
		random_file 300000 "malloc $n" new
		id=$(sha new)
		rc=0
		inject "malloc:$n" blk-put new >out 2>err || rc=$?
		case $rc in
		0) acked "$id" new ;;
		1) [ "$(grep -c ^blk-put: err)" -eq 1 ] || fail "$n: $(cat err)" ;;
		*) fail "malloc:$n: exit $rc: $(cat err)" ;;
		esac
		n=$((n + n / 4 + 1))
	done
	# what gcov does at the end does not survive this
	if [ ! -e "$BUILD/cmd/blk-put.gcno" ]; then
		run inject 'malloc:*' blk-put new
		[ "$status" -eq 1 ] || fail "no memory at all: $status: $output"
	fi
	all_there
	healthy
}

@test "a check that gets no memory says so, and calls nothing damaged" {
	need plain
	random_file 300000 checked new
	blk-put new >/dev/null
	n=1
	while [ "$n" -lt 4000 ]; do
		rc=0
		inject "malloc:$n" blk-check --read-data >out 2>err || rc=$?
		case $rc in
		0) ;;
		1) [ "$(grep -c ^blk-check: err)" -eq 1 ] || fail "$n: $(cat err)" ;;
		*) fail "malloc:$n: exit $rc: $(cat out err)" ;;
		esac
		n=$((n + n / 8 + 1))
	done
	healthy --read-data
}

@test "a store that cannot be written to is read, and refuses a put" {
	need bound
	find store -type d -exec chmod 500 {} +
	all_there
	(cd acked && ls) | bound blk-get --batch >got
	cmp got want
	run -1 bound blk-put data-a
	[ "${#lines[@]}" -eq 1 ] || fail "$output"
	chmod -R u+w store
}

@test "a read-only file system is read, and refuses a put" {
	need tmpfs
	cat >script <<-'END'
		set -e
		mount -o bind "$PWD/store" "$PWD/store"
		mount -o remount,ro,bind "$PWD/store"
		echo new | blk-put >out 2>err && exit 99
		[ $? -eq 1 ]
		[ "$(grep -vc ': index: ' err)" -eq 1 ] # it is made elsewhere
		blk-ls >/dev/null
		ls acked | blk-get --batch >got
		blk-check
	END
	run -0 unshare -m bash script
	grep -qi 'read-only' err || fail "$(cat err)"
	all_there
}

@test "closed standard descriptors harm nobody" {
	need native
	id=$(sha data-1)
	for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- >&- 2>&-'; do
		rc=0
		bash -c "blk-put data-1 $closed" >/dev/null 2>&1 || rc=$?
		[ "$rc" -le 1 ] || fail "put $closed: $rc"
		rc=0
		bash -c "blk-get $id $closed" >/dev/null 2>&1 || rc=$?
		[ "$rc" -le 1 ] || fail "get $closed: $rc"
		rc=0
		bash -c "blk-get -o back $id $closed" >/dev/null 2>&1 || rc=$?
		[ "$rc" -eq 0 ] || fail "get -o $closed: $rc"
		cmp back data-1
	done
	run -3 bash -c 'blk-put <&-'
	run -1 bash -c 'blk-put data-1 >&-'
	run -1 bash -c "blk-get $id >&-"
	all_there
	healthy --read-data
}

@test "a full standard output is a failure" {
	[ -c /dev/full ]
	for command in 'blk-put data-1' 'blk-get name' blk-ls blk-stat \
		'blk-ls --objects' 'blk-config list' 'blk-put --help' blk-dedup \
		'blk-dedup --chunks data-1' 'blk-dedup --estimate data-1' \
		'blk-dedup --apply --json' 'blk-rm -q -n name@1' blk-gc; do
		rc=0
		$command >/dev/full 2>err || rc=$?
		[ "$rc" -eq 1 ] || fail "$command: exit $rc: $(cat err)"
		[ "$(wc -l <err)" -eq 1 ] || fail "$command: $(cat err)"
	done
}

@test "few descriptors are enough, or the failure is said" {
	need native
	random_file 300000 few new
	id=$(sha new)
	for n in 4 5 6 8 10 12 14 16 20 24 32; do
		rc=0
		(ulimit -n "$n" && exec blk-put new) >out 2>err || rc=$?
		case $rc in
		0) [ "$(cat out)" = "$id" ] ;;
		1) [ "$(wc -l <err)" -eq 1 ] || fail "$n: $(cat err)" ;;
		127) ;; # the loader's own
		*) fail "$n descriptors: exit $rc: $(cat err)" ;;
		esac
	done
	[ "$rc" -eq 0 ] || fail "32 descriptors: $(cat err)"
	all_there
	healthy
}

@test "a limit on the size of files is a failure, not the end" {
	random_file 3000000 limit new
	rc=0
	(ulimit -f 500 && exec blk-put new) >out 2>err || rc=$?
	[ "$rc" -eq 1 ] || fail "exit $rc: $(cat err)"
	[ "$(wc -l <err)" -eq 1 ] || fail "$(cat err)"
	all_there
	healthy
}

@test "a repair that cannot look everywhere says nothing lost, and can be repeated" {
	need plain
	random_file 600000 c data-c
	put data-c -N long
	cp -a "$BLK_STORE" other
	f=$(find "$BLK_STORE/segments" -type f -printf '%s %p\n' | sort -n | tail -n 1)
	f=${f#* }
	chmod u+w "$f"
	printf x | dd of="$f" bs=1 seek=3000 conv=notrunc status=none
	run -4 blk-check --read-data
	run -1 inject 'open:*:EIO:other/segments' blk-check --repair --from other
	[[ $output == *'not found where could be looked'*'nput/output error'* ]] ||
		fail "$output"
	run -0 blk-check --repair --from other
	all_there 'after the repair'
	healthy --read-data
}

@test "an index that fails in mapped memory is exit 1 and a line, not a signal" {
	for json in '' --json; do
		rm -f point.here point.go
		random_file 3000 "mapped $json" new
		BLK_PAUSE="before put log/ 1 $PWD/point" \
			"$BUILD/tests/hooked/blk-put" $json new >out 2>err 3>&- &
		pid=$!
		for _ in $(seq 600); do
			[ ! -e point.here ] || break
			sleep 0.05
		done
		[ -e point.here ]
		truncate -s 0 store/index-1.db-shm
		: >point.go
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" -eq 1 ] || fail "exit $rc: $(cat err)"
		[ "$(wc -l <err)" -eq 1 ] || fail "$(cat err)"
		grep -q 'outcome unknown: the index' err || fail "$(cat err)"
		[ -z "$json" ] || jq -e '.code == 1 and .kind == "failed"' err
		[ ! -s out ]
		all_there
		put new
		healthy --read-data
	done
}

@test "a file that cannot be read is told by all its names, and the rest is stored" {
	local rule

	need plain
	mkdir src
	echo linked >src/a
	ln src/a src/b
	echo alone >src/c
	for rule in 'open:*:EACCES:src/a;open:*:EACCES:src/b' 'pread:*:EIO:src/a;pread:*:EIO:src/b'; do
		run -3 --separate-stderr inject "$rule" blk-backup create --force -N src src
		[[ $stderr == *src/a:*src/b:* ]] || fail "$stderr"
		[ "$(blk-ls src:)" = c ]
		[ "$(blk-get src:/c)" = alone ]
	done
	for rule in 'open:*:EACCES:src/' 'read:*:EIO:src/'; do
		run -3 --separate-stderr inject "$rule" blk-dedup --estimate src
		[[ $stderr == *src/a:*src/b:*src/c:* ]] || fail "$stderr"
	done
	healthy --read-data
}
