# Hosts that slept, indexes from yesterday, copies and forks of a store: each
# goes on right, or says exit 1 or 4.
load helper
load faults

setup() {
	blk_setup
	base_store
}

# What a user sees, without what depends on when it was asked.
listings() {
	blk-ls --format '%(name) %(index) %(id) %(size)' '*'
	blk-ls --objects | sort
	blk-ls --versions name
}

# Others commit, fold and collect.
life() {
	local i

	for i in 1 2 3; do
		random_file 300000 "life $1 $i" "life-$1-$i"
		put "life-$1-$i" -N "life-$i"
	done
	random_file 300000 "dead $1" dead
	blk-put -N dead dead >/dev/null
	blk-rm -q dead
	blk-config set gc.keep-unreferenced 0s
	blk-gc -q --max-unused 0
	put data-1 -N name
	blk-gc -q --max-unused 0
}

@test "a host that slept while others committed, folded and collected" {
	mkdir host-a host-b
	export BLK_INDEX=$PWD/host-a
	put data-1 -N name
	all_there a
	for round in 1 2 3; do
		export BLK_INDEX=$PWD/host-b
		life "$round"
		all_there b
		listings >want.list
		export BLK_INDEX=$PWD/host-a
		all_there "a wakes"
		listings | diff want.list -
		put data-2 -N "name-$round"
		healthy --read-data
		export BLK_INDEX=$PWD/host-b
		all_there "b after a"
		healthy --read-data
	done
}

@test "an index from yesterday" {
	cp -a store yesterday
	life 1
	listings >want.list
	rm store/index-1.db*
	cp -a yesterday/index-1.db* store/
	all_there yesterday
	listings | diff want.list -
	put data-2 -N after
	healthy --read-data
}

@test "an index of tomorrow, the store from yesterday" {
	cp -a store yesterday
	life 1
	cp -a store/index-1.db* .
	rm -rf store
	mv yesterday store
	rm store/index-1.db*
	cp -a index-1.db* store/
	rm -rf acked
	mkdir acked
	for file in data-a data-1 data-2 data-b; do
		acked "$(sha "$file")" "$file"
	done
	run -0 --separate-stderr blk-ls
	[ -n "$stderr" ] || fail "not a word"
	all_there tomorrow
	put data-2 -N after
	all_there tomorrow
	healthy --read-data
}

@test "a store copied by cp -a is a store" {
	cp -a store copy
	listings >want.list
	export BLK_STORE=$PWD/copy
	listings | diff want.list -
	all_there copy
	life 1
	all_there copy
	healthy --read-data
}

@test "two stores forked from one each go on" {
	cp -a store fork
	cp -a acked acked-before
	life 1
	all_there one
	healthy --read-data
	cp -a acked acked-one
	rm -rf acked
	cp -a acked-before acked
	export BLK_STORE=$PWD/fork
	life 2
	all_there fork
	healthy --read-data
	# the index of the one with the store of the other
	rm fork/index-1.db*
	cp -a store/index-1.db* fork/
	run --separate-stderr blk-ls
	case $status in
	0) all_there mixed && healthy --read-data ;;
	1 | 4) [ -n "$stderr" ] ;;
	*) fail "exit $status: $stderr" ;;
	esac
	timeout 60 blk-check -q --rebuild-index
	all_there mended
	healthy --read-data
}

@test "an index that is gone, cut or overwritten is made anew, and says so" {
	life 1
	listings >want.list
	for how in gone wal empty cut header zeroes; do
		case $how in
		gone) rm -f store/index-1.db* ;;
		wal) rm -f store/index-1.db-wal store/index-1.db ;;
		empty) : >store/index-1.db ;;
		cut) truncate -s $(($(stat -c %s store/index-1.db) / 2)) store/index-1.db ;;
		header) printf 'no database at all' |
			dd of=store/index-1.db conv=notrunc status=none ;;
		zeroes) dd if=/dev/zero of=store/index-1.db bs=4096 count=1 \
			conv=notrunc status=none ;;
		esac
		case $how in
		cut | header | zeroes) rm -f store/index-1.db-wal store/index-1.db-shm ;;
		esac
		run -0 --separate-stderr blk-ls
		[ -n "$stderr" ] || [ "$how" = wal ] || fail "$how: not a word"
		listings | diff want.list - || fail "$how"
		all_there "$how"
		healthy
	done
}

# newer FILE OFFSET: the byte there says that a later version wrote this.
newer() {
	chmod u+w "$1"
	printf '\002' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# made_newer FILE OFFSET: likewise, and one has.
made_newer() {
	newer "$@"
	"$BUILD/tests/header" "$1"
}

# Every command says so, exit 1, and no id or name is said to be missing.
needs_newer() { # WHAT
	local command

	cp -a store before
	for command in 'blk-get name' 'blk-get -e name' blk-ls 'blk-ls --log' \
		blk-stat 'blk-put data-1' 'blk-put -N name data-2' \
		'blk-rm --all-versions name' blk-gc blk-check \
		'blk-check --repair' 'blk-check --rebuild-index' \
		'blk-config set user.a b' 'blk-backup list'; do
		run -1 --separate-stderr $command
		[ -z "$output" ] || fail "$1: $command: $output"
		[[ $stderr = *'a newer blk'* ]] || fail "$1: $command: $stderr"
	done
	run -1 --separate-stderr blk-get --batch <<<name
	[ -z "$output" ] || fail "$1: batch: $output"
	run -1 --separate-stderr blk-put --batch <<<'get name'
	[ -z "$output" ] || fail "$1: batch: $output"
	run -1 --separate-stderr blk-ls --json
	[[ $stderr = *'"code":1,"kind":"failed"'* ]] ||
		fail "$1: $stderr"
	diff -r --no-dereference -x 'index-1.db*' store before
	rm -rf before
}

@test "a store that needs a newer blk is refused, exit 1, and left alone" {
	cp -a store old
	for how in 'blk config' 'format' 'incompat'; do
		chmod u+w store/config
		sed -i "s/^$how .*/$how 2/" store/config
		needs_newer "$how"
		rm -rf store
		cp -a old store
	done
	# a commit behind the head, and the head where nothing knows it
	head=$(find store/log -type f | sort | tail -n 1)
	next=$(printf '%s/%012d' "${head%/*}" $((10#${head##*/} + 1)))
	cp "$head" "$next"
	made_newer "$next" 8
	needs_newer 'next commit'
	rm -f "$next" store/index-1.db*
	made_newer "$head" 12
	needs_newer 'incompat bits of the head'
}

@test "damage that looks like a newer format is damage, and is repaired" {
	put data-1 -N name
	cp -a store sound
	for file in $(cd store && find segments log -type f | sort); do
		newer "store/$file" 9
		run -4 --separate-stderr blk-check --read-data
		all_there "$file"
		run -0 --separate-stderr blk-check --repair --from sound
		rm -rf store
		cp -a sound store
	done
	newer "store/$(cd store && find log -type f | sort | tail -n 1)" 9
	rm -f store/index-1.db* # nothing else knows the hash of the head
	run -4 --separate-stderr blk-check
}

@test "an index that another blk made is made again without a word" {
	for n in 1 2 3; do echo $n | blk-put -q -N "name$n" >/dev/null; done
	blk-stat --json | jq -c 'del(.index_bytes)' >before
	blk-ls --json >>before
	sqlite3 store/index-1.db 'ALTER TABLE segments DROP COLUMN marks;
		PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	run -0 --separate-stderr blk-ls
	[ "${#lines[@]}" -ge 3 ]
	# shellcheck disable=SC2154
	[ -z "$stderr" ] || fail "$stderr"
	blk-stat --json | jq -c 'del(.index_bytes)' >after
	blk-ls --json >>after
	diff before after
	blk-check
}
