# Sixteen processes at once, and one that deletes and lists; and races that
# are the same every time: one command is stopped at the critical place, the
# others run to their end, and it goes on (cmd/pause.h).
# shellcheck disable=SC2154  # paused and rc are of pause.bash
load helper
load faults
load pause

# 500 objects each when soaking.
each=30
[ -z "$soak" ] || each=500

setup() {
	blk_setup
	blk-init
}

# Every second object is one that all the others store too.
content() { # PROCESS NUMBER
	if [ $(($2 % 2)) -eq 0 ]; then
		printf 'shared %d %0200d\n' "$2" "$2"
	else
		printf 'own %d %d %0200d\n' "$1" "$2" "$2"
	fi
}

# One commit an object: a command each for a few, a batch for the others.
putter() { # PROCESS
	local i

	for i in $(seq 2); do
		content "$1" "$i" | blk-put >>"out.$1" 2>>"err.$1" ||
			echo "put: exit $?" >>"err.$1"
	done
	for i in $(seq 3 "$each"); do
		content "$1" "$i" >"in.$1"
		stat -c %s "in.$1"
		cat "in.$1"
		printf '\ncommit\n'
	done | blk-put --batch >>"out.$1" 2>>"err.$1" ||
		echo "batch: exit $?" >>"err.$1"
}

deleter() {
	local i=0

	while [ ! -e stop ]; do
		i=$((i + 1))
		echo "dropped $i" | blk-put -N "dropped-$i" >/dev/null &&
			blk-rm -q "dropped-$i" && blk-ls >/dev/null &&
			blk-ls --objects >/dev/null || echo "exit $?"
	done 2>&1
}

@test "16 processes store half of the same at once, and nothing is missed" {
	deleter >err.deleter 3>&- &
	deleting=$!
	pids=()
	for p in $(seq 16); do
		putter "$p" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	: >stop
	wait "$deleting"
	cat err.*
	[ -z "$(cat err.*)" ] || fail "somebody was told: $(cat err.* | head)"
	for p in $(seq 16); do
		for i in $(seq "$each"); do
			content "$p" "$i" | sha256sum
		done
	done | cut -d ' ' -f 1 | sort -u >want
	cat out.* | grep -v '^committed' | sort -u | cmp - want
	blk-ls --objects --format '%(id)' | sort -u >have
	[ -z "$(comm -13 have want)" ] || fail "not listed"
	blk-get --batch <want >got
	[ "$(grep -c '^shared\|^own' got)" -eq "$(wc -l <want)" ]
	healthy --read-data
}

# --- one is stopped, the others run (pause.bash) ---

# All that can go goes, and what is condemned is swept.
collect() {
	blk-gc -q --max-unused 0 && blk-gc -q --max-unused 0
}

# Nobody knows of the others: what was cloned, or waits on another machine.
forget_sessions() {
	rm -f store/sessions/*
}

# a, and b, which is a and more.
two_files() {
	random_file 300000 race-a a
	random_file 50000 race-more more
	cat a more >b
	blk-put -q -N a a >/dev/null
}

@test "dedup hit, then collection, then commit: what was hit is there" {
	two_files
	at 'before put log/ 1' hit blk-put -N b b
	blk-rm -q a
	collect
	on hit
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.hit)"
	blk-get b | cmp - b
	healthy --read-data
	collect
	blk-get b | cmp - b
}

@test "the same, when the collector does not know of the writer" {
	two_files
	for step in 'before put segments/ 1' 'before put log/ 1' 'after put log/ 1'; do
		cat b more >c # more than a commit carries
		random_file 400000 "race-$step" new
		cat new >>c
		at "$step" hit blk-put -N c c
		forget_sessions
		blk-rm -q -f a
		collect
		echo "another commit" | blk-put >/dev/null
		on hit
		# It says so, or it is there.
		if [ "$rc" -eq 0 ]; then
			blk-get c | cmp - c
		else
			[ "$rc" -eq 1 ]
			grep -q 'run it again\|outcome unknown' err.hit || fail "$(cat err.hit)"
		fi
		healthy --read-data
		blk-put -q -N c c >/dev/null
		blk-get c | cmp - c
		blk-rm -q --all-versions c
		collect
		healthy
	done
	[ "$(blk-stat --json | jq 'select(.type == "summary").dead_bytes')" -eq 0 ]
}

@test "collection between publish and index: what was published counts" {
	two_files
	at 'after put log/ 1' published blk-put -N b b
	blk-ls >/dev/null # which applies what was published
	blk-rm -q a
	collect
	on published
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.published)"
	[ "$(cat out.published)" = "$(sha b)" ]
	blk-get b | cmp - b
	blk-ls --objects | sort >index
	blk-check --rebuild-index
	blk-ls --objects | sort | cmp - index
	healthy --read-data
}

@test "collection between the publication of segments and their commit" {
	random_file 400000 race-large large
	at 'after put segments/ 1' segments blk-put -N large large
	collect
	[ "$(find store/segments -type f | wc -l)" -eq 1 ] # its writer lives
	on segments
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.segments)"
	blk-get large | cmp - large
	blk-rm -q large
	collect
	at 'after put segments/ 1' orphan blk-put -N large large
	kill -9 "$paused"
	collect
	[ "$(find store/segments -type f | wc -l)" -eq 0 ] # its writer does not
	healthy
}

@test "a reader of a segment that is removed under it finds what moved" {
	for i in 1 2 3; do
		random_file 900000 "race-stays-$i" stays
		random_file 900000 "race-goes-$i" goes
		# Together in a segment, which is rewritten when one goes.
		blk-put stays goes >ids
		stays=$(sed -n 1p ids) goes=$(sed -n 2p ids)
		at "before get segments/ $i" reader blk-get "$stays"
		blk-rm -q "$goes"
		collect
		on reader
		[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.reader)"
		cmp out.reader stays
	done
}

@test "a reader of what is dropped and collected under it says so: exit 6" {
	for i in 1 2 3; do
		random_file 900000 "race-$i" big
		id=$(blk-put big)
		at "before get segments/ $i" reader blk-get -o got "$id"
		blk-rm -q "$id"
		collect
		on reader
		[ "$rc" -eq 6 ] || fail "exit $rc: $(cat err.reader)"
		[ ! -e got ]
	done
}

@test "of two collectors one goes on; nobody else waits for it" {
	two_files
	random_file 900000 race-goes goes
	blk-put -q -N goes goes >/dev/null
	blk-rm -q goes
	for point in 'before put log/ 1' 'before put checkpoint/ 1' 'before remove segments/ 1'; do
		random_file 900000 "race-$point" more
		blk-put -q -N more more >/dev/null
		blk-rm -q more
		at "$point" gc blk-gc --max-unused 0
		# frozen as a whole, too
		kill -STOP "$paused"
		run -5 blk-gc --lock-wait 1s
		[[ $output == *"another collection"* ]] || fail "$output"
		run -0 --separate-stderr blk-dedup --apply --lock-wait 1s
		[[ ${stderr-} == *"run again for the rest"* ]] || fail "${stderr-}"
		kill -CONT "$paused"
		blk-get a | cmp - a
		echo "$point" | timeout 30 blk-put -N "during" >/dev/null
		[ "$(blk-get during)" = "$point" ]
		blk-rm -q --keep-last 1 during
		on gc
		[ "$rc" -eq 0 ] || fail "$point: exit $rc: $(cat err.gc)"
	done
	collect
	blk-get a | cmp - a
	healthy --read-data
}

@test "a collection ends after --max-time, and the next one goes on" {
	local i

	for i in 1 2 3; do
		random_file 300000 "race-kept-$i" "kept$i"
		random_file 300000 "race-gone-$i" "gone$i"
		blk-put "kept$i" "gone$i" >ids
		tail -n 1 ids | blk-rm -q -T -
	done
	# It is stopped at its first victim, until its time is over.
	at 'before get segments/ 1' gc blk-gc -j 1 --json --max-unused 0 --max-time 1s
	sleep 1.5
	on gc
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.gc)"
	jq -e '.unfinished and .copied_bytes < 400000' out.gc >/dev/null || fail "$(cat out.gc)"
	run -0 blk-gc --json --max-unused 0
	jq -e '(.unfinished | not) and .copied_bytes > 500000' <<<"$output" >/dev/null || fail "$output"
	for i in 1 2 3; do
		blk-get "$(sha "kept$i")" | cmp - "kept$i"
		run -6 blk-get -e "$(sha "gone$i")"
	done
	healthy --read-data
}

# uncut N: so many objects that were not cut by content, and the like cut.
uncut() {
	local i

	for i in $(seq "$1"); do
		random_file 300000 "race-uncut-$i" "in$i"
		{ printf x && cat "in$i"; } >"plain$i"
		blk-put -q -N "plain$i" --no-dedup "plain$i" >/dev/null
		blk-put -q -N "cut$i" "in$i" >/dev/null
	done
}

@test "a cutting ends after --max-time, and the next one goes on" {
	local i

	uncut 3
	at 'before get segments/ 1' dedup blk-dedup --apply --json --max-time 1s
	sleep 1.5
	on dedup
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.dedup)"
	jq -e '.unfinished and .objects == 1' out.dedup >/dev/null || fail "$(cat out.dedup)"
	run -0 blk-dedup --apply --json
	jq -e '(.unfinished | not) and .objects == 2' <<<"$output" >/dev/null || fail "$output"
	for i in 1 2 3; do
		blk-get "plain$i" | cmp - "plain$i"
	done
	healthy --read-data
}

@test "others go on beside a cutting, whatever they do to what it cuts" {
	uncut 3
	at 'before get segments/ 1' dedup blk-dedup --apply --json
	echo x | timeout 30 blk-put -q -N x >/dev/null
	blk-get plain2 | cmp - plain2
	blk-rm -q plain2 cut2
	timeout 30 blk-put -q -N again --no-dedup plain3 >/dev/null
	blk-gc -q --max-unused 0
	on dedup
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.dedup)"
	[ "$(blk-get x)" = x ]
	for i in 1 3; do
		blk-get "plain$i" | cmp - "plain$i"
	done
	blk-get again | cmp - plain3
	run -6 blk-get -e plain2
	collect
	blk-dedup --apply -q
	[ "$(blk-dedup --json --apply | jq .objects)" -eq 0 ]
	healthy --read-data
	[ "$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')" -lt 700000 ] ||
		fail "$(blk-stat)"
}

@test "SIGTERM ends a collection, and a cutting, and the next one goes on" {
	uncut 3
	sum=$({ blk-get plain1 && blk-get plain2 && blk-get plain3; } | sha256sum)
	at 'before get segments/ 1' dedup blk-dedup --apply
	kill -TERM "$paused"
	on dedup
	[ "$rc" -eq 143 ] || fail "exit $rc: $(cat err.dedup)"
	blk-dedup --apply --json >got
	jq -e '.objects <= 3 and (.unfinished | not)' got >/dev/null || fail "$(cat got)"
	[ "$({ blk-get plain1 && blk-get plain2 && blk-get plain3; } | sha256sum)" = "$sum" ]
	blk-rm -q cut1 plain1 plain2
	at 'before get segments/ 1' gc blk-gc --max-unused 0
	kill -TERM "$paused"
	on gc
	[ "$rc" -eq 143 ] || fail "exit $rc: $(cat err.gc)"
	collect
	[ "$(blk-stat --json | jq 'select(.type == "summary").dead_bytes')" -eq 0 ]
	healthy --read-data
}

# A directory tree that takes several segments.
several_segments() {
	local i

	mkdir tree
	for i in $(seq 40); do
		random_file 60000 "race-tree-$i" "tree/$i"
	done
	blk-config set segment-size 1M
}

@test "a snapshot that is dropped while it is restored is restored whole" {
	several_segments
	for i in 1 2 4; do
		blk-backup create -q -N tree tree >/dev/null
		at "before get segments/ $i" restore blk-backup restore -j 1 tree -t "to$i"
		blk-rm -q tree
		collect
		on restore
		[ "$rc" -eq 0 ] || fail "$i: exit $rc: $(cat err.restore)"
		diff -r tree "to$i"
		collect
		[ "$(find store/segments -type f | wc -l)" -eq 0 ]
	done
}

@test "a snapshot that is dropped, unknown to the collector: said, not exit 0" {
	several_segments
	blk-backup create -q -N tree tree >/dev/null
	at 'before get segments/ 2' restore blk-backup restore -j 1 tree -t to
	forget_sessions
	blk-rm -q tree
	collect
	on restore
	[ "$rc" -ne 0 ]
	[ -s err.restore ]
	healthy
}

@test "a backup on a tree that is dropped and collected meanwhile is whole" {
	mkdir tree
	for i in $(seq 10); do
		random_file 60000 "race-tree-$i" "tree/$i"
	done
	touch -d '1 hour ago' tree tree/*
	blk-backup create -q -N tree tree >/dev/null
	echo new >tree/new
	at 'before put log/ 1' backup blk-backup create -q -N again tree
	blk-rm -q tree
	collect
	on backup
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.backup)"
	blk-backup restore -q again -t to
	diff -r tree to
	healthy --read-data
}

# What is condemned makes the collector fold.
fold() { # NUMBER
	random_file 50000 "race-fold-$1" fold
	blk-put -q -N fold fold >/dev/null
	blk-rm -q fold
	collect
}

@test "a check of checkpoints that newer ones replace meanwhile is content" {
	two_files
	fold 1
	at 'before get checkpoint/ 1' check blk-check
	fold 2
	fold 3
	on check
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.check out.check)"
}

@test "a check of a segment that is condemned meanwhile is content" {
	two_files
	at 'before stat segments/ 1' check blk-check
	blk-rm -q a
	collect
	on check
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.check out.check)"
	healthy
}

@test "one stopped with the write lock is passed by, and does no harm" {
	two_files
	at 'before put log/ 1' writer blk-put -N b b
	echo x | timeout 30 blk-put -N x >/dev/null
	kill -STOP "$paused"
	echo y | timeout 30 blk-put -N y >/dev/null
	kill -CONT "$paused"
	on writer
	[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.writer)"
	blk-get b | cmp - b
	[ "$(blk-get x)$(blk-get y)" = xy ]
	healthy
}

# Requests of a batch that finds, when it has answered the first, a commit of one
# that was killed before it was applied.
others() { # N
	printf '0 first%s\n\n' "$1"
	until [ -s out.applies ]; do sleep 0.02; done
	BLK_PAUSE="after put log/ 1 $PWD/killed" timeout -s KILL 2 \
		"$BUILD/tests/hooked/blk-put" -q -N "others$1" /dev/null || :
	printf '0 second%s\n\n' "$1"
}

@test "one stopped while it applies commits delays others up to --lock-wait" {
	local found=

	blk-put -q -N a /dev/null >/dev/null
	for n in 1 2 3 4 5; do
		rm -f feed out.applies
		mkfifo feed
		others "$n" >feed &
		at "before get log/ $n" applies bash -c 'exec blk-put --batch <feed'
		kill -STOP "$paused"
		if ! flock -n store/locks/apply true; then
			found=yes
			run -5 blk-put --lock-wait 1s -N other /dev/null
			[[ $output == *"is locked by another process" ]] || fail "$output"
			run -5 blk-get --lock-wait 1s a
			run -5 blk-gc --lock-wait 1s
		fi
		kill -CONT "$paused"
		on applies
		[ "$rc" -eq 0 ] || fail "exit $rc: $(cat err.applies)"
		[ -z "$found" ] || break
	done
	[ -n "$found" ] || fail "it was never stopped while it applied"
	run -6 blk-get -e other
	healthy
}
