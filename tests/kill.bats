# SIGKILL before any system call of any command: nothing that was promised is
# lost, nothing needs repair, no lock stays.
load helper
load faults

setup() {
	blk_setup
	base_store
	random_file 500000 dead dead
	blk-put -N dead dead >/dev/null
	random_file 400000 new-big new-big
	echo new >new-small
	cp -a tree tree-2
	cp new-big tree-2/sub/big
}

# Nobody repairs anything: the next commands just work.
survived() { # WHAT
	echo "after $1" >after
	blk-put --lock-wait 5s after >out 2>err ||
		fail "$1: the next put: $? $(cat err)"
	[ "$(cat out)" = "$(sha after)" ] || fail "$1: said $(cat out)"
	cp -a acked before-acked
	acked "$(cat out)" after
	all_there "$1"
	rm -rf acked
	mv before-acked acked
	healthy --read-data
	blk-gc -q --lock-wait 5s || fail "$1: the next collection: $?"
	all_there "$1, then a collection"
}

# kill_each COUNT COMMAND...: at COUNT of its calls, on a fresh copy each.
kill_each() {
	local count=$1 n rc all

	shift
	cp -a store start
	inject '' "$@" >/dev/null 2>&1 || fail "$*: $?"
	read -r all <count
	for n in $(sample "$count" "$all"); do
		rm -rf store
		cp -a start store
		rc=0
		inject "kill:$n" "$@" >out.killed 2>&1 || rc=$?
		# threads do not call in the same order each time
		[ "$rc" -eq 137 ] || [ "$n" -gt $((all * 3 / 4)) ] ||
			fail "$*: kill:$n: exit $rc: $(cat out.killed)"
		survived "$* killed at $n of $all"
	done
	rm -rf store
	mv start store
}

@test "blk-put survives kill -9 at any call" {
	need plain
	kill_each 5 blk-put new-small
	kill_each 6 blk-put -N name new-big
}

@test "what was committed before the kill is there" {
	need plain
	for n in 1 2 3; do
		random_file 2000 "$n" one
		mkfifo "in$n"
		blk-put --batch <"in$n" >out 2>err &
		exec 4>"in$n"
		printf '2000\n' >&4
		cat one >&4
		printf '\ncommit\n' >&4
		for _ in $(seq 200); do
			! grep -q ^committed out || break
			sleep 0.02
		done
		kill -9 $!
		wait $! || :
		exec 4>&-
		grep -q "^$(sha one)" out || fail "said: $(cat out err)"
		acked "$(sha one)" one
		all_there "$n"
		healthy
	done
}

@test "blk-rm survives kill -9 at any call" {
	need plain
	kill_each 5 blk-rm -q dead
}

@test "blk-backup create survives kill -9 at any call" {
	need plain
	kill_each 8 blk-backup create -q -N tree tree-2
}

@test "blk-gc survives kill -9 at any call" {
	need plain
	blk-rm -q dead
	blk-config set gc.keep-unreferenced 0s
	kill_each 8 blk-gc -q --max-unused 0
}

@test "blk-check --rebuild-index survives kill -9 at any call" {
	need plain
	kill_each 5 blk-check -q --rebuild-index
}

@test "blk-init survives kill -9 at any call" {
	need plain
	rm -rf acked
	mkdir acked
	rm -rf store
	inject '' blk-init
	read -r all <count
	for n in $(sample 5 "$all"); do
		rm -rf store
		run -137 inject "kill:$n" blk-init
		blk-init --if-missing || fail "init again after kill:$n: $?"
		rm -rf acked
		mkdir acked
		put new-big -N name
		all_there "init killed at $n"
		healthy
	done
}
