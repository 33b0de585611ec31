# blk-backup create: sources that are odd, that change, that take long.
# shellcheck disable=SC2154  # stderr is run's
load backup

# grow FILE: by 64 KiB 20 times a second, until it is stopped.
grow() {
	while sleep 0.05; do
		head -c 65536 /dev/zero >>"$1"
	done
}

@test "a file that grows while it is read ends where it was looked at" {
	need plain ptrace
	mkdir src
	head -c 500000 /dev/urandom >src/log
	grow src/log 3>&- &
	grower=$!
	# the first read comes when the file is too long for it
	code=0
	timeout 60 strace -f -qq -o trace -P src/log -e trace=pread64 \
		-e inject=pread64:delay_enter=1500000:when=1+20 \
		blk-backup create src 2>err || code=$?
	kill "$grower"
	case $code in
	0) ;;
	3) grep -q 'still changing' err ;;
	*) fail "exit status $code" ;;
	esac
	blk-get src:/log >got
	cmp -n "$(stat -c %s got)" got src/log
	[ "$(stat -c %s got)" -le "$(stat -c %s src/log)" ]
}

# growing RULES: back up src, whose file grows before reads of it.
growing() {
	LD_PRELOAD=$BUILD/tests/inject.so INJECT=$1 blk-backup create src
}

@test "a short file that grew before it was read is read again" {
	need plain
	mkdir src
	printf 1 >src/f
	run -0 --separate-stderr growing 'pread:1:grow:src/f'
	[ -z "$stderr" ]
	[ "$(blk-get src:/f)" = 1+ ]
}

@test "a short file that does not keep still is stored as it was last, which is said" {
	need plain
	mkdir src
	printf 1 >src/f
	run -3 --separate-stderr growing 'pread:*:grow:src/f'
	grep -q 'src/f.*still changing' <<<"$stderr"
	[ "$(blk-get src:/f)" = "$(head -c "$(blk-get src:/f | wc -c)" src/f)" ]
	[[ $(blk-get src:/f) == 1+++* ]]
}

@test "a short file that cannot be read is not tried a second time" {
	need plain
	mkdir src
	printf 1 >src/f
	run -3 --separate-stderr growing 'pread:1:EIO:src/f'
	grep -q 'src/f.*Input/output error' <<<"$stderr"
}

@test "a long hole does not keep a signal waiting" {
	mkdir src
	truncate -s 4T src/hole || skip 'no file can be that long here'
	blk-backup create src 3>&- &
	sleep 0.3
	kill -TERM $!
	code=0
	wait $! || code=$?
	[ "$code" = 143 ]
	run -0 blk-ls
	[ -z "$output" ]
}

@test "a socket is left out, which is said" {
	"$BUILD/tests/oddtree" odd types >/dev/null
	mkdir src
	mv odd/types/socket src/s
	run -0 --separate-stderr blk-backup create src
	[[ $stderr == *'src/s: a socket, left out' ]] || fail "$stderr"
	[ -z "$(blk-ls src:)" ]
	run -0 --separate-stderr blk-backup create -q src
	[ -z "$output$stderr" ]
}

@test "attributes of the system are stored where that is asked for" {
	need root setfattr
	mkdir src
	touch src/f
	setfattr -n trusted.t -v yes src/f || skip 'no such attributes here'
	blk-backup create -q src
	blk-backup create -q -N all --all-xattrs src
	blk-backup restore -t some src
	blk-backup restore -t all all
	run -1 getfattr -n trusted.t some/f
	[ "$(getfattr --only-values -n trusted.t all/f)" = yes ]
	# what is remembered of files was remembered without them
	blk-backup create -q --all-xattrs src
	blk-backup restore -t again src
	[ "$(getfattr --only-values -n trusted.t again/f)" = yes ]
}

@test "attributes of links and fifos come back too, and never land on what a link names" {
	need root setfattr
	mkdir src
	touch src/f
	ln -s f src/link
	mkfifo src/fifo
	setfattr -h -n trusted.t -v link src/link || skip 'no such attributes here'
	setfattr -n trusted.t -v fifo src/fifo
	blk-backup create -q --all-xattrs src
	blk-backup restore -q -t out src
	[ "$(getfattr -h --only-values -n trusted.t out/link)" = link ]
	[ "$(getfattr --only-values -n trusted.t out/fifo)" = fifo ]
	run -1 getfattr -n trusted.t out/f
	# in place: only what differs
	setfattr -h -n trusted.t -v other out/link
	run -0 blk-backup restore -v -t out src
	[ "$(getfattr -h --only-values -n trusted.t out/link)" = link ]
	blk-backup create -q --all-xattrs -N again out
	[ -z "$(blk-backup diff src again)" ] || fail 'they differ'
	# through an archive
	blk-backup export src | blk-backup import -q --all-xattrs -N tar
	blk-backup restore -q -t tar tar
	[ "$(getfattr -h --only-values -n trusted.t tar/link)" = link ]
}

@test "what cannot be read is not counted, in the snapshot or the summary" {
	need setpriv
	mkdir -p src/closed
	seq 1000 >src/big
	ln src/big src/hard
	echo 1 >src/ok
	chmod 0 src/big src/closed
	run -3 --separate-stderr bound blk-backup create --json src
	[ "$(field files_new <<<"$output")" = 1 ]
	[ "$(field dirs_new <<<"$output")" = 1 ] # the root
	[ "$(field total_files_processed <<<"$output")" = 1 ]
	[ "$(field total_bytes_processed <<<"$output")" = 2 ]
	[ "$(field problems <<<"$output")" = 3 ]
	run -0 blk-backup show src
	grep -qx 'files  *1' <<<"$output" || fail "$output"
	grep -q '^dirs  *0$' <<<"$output" || fail "$output"
	run -0 blk-backup list --json src
	[ "$(field files <<<"$output")" = 1 ]
	[ "$(field size <<<"$output")" = 2 ]
}

@test "what is read again and did not change counts as unmodified" {
	mkdir -p src/d
	echo 1 >src/d/f
	echo 2 >src/g
	ln src/g src/d/hard
	one=$(blk-backup create --json src)
	two=$(blk-backup create --json --skip-if-unchanged src)
	[ "$(field tree_id <<<"$one")" = "$(field tree_id <<<"$two")" ]
	[ "$(field files_changed <<<"$two")" = 0 ]
	[ "$(field files_unmodified <<<"$two")" = 3 ]
	[ "$(field dirs_changed <<<"$two")" = 0 ]
	[ "$(field dirs_unmodified <<<"$two")" = 2 ]
	# other bytes, or another mode, is a change
	echo 3 >src/d/f
	chmod 600 src/g
	two=$(blk-backup create --json src)
	[ "$(field files_changed <<<"$two")" = 3 ]
	[ "$(field dirs_changed <<<"$two")" = 2 ]
	# what a dry run would read, it does not know
	touch src/d/f
	run -0 --separate-stderr blk-backup create -n src
	[[ $stderr == *'would read 3 of 3 files'* ]] || fail "$stderr"
}

@test "tags are words, also several at once; a snapshot may be of another host" {
	mkdir src
	blk-backup create -q --tag a,b --tag c --host far src
	run -0 blk-backup list --json
	[[ ${lines[0]} == *'"host":"far"'*'"tags":["a","b","c"]'* ]] || fail "$output"
	run -0 blk-backup prune -n --keep-tag b
	[[ $output == *'tag b'* ]] || fail "$output"
	run -0 blk-ls --host far
	[[ $output == *src* ]] || fail "$output"
	for bad in '' 'a,' ',a' 'a,,b'; do
		run -2 blk-backup create --tag "$bad" src
		run -2 blk-backup import -N x --tag "$bad" src
	done
	run -2 blk-backup create --host '' src
}

# --- what is said ---

@test "with -q all that changes something is silent" {
	make_tree src
	run -0 --separate-stderr blk-backup create -q src
	[ -z "$output$stderr" ]
	blk-backup create -q src
	run -0 --separate-stderr blk-backup restore -q -t out src
	[ -z "$output$stderr" ]
	run -0 --separate-stderr blk-backup prune -q --keep-last 1
	[ -z "$output$stderr" ]
	run -0 --separate-stderr blk-backup status -q --max-age 1h
	[ -z "$output$stderr" ]
	run -0 --separate-stderr blk-backup verify -q src
	[ -z "$output$stderr" ]
	blk-backup export -q -o src.tar src
	run -0 --separate-stderr blk-backup import -q src.tar
	[ -z "$output$stderr" ]
	# a dry run is only for what it says
	run -0 --separate-stderr blk-backup prune -q -n --keep-last 1
	[ -n "$output" ]
	[ -z "$stderr" ]
}

@test "a dry run knows what would not be read" {
	make_tree src
	settle src
	blk-backup create -q src
	echo more >>src/sub/x
	run -0 --separate-stderr blk-backup create -n src
	[[ $stderr == *'would read 1 of 5 files'* ]] || fail "$stderr"
	# and leaves nothing
	rm -rf home/.cache
	run -0 --separate-stderr blk-backup create -n src
	[[ $stderr == *'would read 5 of 5 files'* ]] || fail "$stderr"
	[ ! -e home/.cache/blk/scan ]
}

@test "the summary speaks of no snapshot where none was made" {
	make_tree src
	settle src
	run -0 --separate-stderr blk-backup create --json --skip-if-unchanged src
	id=$(field snapshot_id <<<"$output")
	[ "$id" = "$(blk-backup show --json src | field snapshot_id)" ]
	[[ $output == *'"message_type":"summary"'* ]] || fail "$output"
	[[ $output == *'"backup_start":"20'*'"backup_end":"20'* ]] || fail "$output"
	rm -rf home/.cache
	run -0 --separate-stderr blk-backup create --json --skip-if-unchanged src
	[[ $output != *snapshot_id* ]] || fail "$output"
	[ "$(field data_added <<<"$output")" = 0 ]
	[ "$(field files_new <<<"$output")" = 5 ]
	# what was read then is remembered all the same
	run -0 --separate-stderr blk-backup create --json --skip-if-unchanged src
	[ "$(field files_unmodified <<<"$output")" = 5 ]
}

@test "status speaks of each name that was asked for" {
	mkdir src
	blk-backup create -q src
	run -0 --separate-stderr blk-backup status --max-age 1h src 's*'
	[ -z "$output$stderr" ]
	run -1 --separate-stderr blk-backup status --max-age 1h src other 'x*'
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 2 ]
	[[ $stderr == *'no snapshot of other'*'no snapshot of x*'* ]] || fail "$stderr"
}
