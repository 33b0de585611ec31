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
	[[ $output == "damage: 1 object was found damaged: blk-check --repair" ]] ||
		fail "$output"
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

# human BYTES: as a table has them.
human() {
	awk -v n="$1" 'BEGIN {
		if (n < 1024) { printf "%d B\n", n; exit }
		split("KiB MiB GiB", unit, " ")
		for (i = 1; n / 1024 >= 1024; i++) n /= 1024
		printf "%.1f %s\n", n / 1024, unit[i]
	}'
}

# chunks FILE...: "length id" of each chunk of files with more than one, once.
chunks() {
	local file

	for file in "$@"; do
		blk-dedup --chunks "$file" | awk '{ line[NR] = $2 " " $3 }
			END { if (NR > 1) for (i = 1; i <= NR; i++) print line[i] }'
	done | sort -u
}

# sum: of the first column.
sum() { awk '{ n += $1 } END { printf "%d\n", n }'; }

# list_bytes FILE: what the list of its chunks takes, "d ID LENGTH" a line.
list_bytes() { blk-dedup --chunks "$1" | awk '{ n += length($2) + 68 } END { print n }'; }

# Somebody has been reading since commit 0, so that what is condemned waits.
reader() {
	local name=store/sessions/00000000000040008000000000000000.0

	: >"$name"
	flock -F "$name" sleep 600 3>&- &
	reading=$!
	until ! flock -n "$name" true; do sleep 0.05; done
}

reader_ends() {
	kill "$reading"
	wait "$reading" || true
	rm -f store/sessions/*.0
}

# size_of_version REF: of its record.
size_of_version() {
	blk-ls --objects --format '%(id) %(size)' |
		sed -n "s/^$(blk-ls --json "$1" | jq -r 'select(.type == "version").version') //p"
}

# A store of a, and of b, which begins with other bytes and goes on as a.
store_of_two() {
	rm -rf store
	blk-init --compression none
	random_file 300000 stat a
	{ random_file 50000 stat-more more && cat more a; } >b
	blk-put -q -N a a >/dev/null
	blk-put -q -N b b >/dev/null
}

# All figures that there are, each worked out from files, not from the index.
@test "every figure of a store is right, in JSON and in text" {
	local data lists versions live stored segments newest oldest text

	store_of_two
	echo x | blk-put -q -N n >/dev/null
	echo y | blk-put -q -N n >/dev/null
	newest=$(echo z | blk-put -q)
	data=$(($(chunks a b | sum) + 6)) lists=$(($(list_bytes a) + $(list_bytes b)))
	versions=$(blk-ls --objects --format '%(size) %(class)' | grep version | sum)
	live=$((data + lists + versions))
	# Each of the commits carries its version; nothing was collected yet.
	find store/segments store/log -type f -printf '%s %p\n' >all
	grep -v 'log/.*/00000000000[01]$' all >carrying
	segments=$(wc -l <carrying)
	stored=$(sum <carrying)
	oldest=$(blk-ls --json a | jq -r 'select(.type == "version").time')
	newest=$(blk-ls --json "$newest" | jq -r 'select(.type == "version").time')

	blk-stat --json -v >got
	jq -s -e --argjson chunks "$(chunks a b | wc -l)" --argjson live "$live" \
		--argjson segments "$segments" --argjson stored "$stored" \
		--argjson files "$(wc -l <all)" --argjson bytes "$(sum <all)" \
		--argjson index "$(stat -c %s store/index-1.db store/index-1.db-wal | sum)" \
		--arg oldest "$oldest" --arg day "$(date -u +%Y-%m-%d)" '
		.[-1].type == "summary" and (.[-1] |
		.objects == 5 and .chunks == $chunks and .names == 3 and .versions == 5 and
		.oldest == $oldest and .newest > .oldest and .commits == 7 and
		.segments == $segments and .live_bytes == $live and .dead_bytes == 0 and
		.stored_bytes == $stored and .condemned_files == 0 and
		.condemned_bytes == 0 and .files == $files and .file_bytes == $bytes and
		.version_bytes == 650006 and
		(.deduplication_ratio * $live - 650006 | fabs) < 1 and
		(.compression_ratio * $stored - $live | fabs) < 1 and
		.oldest_unverified == $oldest and .index_bytes == $index) and
		([.[] | select(.type == "day")] == [{ "type": "day", "day": $day,
			"added_bytes": $stored, "added_versions": 5 }])' got >/dev/null ||
		fail "$(cat got)" "live $live, segments $segments of $stored, $(cat all)"

	blk-stat -v >text
	for text in 'objects 5' "chunks $(chunks a b | wc -l)" 'names 3' 'versions 5' \
		"oldest version $(date -d "$oldest" '+%F %T')" \
		"newest version $(date -d "$newest" '+%F %T')" 'commits 7' \
		"segments $segments" "live $(human "$live")" 'dead 0 B' \
		"stored $(human "$stored")" 'condemned 0' 'condemned bytes 0 B' \
		"files $(wc -l <all)" "bytes of files $(human "$(sum <all)")" \
		"bytes of all versions $(human 650006)" \
		"deduplication $(echo "$live" | awk '{ printf "%.2f", 650006 / $1 }')" \
		"compression $(echo "$live $stored" | awk '{ printf "%.2f", $1 / $2 }')" \
		"oldest unverified $(date -d "$oldest" '+%F %T')" \
		"index $(human "$(stat -c %s store/index-1.db store/index-1.db-wal | sum)")" \
		"added $(date -u +%F) $(human "$stored"), 5 versions"; do
		sed 's/   */ /g' text | grep -qxF "$text" || fail "$text" "$(cat text)"
	done
}

@test "dead and condemned bytes, and the collection, are told as they are" {
	local gone live name

	rm -rf store
	blk-init --compression none
	random_file 3000000 stat a
	random_file 200000 stat-b b
	# In one segment, of which little will have to be copied.
	for name in a b; do
		printf '%s %s\n' "$(stat -c %s $name)" $name
		cat $name
		echo
	done | blk-put --batch >/dev/null
	live=$(total live_bytes)
	gone=$(($(chunks a | sum) + $(list_bytes a) + $(size_of_version a)))
	blk-rm -q a
	[ "$(total live_bytes)" -eq $((live - gone)) ]
	[ "$(total dead_bytes)" -eq "$gone" ]
	reader
	blk-gc -q --max-unused 0
	[ "$(total dead_bytes)" -eq 0 ]
	blk-ls --segments --format '%(size) %(state)' | grep -v ' live$' >waits
	[ "$(wc -l <waits)" -ge 2 ]
	[ "$(total condemned_files)" -eq "$(wc -l <waits)" ]
	[ "$(total condemned_bytes)" -eq "$(sum <waits)" ]
	run -0 blk-stat
	grep -qxE "condemned +$(wc -l <waits)" <<<"$output"
	grep -qxE "condemned bytes +$(human "$(sum <waits)")" <<<"$output"
	reader_ends
	blk-gc -q --max-unused 0
	blk-gc -q --max-unused 0
	[ "$(total condemned_files)" -eq 0 ]
	[ "$(total condemned_bytes)" -eq 0 ]
	# What it did stands in the store.
	blk-stat --json | jq -s -e --argjson n "$(wc -l <waits)" --argjson bytes "$(sum <waits)" \
		--argjson copied $((live - gone)) '
		[.[] | select(.type == "collection")][0] | .condemned_segments == $n and
		.condemned_bytes == $bytes and .read_bytes > 0 and .written_bytes > 0 and
		.copied_bytes == $copied and .expired == 0 and .milliseconds >= 0 and
		(.time | length) > 0 and .commit > 0' >/dev/null || fail "$(blk-stat --json)"
}

@test "every figure of a REF is right, in JSON and in text" {
	local unique_a unique_b shared sa sb live

	store_of_two
	chunks a >in-a
	chunks b >in-b
	unique_a=$(comm -23 in-a in-b | sum)
	unique_b=$(comm -13 in-a in-b | sum)
	shared=$(comm -12 in-a in-b | sum)
	[ "$shared" -gt 200000 ]
	sa=$(($(list_bytes a) + $(size_of_version a)))
	sb=$(($(list_bytes b) + $(size_of_version b)))

	blk-stat --json a b >got
	jq -s -e --argjson ua "$unique_a" --argjson ub "$unique_b" \
		--argjson shared "$shared" --argjson sa "$sa" --argjson sb "$sb" \
		--arg a "$(sha a)" '
		(.[0] | .ref == "a" and .id == $a and .class == "content" and
			.size == 300000 and .unique == $ua and .shared == $shared and
			.structure == $sa and .stored == $ua + $shared + $sa and
			.freed == $ua + $sa and .freed_stored == $ua + $sa) and
		(.[1] | .ref == "b" and .size == 350000 and .unique == $ub and
			.shared == $shared and .structure == $sb and
			.stored == $ub + $shared + $sb and .freed == $ub + $sb) and
		(.[2] | .together and .size == 650000 and
			.unique == $ua + $ub + $shared and .shared == 0 and
			.structure == $sa + $sb and
			.freed == $ua + $ub + $shared + $sa + $sb and
			.stored == .freed and .freed_stored == .freed)' got >/dev/null ||
		fail "$(cat got)" "$unique_a $unique_b $shared $sa $sb"

	blk-stat a b | sed 's/   */ /g; s/^ *//' >text
	grep -qxF "SIZE UNIQUE SHARED STORED FREED REF" text
	grep -qxF "$(human 300000) $(human "$unique_a") $(human "$shared") $(human \
		$((unique_a + shared + sa))) $(human $((unique_a + sa))) a" text
	grep -qxF "$(human 650000) $(human $((unique_a + unique_b + shared))) 0 B $(human \
		$((unique_a + unique_b + shared + sa + sb))) $(human \
		$((unique_a + unique_b + shared + sa + sb))) (together)" text

	# It is what blk-rm says, and what then goes.
	[ "$(blk-rm -n --json a | jq 'select(.type == "summary").freed_bytes')" -eq \
		$((unique_a + sa)) ]
	live=$(total live_bytes)
	blk-rm -q a
	[ "$(total live_bytes)" -eq $((live - unique_a - sa)) ]
}

@test "what a REF costs, and what a store holds, is told without reading data" {
	mkdir tree
	random_file 300000 stat tree/a
	random_file 200000 stat-b tree/b
	blk-backup create -q -N tree tree >/dev/null
	{ blk-stat --json tree tree:a && blk-stat --json && blk-rm -n --json tree; } >before
	find store/segments -type f >files
	[ -s files ]
	while read -r file; do # all that is no table
		chmod u+w "$file"
		head -c 400000 /dev/zero | dd of="$file" bs=1 seek=200 conv=notrunc status=none
	done <files
	{ blk-stat --json tree tree:a && blk-stat --json && blk-rm -n --json tree; } | cmp - before
	run -4 blk-check --read-data
}

@test "--prometheus tells the same figures as --json" {
	local key name

	random_file 300000 stat a
	blk-put -q -N a a >/dev/null
	echo x | blk-put -q -N b >/dev/null
	blk-rm -q a
	blk-stat --prometheus | sed -n 's/^blk_\([a-z_]*\){.*} /\1 /p' >metrics
	blk-stat --json -v | tail -n 1 >summary
	for key in objects chunks names versions version_bytes commits segments \
		live_bytes dead_bytes stored_bytes condemned_bytes files file_bytes \
		index_bytes; do
		grep -qxF "$key $(jq ".$key" summary)" metrics ||
			fail "$key: $(cat metrics summary)"
	done
	grep -qxF 'lost_objects 0' metrics
	grep -qxF 'damaged_objects 0' metrics
	[ "$(sed -n 's/^free_bytes //p' metrics | awk '{ print ($1 > 0) }')" -eq 1 ]
	name=$(sed -n 's/^newest_version_time_seconds \([0-9]*\).*/\1/p' metrics)
	[ $(($(date +%s) - name)) -lt 60 ]
	blk-gc -q
	name=$(blk-stat --prometheus |
		sed -n 's/^blk_last_collection_time_seconds.* \([0-9]*\)\..*/\1/p')
	[ $(($(date +%s) - name)) -lt 60 ]
}

@test "--health tells of what is lost, of files that wait, and of a clock that is wrong" {
	local file

	random_file 300000 stat a
	blk-put -q -N a a >/dev/null
	file=$(find store/segments -type f)
	chmod u+w "$file"
	printf XXXX | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
	run -4 blk-check --repair --read-data
	run -1 blk-stat --health
	[[ $output == *"lost: 1 object is lost: 'blk-check' says what needs it"* ]] ||
		fail "$output"
	rm -rf store
	blk-init

	random_file 70000000 stat a
	blk-put -q -N a a >/dev/null
	blk-rm -q a
	reader
	blk-gc -q
	run -1 blk-stat --health
	[[ $output == 'condemned: 6'*' MiB wait to be removed: blk-gc' ]] || fail "$output"
	reader_ends
	blk-gc -q
	run -0 blk-stat --health

	need faketime
	need plain
	echo later | faketime '+2 hours' blk-put -q >/dev/null
	run -1 blk-stat --health
	[[ $output == 'clock: the last commit was made at '* ]] || fail "$output"
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
