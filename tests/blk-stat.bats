# blk-stat says what is in a store and what it costs.
load helper

setup() {
	blk_setup
	blk-init
}

total() { # KEY
	blk-stat --json | jq -r "select(.type == \"summary\").$1"
}

cost() { # REF KEY
	blk-stat --json "$1" | jq -r "select(.type == \"usage\").$2"
}

@test "an empty store has nothing in it" {
	run -0 blk-stat
	[[ ${lines[0]} =~ ^objects\ +0$ ]] || fail "$output"
	[ "$(total 'live_bytes')" = 0 ]
	[ "$(total 'oldest')" = null ]
}

@test "totals count objects, chunks, names and versions" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	echo x | blk-put -N n >/dev/null
	echo y | blk-put -N n >/dev/null
	echo z | blk-put >/dev/null
	[ "$(total 'objects')" = 4 ]
	[ "$(total 'chunks')" = "$(blk-ls --chunks big | wc -l)" ]
	[ "$(total 'names')" = 2 ]
	[ "$(total 'versions')" = 4 ]
	[ "$(total 'commits')" = 5 ]
	[ "$(total 'version_bytes')" = 300006 ]
	[ "$(total 'dead_bytes')" = 0 ]
}

@test "live bytes are what objects and structure take, plain" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	sum=$(blk-ls --objects --format '%(class) %(size)' |
		awk '$1 == "data" { n += $2 } $1 == "version" { n += $2 } END { print n }')
	list=$(blk-stat --json big | jq 'select(.type == "usage") | .structure')
	version=$(blk-ls --objects --format '%(class) %(size)' | sed -n 's/version //p')
	[ "$(total 'live_bytes')" -eq $((sum + list - version)) ]
}

@test "dead bytes are there until a collection" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	live=$(total 'live_bytes')
	blk-rm -q big
	[ "$(total 'live_bytes')" = 0 ]
	[ "$(total 'dead_bytes')" = "$live" ]
	blk-gc -q --max-unused 0
	[ "$(total 'dead_bytes')" = 0 ]
	[ "$(total 'condemned_files')" = 0 ]
}

@test "files and their bytes are those of segments, commits and checkpoints" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	blk-gc -q
	files=$(find store/segments store/log store/checkpoint -type f | wc -l)
	bytes=$(find store/segments store/log store/checkpoint -type f -printf '%s\n' | paste -sd + | bc)
	[ "$(total 'files')" -eq "$files" ]
	[ "$(total 'file_bytes')" -eq "$bytes" ]
}

@test "growth by day survives collections and a new index" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	echo x | blk-put -N n >/dev/null
	day() { blk-stat --json 2>/dev/null | jq -c 'select(.type == "day")'; }
	before=$(day)
	[ "$(jq -r .added_versions <<<"$before")" = 2 ]
	[ "$(jq -r .day <<<"$before")" = "$(date -u +%Y-%m-%d)" ]
	[ "$(jq .added_bytes <<<"$before")" -gt 300000 ]
	blk-rm -q n
	blk-gc -q --max-unused 0
	[ "$(day)" = "$before" ]
	blk-gc -q --max-unused 0
	rm -f store/index-1.db*
	[ "$(day)" = "$before" ]
	echo y | blk-put -N n >/dev/null
	[ "$(day | jq -r .added_versions)" = 3 ]
}

@test "the last collections are told" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	blk-rm -q big
	blk-gc -q
	run -0 blk-stat
	[[ $output == *"collected "*"segment"* ]] || fail "$output"
	blk-stat --json | jq -s -e 'map(select(.type == "collection")) | length == 1 and
		.[0].condemned_segments >= 1 and .[0].condemned_bytes > 300000' >/dev/null
}

@test "the oldest segment whose data was never read is told until all was read" {
	local first later

	run -0 blk-stat
	[[ $output != *"oldest unverified"* ]] || fail "$output"
	echo one | blk-put >/dev/null
	first=$(blk-stat --json | jq -r 'select(.type == "summary").oldest_unverified')
	[ "$(date -d "$first" +%s)" -le "$(date +%s)" ]
	echo two | blk-put >/dev/null
	[ "$(blk-stat --json | jq -r 'select(.type == "summary").oldest_unverified')" = "$first" ]
	blk-check -q --read-data
	run -0 blk-stat
	[[ $output != *"oldest unverified"* ]] || fail "$output"
	echo three | blk-put >/dev/null
	later=$(blk-stat --json | jq -r 'select(.type == "summary").oldest_unverified')
	[[ $later > $first ]] || fail "$first $later"
	run -0 blk-stat
	[[ $output == *"oldest unverified"* ]] || fail "$output"
}

@test "of a REF: size, unique, shared and what would be freed" {
	random_file 300000 stat a
	{ random_file 50000 stat-more more && cat a more; } >b
	blk-put -N a a >/dev/null
	blk-put -N b b >/dev/null
	[ "$(cost a size)" = 300000 ]
	[ "$(cost b size)" = 350000 ]
	[ $(($(cost a unique) + $(cost a shared))) -eq 300000 ]
	[ "$(cost a shared)" -eq "$(cost b shared)" ]
	[ "$(cost a unique)" -lt 70000 ]
	[ "$(cost b unique)" -ge 50000 ]
	for ref in a b; do
		[ "$(cost $ref freed)" -eq "$(blk-rm -n --json $ref | jq 'select(.type == "summary").freed_bytes')" ]
	done
	# Alone, all of it would go.
	blk-rm -q a
	[ "$(cost b shared)" = 0 ]
	[ "$(cost b unique)" = 350000 ]
}

@test "what is stored is what the segments take, but for headers and tables" {
	seq 100000 | blk-put -N numbers >/dev/null
	stored=$(cost numbers stored)
	total=$(total 'stored_bytes')
	[ "$stored" -le "$total" ]
	[ "$stored" -gt $((total * 9 / 10 - 2000)) ]
	[ "$(cost numbers freed_stored)" -eq "$stored" ]
}

@test "several REFs are told together too" {
	random_file 300000 stat big
	blk-put -N a big >/dev/null
	blk-put -N b big >/dev/null
	blk-stat --json a b >got
	[ "$(jq 'select(.ref == "a").unique' got)" = 0 ]
	[ "$(jq 'select(.together == true).unique' got)" = 300000 ]
	run -0 blk-stat a b
	[[ $output == *"(together)"* ]] || fail "$output"
	# The same twice is dropped once.
	blk-stat --json a a >got
	[ "$(jq 'select(.together == true).unique' got)" = 0 ]
}

@test "an id, a chunk's object and an unnamed object have a cost" {
	id=$(echo x | blk-put)
	[ "$(cost "$id" unique)" = 2 ]
	named=$(echo y | blk-put -N n)
	[ "$(cost "$named" unique)" = 2 ]
	[ "$(cost n@1 unique)" = 2 ]
}

@test "a REF that does not exist is exit 6, and 3 among others" {
	echo x | blk-put -N n >/dev/null
	run -6 blk-stat nope
	[ "$output" = "blk-stat: nope: no such name or object" ]
	run -3 blk-stat n nope
	run -6 blk-stat nope nor-this
	run -2 blk-stat 'n@'
	run -6 blk-stat -s "$PWD/none"
}

@test "--engine says what the engine is" {
	run -0 blk-stat --engine
	[[ $output == *"engine"*"file"*"chunk sizes"*"4096:16384:65536"* ]] || fail "$output"
	blk-stat --engine --json | jq -e '.engine == "file" and .reserve and
		.index_bytes > 0 and .kernel_locks' >/dev/null
}

@test "--health of a healthy store is silent, exit 0" {
	echo x | blk-put -N n >/dev/null
	run -0 blk-stat --health
	[ -z "$output" ]
}

@test "--health tells of damage that was noted" {
	random_file 300000 stat big
	blk-put -N big big >/dev/null
	file=$(find store/segments -type f | head -n 1)
	chmod u+w "$file"
	printf XXXX | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
	run -0 blk-stat --health
	run -4 bash -c 'blk-get big >/dev/null'
	run -1 blk-stat --health
	[[ $output == "damage: "* ]] || fail "$output"
	run -1 blk-stat --health --json
	[[ $output == *'"kind":"damage"'*'"problems":1'* ]] || fail "$output"
}

@test "--health tells that the reserve is spent, and blk-gc makes it again" {
	rm store/reserve
	run -1 blk-stat --health
	[[ $output == "reserve: "* ]] || fail "$output"
	run -0 blk-gc
	[ "$(du -B 1 store/reserve | cut -f 1)" -ge 8388608 ]
	run -0 blk-stat --health
}

@test "--health tells that a collection is due" {
	random_file 80000000 stat big
	blk-put -N big big >/dev/null
	run -0 blk-stat --health
	blk-rm -q big
	run -1 blk-stat --health
	[[ $output == "collect: a collection is due: "*"100%"* ]] || fail "$output"
	blk-gc -q
	run -0 blk-stat --health
}

@test "--prometheus prints each metric with its type" {
	echo x | blk-put -N n >/dev/null
	run -0 blk-stat --prometheus
	[[ $output == *"# TYPE blk_versions gauge"*"blk_versions{store=\"$PWD/store\"} 1"* ]] || fail "$output"
	# A line is a comment, or a name, a label and a number.
	run -1 grep -Ev '^(# (HELP|TYPE) blk_[a-z_]+ .+|blk_[a-z_]+\{store="[^"]*"\} [0-9.e+]+)$' <<<"$output"
	run -2 blk-stat --prometheus --json
}

@test "what does not fit together is a usage error" {
	run -2 blk-stat --engine --health
	run -2 blk-stat --health n
	run -2 blk-stat --nonsense
}

@test "totals that cannot be written are exit 1" {
	run -1 bash -c 'blk-stat >/dev/full'
	run -1 bash -c 'blk-stat --prometheus >/dev/full'
}

@test "the examples of blk-stat run" {
	seq 100000 | blk-put -N numbers
	seq 110000 | blk-put -N numbers
	run -0 blk-stat
	run -0 blk-stat numbers numbers@1
	[ "${#lines[@]}" -eq 4 ]
	run -0 blk-stat --health
	blk-stat --prometheus >blk.prom
	[ -s blk.prom ]
}
