# blk-gc frees what nothing refers to.
# shellcheck disable=SC2154  # stderr is run's
load helper

setup() {
	blk_setup
	blk-init
}

files() {
	find store/segments store/log store/checkpoint -type f | sort
}

bytes() { # DIRECTORY: of all files below
	find "$1" -type f ! -name 'index-1.db*' -printf '%s\n' | paste -sd + | bc
}

@test "blk-gc of a store without garbage has nothing to free" {
	echo x | blk-put -N n >/dev/null
	files >before
	run -0 blk-gc
	[ "$output" = "nothing to free" ]
	files | cmp - before
	run -0 blk-gc -q
	[ -z "$output" ]
}

@test "blk-gc frees what was dropped, and leaves what was not" {
	random_file 3000000 gc-a a
	random_file 3000000 gc-b b
	blk-put -N a a >/dev/null
	blk-put -N b b >/dev/null
	blk-rm -q a
	run -0 blk-gc --max-unused 0
	[[ $output == *condemned*removed* ]] || fail "$output"
	[ "$(bytes store/segments)" -lt 3200000 ]
	blk-get b | cmp - b
	run -6 blk-get -e a
}

@test "put, rm, gc, put of the same bytes, gc: still there (R1)" {
	random_file 300000 gc a
	id=$(blk-put a)
	blk-rm -q "$id"
	blk-gc -q --max-unused 0
	[ "$(blk-put a)" = "$id" ]
	blk-gc -q --max-unused 0
	blk-get "$id" | cmp - a
	blk-rm -q "$id"
	[ "$(blk-put a)" = "$id" ]
	blk-gc -q --max-unused 0
	blk-gc -q --max-unused 0
	blk-get "$id" | cmp - a
}

@test "after deleting everything and collecting, a store is as an empty one" {
	random_file 5000000 gc big
	blk-put -N big big >/dev/null
	for i in $(seq 300); do printf '%s n%s\n%s\n' "${#i}" "$i" "$i"; done | blk-put --batch >/dev/null
	for i in $(seq 20); do echo "$i" | blk-put >/dev/null; done
	blk-ls --objects --format '%(class) %(id)' | sed -n 's/^content //p' >ids
	blk-ls --format '%(name)' | blk-rm -q -T -
	blk-rm -q -f -T ids 2>/dev/null || true
	blk-ls --log >/dev/null
	while read -r id; do blk-rm -q -f "$id"; done <ids
	run -0 blk-ls --objects --count
	[ "$output" = 0 ]
	blk-gc -q --max-unused 0
	blk-init -s empty
	[ "$(bytes store)" -lt "$(($(bytes empty) + 1048576))" ]
	[ "$(find store/segments -type f | wc -l)" -eq 0 ]
	run -0 blk-stat --health
}

@test "-n says what would be done, and does nothing" {
	random_file 3000000 gc a
	blk-put -N a a >/dev/null
	blk-rm -q a
	files >before
	run -0 blk-gc -n
	[[ $output == *"would be condemned"* ]] || fail "$output"
	files | cmp - before
	blk-gc -n --json | jq -e '.dry_run and .condemned_segments >= 1' >/dev/null
}

@test "-n says what the next run then does" {
	local key

	for i in $(seq 4); do random_file 300000 "gc-$i" "f$i"; done
	blk-put f1 f2 f3 >/dev/null
	blk-put f4 >/dev/null
	blk-rm -q "$(sha f1)" "$(sha f4)"
	blk-gc -n --json --max-unused 0 >said
	jq -e '.condemned_segments >= 2 and .copied_bytes > 500000' said
	blk-gc --json --max-unused 0 >did
	for key in expired condemned_segments condemned_bytes orphans copied_bytes; do
		[ "$(jq ".$key" said)" -eq "$(jq ".$key" did)" ] ||
			fail "$key" "$(cat said did)"
	done
}

@test "-n says what is stored for expired versions alone" {
	local freed

	random_file 300000 gc-1 f1
	random_file 300000 gc-2 f2
	blk-put -q -N stays f1 >/dev/null
	blk-put -q -N soon --expires 2s f1 >/dev/null
	blk-put -q -N soon --expires 2s f2 >/dev/null
	freed=$(blk-rm -n --json soon --all-versions | jq 'select(.type == "summary").freed_stored_bytes')
	[ "$freed" -gt 300000 ]
	sleep 2.1
	blk-gc -n --json --max-unused 0 >said
	jq -e --argjson freed "$freed" '.expired == 2 and .expired_bytes == $freed' said ||
		fail "$freed" "$(cat said)"
	run -0 blk-gc -n --max-unused 0
	[[ $output == "2 expired versions would be dropped, which frees 29"*" KiB more"* ]] ||
		fail "$output"
	[ "$(blk-gc --json --max-unused 0 | jq .expired)" -eq 2 ]
	[ "$(blk-gc --json --max-unused 0 | jq .expired)" -eq 0 ]
	blk-get stays | cmp - f1
}

@test "a partly dead segment is repacked when more than --max-unused is dead" {
	for i in $(seq 30); do random_file 100000 "gc-$i" "f$i"; done
	blk-put -v f* | awk '{ print $1 }' >ids
	# One segment with 30 objects; three of them go: 10 %.
	head -n 3 ids | blk-rm -q -T -
	run -0 blk-gc --max-unused 50
	[ "$output" = "nothing to free" ]
	run -0 blk-gc --max-unused 20%
	[ "$output" = "nothing to free" ]
	run -0 blk-gc --max-unused 5
	[[ $output == *"1 segment"*condemned* || $output == *"segments"*condemned* ]] || fail "$output"
	tail -n +4 ids | while read -r id; do blk-get "$id" | sha256sum; done | awk '{ print $1 }' | cmp - <(tail -n +4 ids)
	dead=$(blk-stat --json | jq 'select(.type == "summary").dead_bytes')
	[ "$dead" -lt 150000 ]
}

dead_bytes() {
	blk-stat --json | jq 'select(.type == "summary").dead_bytes'
}

@test "a frame of which hardly anything is dead is copied as it is, unless all shall go" {
	local i dead

	# Two frames of a segment: of the first 1 of 1000 KB goes, of the second
	# nearly all.
	blk-config set frame-size 1000K
	random_file 1000 gc-small 0small
	for i in $(seq 10 59); do random_file 20000 "gc-whole-$i" "f$i"; done
	for i in $(seq 60 99); do random_file 20000 "gc-gone-$i" "f$i"; done
	blk-put -v 0small f* | awk '{ print $1 }' >ids
	{ head -n 1 ids; tail -n 40 ids; } | blk-rm -q -T -
	run -0 blk-gc
	dead=$(dead_bytes)
	[ "$dead" -ge 1000 ] || fail "$dead bytes stayed"
	[ "$dead" -le 41000 ] || fail "$dead bytes stayed"
	sed -n 2,51p ids | while read -r id; do blk-get "$id" | sha256sum; done | awk '{ print $1 }' | cmp - <(sed -n 2,51p ids)
	run -0 blk-check --read-data
	# What is dead and still there may be put again.
	blk-put -q 0small >/dev/null
	run -0 blk-get -o got "$(head -n 1 ids)"
	cmp got 0small
	blk-rm -q "$(head -n 1 ids)"
	run -0 blk-gc --max-unused 0
	[ "$(dead_bytes)" -eq 0 ]
	run -0 blk-check --read-data
}

@test "several threads copy what lives, and lose none of it" {
	local i

	blk-config set segment-size 64K
	blk-config set frame-size 8K
	mkdir tree
	for i in $(seq 60); do
		random_file 20000 "gc-jobs-$i" "tree/f$i"
	done
	blk-backup create -q -N all tree >/dev/null
	rm tree/*[05]
	blk-backup create -q -N kept tree >/dev/null
	blk-rm -q all
	run -0 blk-gc --jobs 4 --max-unused 0 --json
	[ "$(jq .copied_objects <<<"$output")" -gt 40 ] || fail "$output"
	blk-backup restore -q kept -t to
	diff -r tree to
	blk-check -q --read-data
}

@test "gc.max-unused is the default" {
	for i in $(seq 10); do random_file 100000 "gc-$i" "f$i"; done
	first=$(blk-put f* | head -n 1)
	blk-rm -q "$first"
	blk-config set gc.max-unused 50
	run -0 blk-gc
	[ "$output" = "nothing to free" ]
	blk-config set gc.max-unused 5
	run -0 blk-gc
	[[ $output == *condemned* ]] || fail "$output"
}

@test "--max-repack-size bounds what is copied, and the next run goes on" {
	for i in 1 2 3; do
		for k in 1 2; do random_file 1500000 "gc-$i-$k" "f$i$k"; done
		blk-put "f${i}1" "f${i}2" >>ids
	done
	sed -n 'p;n' ids | blk-rm -q -T -
	blk-gc --json --max-unused 0 --max-repack-size 2M >got
	[ "$(jq .copied_bytes got)" -le 2097152 ]
	jq -e '.unfinished' got >/dev/null
	for _ in 1 2 3 4; do blk-gc -q --max-unused 0 --max-repack-size 2M; done
	[ "$(blk-stat --json | jq 'select(.type == "summary").dead_bytes')" -eq 0 ]
	sed -n 'n;p' ids | while read -r id; do blk-get "$id" | sha256sum; done | awk '{ print $1 }' | cmp - <(sed -n 'n;p' ids)
}

@test "20 versions pruned to 3 take 5 % more than a new store of these, at most" {
	mkdir tree
	random_file 3000000 versions noise
	split -a 2 -b 50000 noise tree/
	blk-init -s fresh
	for i in {1..20}; do
		# a tenth of it is new each time, and one file longer
		random_file 300000 "version $i" new
		split -a 1 -b 50000 new "tree/$((i % 7))"
		seq "$i" 3000 >>tree/aa
		blk-backup create -q -N tree tree >/dev/null
		[ "$i" -lt 18 ] || blk-backup create -q -s fresh -N tree tree >/dev/null
	done
	blk-backup prune -q --keep-last 3
	blk-gc -q
	[ $((100 * $(bytes store))) -le $((105 * $(bytes fresh))) ] ||
		fail "$(bytes store), not $(bytes fresh)"
	blk-backup restore -q tree -t out
	diff -r tree out
}

@test "many small segments become few, however many threads there are" {
	local before

	blk-config set segment-size 1M
	for i in $(seq 40); do echo "$i" | blk-put -N "n$i" >/dev/null; done
	before=$(blk-stat --json | jq 'select(.type == "summary").segments')
	[ "$before" -ge 40 ]
	blk-gc -q -j 32 --max-memory 1G
	[ "$(blk-stat --json | jq 'select(.type == "summary").segments')" -le 3 ] ||
		fail "$(blk-ls --segments -l)"
	for i in $(seq 40); do [ "$(blk-get "n$i")" = "$i" ]; done
	run -0 blk-gc -j 32 --max-memory 1G
	[ "$output" = "nothing to free" ]
	blk-check -q --read-data
}

@test "one large victim is moved by one of many jobs, into several segments" {
	random_file 5000000 gc-1 f1
	random_file 5000000 gc-2 f2
	blk-put f1 f2 >/dev/null
	blk-config set segment-size 1M
	blk-rm -q "$(sha f2)"
	blk-gc -q -j 8 --max-memory 1G --max-unused 0
	[ "$(blk-stat --json | jq 'select(.type == "summary").segments')" -ge 3 ] ||
		fail "$(blk-ls --segments -l)"
	blk-get "$(sha f1)" | cmp - f1
	blk-check -q --read-data
}

@test "frames all of which lives are copied as they are" {
	local plain stored

	seq 1000000 1300000 >lives
	random_file 300000 gc dead
	blk-put dead lives >/dev/null
	# What is packed anew from now on is not compressed.
	blk-config set compression none
	blk-rm -q "$(sha dead)"
	blk-gc --json --max-unused 0 >got
	plain=$(jq .copied_bytes got) stored=$(jq .written_bytes got)
	[ "$plain" -gt 2000000 ]
	[ "$stored" -lt $((plain * 3 / 4)) ] || fail "$(cat got)"
	blk-get "$(sha lives)" | cmp - lives
}

@test "what is read is proportional to the garbage, not to the store" {
	local stored

	blk-config set segment-size 1M
	for i in $(seq 60); do random_file 1000000 "gc-kept-$i" kept && blk-put -q kept; done >/dev/null
	random_file 800000 gc-gone gone
	blk-rm -q "$(blk-put gone)"
	stored=$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')
	blk-gc --json >got
	jq -e --argjson stored "$stored" '.condemned_segments >= 1 and
		.read_bytes + .written_bytes < $stored / 20' got || fail "$stored" "$(cat got)"
}

@test "a cache with --keep-last or --expires stays bounded by itself" {
	for i in $(seq 15); do
		random_file 400000 "gc-cache-$i" one
		blk-put -q -N cache --keep-last 2 one >/dev/null
		blk-gc -q
		[ "$(bytes store/segments)" -lt 1300000 ] || fail "$i: $(bytes store/segments)"
	done
	for i in $(seq 15); do
		random_file 400000 "gc-soon-$i" other
		blk-put -q -N soon --expires 1s other >/dev/null
	done
	sleep 1.1
	blk-gc -q
	blk-gc -q
	[ "$(bytes store/segments)" -lt 1300000 ] || fail "$(bytes store/segments)"
	[ "$(find store/log store/checkpoint -type f | wc -l)" -lt 10 ]
	blk-get cache | cmp - one
	blk-get cache@-1 >/dev/null
	run -6 blk-get -e soon
}

@test "--max-repack-size 0 frees what is wholly dead, and copies nothing" {
	random_file 300000 gc-a a
	random_file 300000 gc-b b
	random_file 300000 gc-c c
	blk-put a b >/dev/null
	blk-put c >/dev/null
	blk-rm -q "$(sha a)" "$(sha c)"
	blk-gc --max-unused 0 --max-repack-size 0 --json | tail -n 1 >out
	[ "$(jq .copied_bytes out)" -eq 0 ]
	[ "$(jq .condemned_segments out)" -ge 1 ]
	blk-get "$(sha b)" | cmp - b
}

@test "--max-memory bounds what one commit of a collection moves" {
	for i in 1 2 3; do
		seq 600 | awk -v i="$i" '{ s = i " " $1; print length(s) "\n" s }' |
			blk-put --batch >"ids$i"
		sed 1,300d "ids$i"
	done | blk-rm -q -T -
	cp -a store narrow
	summary() { jq -r 'select(.type == "summary") | [.condemned_segments, .checkpoint] | @tsv'; }
	read -r segments wide < <(blk-gc --max-unused 0 --json | summary)
	[ "$segments" -ge 3 ]
	read -r segments number < <(blk-gc -s narrow --max-unused 0 --max-memory 1M --json | summary)
	[ "$segments" -ge 3 ]
	[ "$number" -ge $((wide + 2)) ]
	blk-check -s narrow --read-data
	for i in 1 2 3; do
		[ "$(blk-get -s narrow "$(sed -n 300p "ids$i")")" = "$i 300" ]
	done
}

@test "a collection goes on with however little memory" {
	for i in 1 2 3; do seq "$i" 40000 | blk-put -N "n$i" >/dev/null; done
	blk-rm -q n1 n3
	run -0 timeout 60 blk-gc --max-unused 0 --max-memory 1
	[[ $output == *condemned* ]] || fail "$output"
	[ "$(blk-get n2 | sha256sum)" = "$(seq 2 40000 | sha256sum)" ]
	blk-check --read-data
}

@test "expired versions go with the next collection" {
	id=$(echo secret | blk-put -N n --expires 1s)
	echo stays | blk-put -N n >/dev/null
	sleep 1.2
	run -0 blk-gc --json
	[ "$(jq .expired <<<"$output")" = 1 ]
	run -6 blk-get -e "$id"
	run -0 blk-get n
	[ "$output" = stays ]
}

@test "the log is folded: checkpoints stay, commits below them go" {
	for i in $(seq 20); do echo "$i" | blk-put -N n >/dev/null; done
	blk-rm -q --keep-last 1 n
	blk-gc -q --max-unused 0
	blk-gc -q --max-unused 0
	[ "$(find store/checkpoint -type f | wc -l)" -le 2 ]
	[ "$(find store/log -type f | wc -l)" -le 4 ]
	run -0 blk-get n
	[ "$output" = 20 ]
	rm -f store/index-1.db*
	run -0 bash -c 'blk-get n 2>/dev/null'
	[ "$output" = 20 ]
	echo 21 | blk-put -N n >/dev/null
	run -0 blk-ls --format '%(index)' n
	[ "$output" = 21 ]
}

@test "a count that the index has lost is noticed before anything goes (R6)" {
	need sqlite3
	random_file 300000 gc-a a
	random_file 300000 gc-b b
	blk-put a b >/dev/null
	# A row whose check matches, from when the chunk was not counted.
	blk-rm -q "$(sha b)"
	sqlite3 store/index-1.db "ATTACH 'old.db' AS old; CREATE TABLE old.facts AS
		SELECT * FROM main.facts WHERE kind = 1 AND class = 0 LIMIT 1"
	blk-put b >/dev/null
	blk-rm -q "$(sha a)"
	sqlite3 store/index-1.db "ATTACH 'old.db' AS old;
		REPLACE INTO main.facts SELECT * FROM old.facts"
	files >before
	run -4 blk-gc --max-unused 0
	[[ $output == *rebuild-index* ]] || fail "$output"
	files | cmp - before
	blk-check --rebuild-index
	run -0 blk-gc --max-unused 0
	blk-get "$(sha b)" | cmp - b
}

@test "a version that the index has lost is not folded away (R6)" {
	need sqlite3
	echo kept | blk-put -N kept >/dev/null
	for i in $(seq 66); do printf '%s\n%s\ncommit\n' "${#i}" "$i"; done |
		blk-put --batch >/dev/null
	sqlite3 store/index-1.db "DELETE FROM versions WHERE name = 'kept'"
	run -4 blk-gc
	blk-check --rebuild-index
	run -0 blk-gc
	[[ $output == *checkpoint* ]] || fail "$output"
	blk-check --rebuild-index
	[ "$(blk-get kept)" = kept ]
}

@test "a collection looks at the garbage, not at the whole index" {
	need sqlite3
	random_file 300000 gc-a a
	random_file 300000 gc-b b
	blk-put a >/dev/null
	blk-put b >/dev/null
	blk-rm -q "$(sha a)"
	# Whoever looks at a chunk of b stops here.
	sqlite3 store/index-1.db "UPDATE facts SET chk = chk + 1
		WHERE kind > 0 AND segment = (SELECT max(segment) FROM facts)"
	run -0 blk-gc
	[[ $output == *condemned* ]] || fail "$output"
	run -4 blk-check
	blk-check --rebuild-index
	blk-get "$(sha b)" | cmp - b
}

@test "two collectors exclude each other: the second is exit 5" {
	need native
	random_file 30000000 gc big
	blk-put -N big big >/dev/null
	blk-rm -q big
	flock store/locks/collect sleep 3 3>&- &
	holder=$!
	sleep 0.3
	run -5 blk-gc --lock-wait 1s
	[[ $output == "blk-gc: "* ]] || fail "$output"
	wait "$holder"
	run -0 blk-gc -q
}

@test "a collector that is killed is no harm, and the next run goes on" {
	for i in $(seq 6); do random_file 2000000 "gc-$i" "f$i"; done
	blk-put f1 f2 f3 f4 f5 f6 >ids
	sed -n '1p;3p;5p' ids | blk-rm -q -T -
	for delay in 0.005 0.01 0.02 0.04; do
		timeout -s KILL "$delay" blk-gc -q --max-unused 0 2>/dev/null || true
	done
	sed -n '2p;4p;6p' ids | while read -r id; do blk-get "$id" | sha256sum; done | awk '{ print $1 }' | cmp - <(sed -n '2p;4p;6p' ids)
	blk-gc -q --max-unused 0
	blk-gc -q --max-unused 0
	[ "$(bytes store/segments)" -lt 6300000 ]
	run -0 blk-check -q
}

@test "an index a quarter of which is free gives the room back" {
	local full

	for i in $(seq 4000); do printf '%s %d\n' "object $i" "$i" >"f$i"; done
	blk-put f* >ids
	blk-gc -q
	full=$(blk-stat --engine --json | jq .index_bytes)
	blk-rm -q -T ids
	blk-gc -q --max-unused 0
	blk-gc -q --max-unused 0
	[ "$(blk-stat --engine --json | jq .index_bytes)" -lt $((full / 2)) ] ||
		fail "$full, then $(blk-stat --engine --json)"
	blk-check -q
}

@test "writers and readers go on while it collects" {
	random_file 2000000 gc keep
	id=$(blk-put -N keep keep)
	for i in $(seq 8); do
		random_file 500000 "gc-$i" "f$i"
		blk-put -N "n$i" "f$i" >/dev/null
		blk-rm -q "n$i" 
		blk-gc -q --max-unused 0 3>&- &
		pid=$!
		blk-get keep | cmp - keep
		random_file 100000 "gc-new-$i" new
		got=$(blk-put new)
		blk-get "$got" | cmp - new
		wait "$pid"
	done
	[ "$(blk-put keep)" = "$id" ]
}

@test "--json sums up what was done" {
	random_file 300000 gc a
	blk-put -N a a >/dev/null
	blk-rm -q a
	blk-gc --json >got
	[ "$(wc -l <got)" -eq 1 ]
	jq -e '.type == "summary" and (.dry_run | not) and .condemned_segments >= 1 and
		.removed_files >= 1 and .checkpoint > 0' got >/dev/null
}

@test "-v names the phases" {
	random_file 300000 gc a
	blk-put -N a a >/dev/null
	blk-rm -q a
	run -0 --separate-stderr blk-gc -v
	for phase in expire list repack fold remove; do
		[[ $stderr == *"blk-gc: $phase"* ]] || fail "$phase: $stderr"
	done
}

@test "a clock that is far off expires nothing, unless it is forced" {
	need faketime
	need plain
	echo x | blk-put -N n --expires 1h >/dev/null
	run -0 faketime '+400 days' blk-gc
	[[ $output == *"nothing expired"* ]] || fail "$output"
	run -0 blk-get n
	run -0 faketime '+400 days' blk-gc --force-clock --json
	[ "$(jq .expired <<<"$output")" = 1 ]
}

# Run what is on stdin in a file system of 32 MiB below mnt.
in_small_disk() {
	mkdir -p mnt
	unshare -m bash -e -c 'mount -t tmpfs -o size=32m none mnt; . /dev/stdin'
}

@test "on a full disk blk-rm and blk-gc spend the reserve, and make it again" {
	need tmpfs
	random_file 6000000 gc big
	in_small_disk <<-'EOF'
		export BLK_STORE=$PWD/mnt/store
		blk-init
		blk-put -N big big >/dev/null
		echo x | blk-put -N small >/dev/null
		cat /dev/zero >mnt/filler 2>/dev/null || true
		! echo y | blk-put -N other >/dev/null 2>err
		grep -q 'No space left' err
		blk-rm big 2>err
		grep -q 'reserve is spent' err
		[ ! -e mnt/store/reserve ]
		blk-gc -q --max-unused 0
		[ "$(blk-get small)" = x ]
		! blk-get -e big
		rm mnt/filler
		blk-gc -q --max-unused 0
		[ "$(du -B 1 mnt/store/reserve | cut -f 1)" -ge 8388608 ]
		blk-put -N big big >/dev/null
		blk-rm -q big
		cat /dev/zero >mnt/filler 2>/dev/null || true
		blk-gc --max-unused 0 >out 2>err
		grep -q 'reserve is spent' err
		[ "$(find mnt/store/segments -type f -size +1000k | wc -l)" -eq 0 ]
		[ "$(blk-get small)" = x ]
	EOF
}

@test "on a full disk what is condemned goes first, and spares the reserve" {
	need tmpfs
	random_file 6000000 gc big
	in_small_disk <<-'EOF'
		export BLK_STORE=$PWD/mnt/store
		blk-init
		blk-put -N big big >/dev/null
		blk-rm -q big
		: >mnt/store/sessions/00000000000040008000000000000000.0
		flock mnt/store/sessions/*.0 sh -c 'blk-gc -q --max-unused 0'
		# one segment, or one from each of two workers
		[ "$(find mnt/store/segments -type f -size +1000k | wc -l)" -ge 1 ]
		rm -f mnt/store/sessions/*.0
		blk-put -N kept big >/dev/null
		blk-rm -q kept
		cat /dev/zero >mnt/filler 2>/dev/null || true
		blk-gc --max-unused 0 >out 2>err
		[ ! -s err ]
		grep -q removed out
		[ -e mnt/store/reserve ]
		[ "$(find mnt/store/segments -type f -size +1000k | wc -l)" -eq 0 ]
	EOF
}

@test "bad options are usage errors" {
	run -2 blk-gc --max-unused 101
	run -2 blk-gc --max-unused x
	run -2 blk-gc --max-unused -1
	run -2 blk-gc --max-time 0s
	run -2 blk-gc --max-time soon
	run -2 blk-gc --max-repack-size huge
	[[ $output == *": --max-repack-size: 'huge'"* ]] || fail "$output"
	run -2 blk-gc operand
	run -6 blk-gc -s "$PWD/none"
}

@test "a report that cannot be written is exit 1" {
	run -1 bash -c 'blk-gc >/dev/full'
}

@test "the examples of blk-gc run" {
	for n in 1 2 3; do seq $n 100000 | blk-put -N numbers; done
	blk-rm -q numbers@1 numbers@2
	run -0 blk-gc -n
	run -0 blk-gc --max-unused 0
	run -0 blk-gc -q --max-time 1h
	seq 3 100000 | cmp - <(blk-get numbers)
}
