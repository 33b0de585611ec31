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
