# SIGKILL before any system call of any command: nothing that was promised is
# lost, nothing needs repair, no lock stays.
# shellcheck disable=SC2154 # seed and kills come from faults
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
	local count=$1 n rc all done=0

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
		[ "$rc" -ne 137 ] || done=$((done + 1))
		kept_word out.killed
		survived "$* killed at $n of $all"
	done
	rm -rf store
	mv start store
	tell "$done kills of $*, $all calls, seed $seed"
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

@test "blk-dedup --apply survives kill -9 at any call" {
	need plain
	put new-big --no-dedup -N uncut
	blk-put -q -N cut tree-2/sub/big >/dev/null
	kill_each 8 blk-dedup -q --apply
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
	tell "$(sample 5 "$all" | wc -l) kills of blk-init, $all calls, seed $seed"
}

# --- one store that lives on, killed again and again ---

# pick LOW HIGH: one of these numbers.
pick() {
	picked=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
}

# Choose what to run next: what, command, and what it stores, if anything.
choose() { # ROUND
	going=() file=
	pick 1 7
	case $picked in
	1 | 2)
		what=put file=new
		pick 0 9
		[ "$picked" -ne 0 ] || what=put-big
		pick 1 2000
		[ "$what" = put ] || pick 1 400000
		random_file "$picked" "$seed $1" new
		command=(blk-put new)
		;;
	3)
		what=version file=new
		random_file 3000 "$seed $1" new
		command=(blk-put -N name new)
		;;
	4)
		what=backup
		pick 1 100000
		random_file "$picked" "$seed $1" tree/sub/one
		command=(blk-backup create -q -N tree tree)
		;;
	5) # what is asked to go is no longer promised
		what='rm'
		if [ ${#living[@]} -gt 10 ]; then
			going=("${living[@]::${#living[@]}-10}")
			living=("${living[@]: -10}")
			(cd acked && rm -- "${going[@]}")
		fi
		command=(blk-rm -q -f nothing "${going[@]}")
		;;
	6) what=gc command=(blk-gc -q --max-unused 0) ;;
	7) what=rebuild command=(blk-check -q --rebuild-index) ;;
	esac
}

# What was asked to go in one commit is all gone, or all there.
together() { # WHAT
	local there

	[ ${#going[@]} -gt 0 ] || return 0
	there=$(printf '%s\n' "${going[@]}" | blk-get --batch-check |
		grep -vc missing) || :
	[ "$there" -eq 0 ] || [ "$there" -eq ${#going[@]} ] ||
		fail "$1: $there of ${#going[@]} are still there"
}

# The newest version of "name" is the last one that was promised, or that
# which was being stored.
name_holds() { # WHAT
	local is

	is=$(blk-get name | sha256sum) || fail "$1: blk-get name: $?"
	is=${is%% *}
	[ "$is" = "$promised" ] || [ "$is" = "$stored" ] ||
		fail "$1: name is $is, $promised was promised"
	promised=$is
}

# One more command, killed or not, and a look at all that was promised.
# shellcheck disable=SC2034 # what it counts is of the test
live_on() { # ROUND
	local rc=0 rules stored='' after
	local short='write:*:short;writev:*:short;pwrite:*:short;'

	choose "$1"
	pick 1 "${calls[$what]:-300}"
	rules=kill:$picked
	# killed between two halves of a write
	[ $((RANDOM % 2)) -eq 0 ] || rules=$short$rules
	after="$1: ${command[*]} under $rules"
	inject "$rules" "${command[@]}" >out 2>err || rc=$?
	case $rc in
	137) done=$((done + 1)) killed[$what]=$((${killed[$what]:-0} + 1)) ;;
	0) read -r "calls[$what]" <count ;;
	*) fail "$after: exit $rc: $(cat err)" ;;
	esac
	if [ "$what" = version ]; then
		stored=$(sha new)
		[ ! -s out ] || promised=$(cat out)
	elif [ -n "$file" ] && [ -s out ]; then
		living+=("$(cat out)")
		acked "$(cat out)" new
	fi
	kept_word out
	all_there "$after"
	name_holds "$after"
	together "$after"
	healthy --read-data
}

@test "a store that is killed again and again loses nothing" {
	need plain
	local done=0 round=0 words='' kind
	local -a living=()
	local -A calls=() killed=()
	RANDOM=$seed
	rm -rf acked
	mkdir acked
	blk-config set gc.keep-unreferenced 0s
	put data-a
	put data-1 -N name
	promised=$(sha data-1)
	rm "acked/$promised"
	while [ "$done" -lt "${kills:-25}" ]; do
		round=$((round + 1))
		live_on "$round"
		[ $((round % 25)) -eq 0 ] || continue
		blk-rm -q name --keep-last 3
		blk-backup prune -q tree --keep-last 2 >/dev/null
		blk-gc -q --max-unused 0 || fail "$round: collection: $?"
		all_there "$round, then a collection"
		healthy --read-data
	done
	for kind in "${!killed[@]}"; do
		words+=", $kind ${killed[$kind]}"
	done
	tell "$done kills of one store, seed $seed$words: nothing lost"
}
