load helper

setup() {
	blk_setup
	blk-init
	mkdir data
	for i in {1..20}; do seq "$i" $((i * 900)) >"data/$i"; done
	cp data/20 data/again
}

# field FILE KEY: of the first JSON object of a line that has it.
field() { jq -r "select(.$2 != null) | .$2" "$1" | head -n 1; }

@test "blk-dedup --chunks prints chunks that make up the file" {
	head -c 300000 /dev/urandom >in
	blk-dedup --chunks in >chunks
	[ "$(awk '{ n += $2 } END { print n }' chunks)" = 300000 ]
	while read -r offset length id; do
		found=$(tail -c +$((offset + 1)) in | head -c "$length" | sha256sum)
		[ "${found%% *}" = "$id" ]
	done <chunks
}

@test "blk-dedup --chunks cuts as the store does" {
	head -c 300000 /dev/urandom >in
	blk-dedup --chunks in | cut -d ' ' -f 3 >made
	id=$(blk-put in)
	blk-ls --chunks "$id" --format '%(id)' >stored
	cmp made stored
}

@test "blk-dedup --chunks goes on after a file that cannot be read" {
	echo x >in
	run -3 --separate-stderr blk-dedup --chunks absent in
	[[ $output == *' 2 '* ]] || fail "$output"
	[[ ${stderr-} == *absent* ]] || fail "$output"
}

@test "blk-dedup --chunks ends at once when it is told to" {
	local begin pid code=0

	mkfifo fifo
	blk-dedup --chunks - >out 2>err <fifo 3>&- &
	pid=$!
	yes >fifo 2>/dev/null 3>&- &
	until [ -s out ]; do sleep 0.1; done
	begin=$(date +%s%N)
	kill -TERM "$pid"
	wait "$pid" || code=$?
	[ "$code" -eq 143 ]
	[ $((($(date +%s%N) - begin) / 1000000)) -lt 1500 ]
}

# within PERCENT SAID REAL
within() {
	[ $(($2 * 100)) -le $(($3 * (100 + $1))) ] &&
		[ $(($2 * 100)) -ge $(($3 * (100 - $1))) ] || fail "$2, not $3"
}

# What a new store of these sizes takes for data: bytes, segments, data bytes.
real() { # MIN:AVG:MAX
	rm -rf real
	BLK_STORE=$PWD/real blk-init --chunk-size "$1"
	BLK_STORE=$PWD/real blk-backup create -q -j 1 -N data data >/dev/null
	find real/segments real/log -type f -printf '%s\n' |
		awk '{ n += $1 } END { printf "%s ", n }'
	find real/segments -type f | wc -l
	BLK_STORE=$PWD/real blk-dedup --json |
		jq 'select(.what == "each chunk once").bytes'
}

@test "an estimate of what is not there is exit 3, however much else there is" {
	echo a >there
	for what in no-such 'no-such there'; do
		# shellcheck disable=SC2086 # words
		run -3 --separate-stderr blk-dedup --estimate $what
		[[ $stderr == blk-dedup:*no-such:*'No such file'* ]] || fail "$stderr"
	done
}

@test "estimates are within 2 % of what a store then takes, at any chunk size" {
	local bytes segments data

	head -c 3000000 /dev/urandom >data/random
	mkdir data/sub
	for i in {1..300}; do seq "$i" $((i + 3000)) >"data/sub/$i"; done
	for sizes in 4096:16384:65536 1K:4K:16K 64K:256K:1M; do
		blk-dedup --json -j 1 --estimate --chunk-size "$sizes" data >estimate
		read -r -d '' bytes segments data < <(real "$sizes") || true
		within 2 "$(field estimate stored_bytes)" "$bytes"
		within 0 "$(field estimate unique_bytes)" "$data"
		[ "$(field estimate segments)" -eq "$segments" ] ||
			fail "$(field estimate segments), not $segments"
	done
}

# about PERCENT BYTES SAID REAL: so many bytes more or less are no matter.
about() {
	local off=$(($3 > $4 ? $3 - $4 : $4 - $3))

	[ "$off" -le $(($4 * $1 / 100 + $2)) ] || fail "$5: $3, not $4"
}

# Trees of several shapes; the seeds make each run the same.
shapes() {
	local i d

	mkdir sources
	"$BUILD/tests/bench/corpus" tree sources 1000 7
	for d in {1..30}; do
		mkdir -p "deep/$((d % 5))/$d"
		for i in {1..100}; do echo "$d $i" >"deep/$((d % 5))/$d/$i"; done
		seq "$d" 20000 >"deep/$((d % 5))/long$d"
	done
	mkdir -p large/sub flat few wide
	seq -f 'wide/%0200.0f' 6000 | xargs touch # more than one piece holds
	for i in 1 2; do
		"$BUILD/tests/bench/corpus" noise 9000000 "$i" >"large/noise$i"
		"$BUILD/tests/bench/corpus" text 6000000 "$i" >"large/sub/text$i"
	done
	for i in {1..2500}; do echo "$i" >"flat/$i"; done
	for i in {1..12}; do seq "$i" 200 >"few/$i"; done
}

# Which page of an index is cut in two is up to chance, and so is which of several
# threads takes which directory: that makes a few pages, and a few frames.
@test "an estimate is what a store then takes, whatever the tree and the threads" {
	local tree jobs pages bytes

	need sqlite3
	shapes
	for tree in sources deep large flat few wide; do
		for jobs in 1 3; do
			rm -rf "$BLK_STORE"
			blk-init
			blk-backup create -q -j "$jobs" -N tree "$tree" >/dev/null
			pages=$(sqlite3 -readonly "$BLK_STORE/index-1.db" 'PRAGMA page_count')
			bytes=$(find "$BLK_STORE/segments" "$BLK_STORE/log" -type f -printf '%s\n' |
				awk '{ n += $1 } END { print n }')
			blk-dedup --json -j "$jobs" --estimate "$tree" >estimate
			about 2 8192 "$(field estimate index_bytes)" $((pages * 4096)) "$tree $jobs, index"
			about 2 $((jobs * 8192 - 8000)) "$(field estimate stored_bytes)" "$bytes" "$tree $jobs"
		done
		# a sample of the ids will do
		blk-dedup --json -j "$jobs" --estimate --max-memory 256K "$tree" >estimate
		about 8 12288 "$(field estimate index_bytes)" $((pages * 4096)) "$tree, index, of a sample"
		about 8 16384 "$(field estimate stored_bytes)" "$bytes" "$tree, of a sample"
		[ "$tree" != deep ] || [ "$(field estimate sampled)" = true ]
	done
}

@test "an estimate is bounded in memory: it takes a sample, and says so" {
	head -c 6000000 /dev/urandom >data/random
	cp data/random data/the-same
	blk-dedup --json --estimate data >all
	blk-dedup --json --estimate --max-memory 64K data >some
	[ "$(field all sampled)" = false ]
	[ "$(field some sampled)" = true ]
	within 25 "$(field some unique_bytes)" "$(field all unique_bytes)"
	within 25 "$(field some stored_bytes)" "$(field all stored_bytes)"
}

@test "an estimate compares several sizes and needs no store" {
	BLK_STORE=$PWD/none blk-dedup --estimate --chunk-size 4096:16384:65536 \
		--chunk-size 64K:256K:1M data >out
	grep -q '^4096:16384:65536 ' out
	grep -q '^65536:262144:1048576 ' out
	[ ! -e none ]
}

@test "an estimate counts what is there twice once" {
	blk-dedup --json --estimate data >out
	[ "$(field out bytes)" -gt "$(field out unique_bytes)" ]
}

@test "blk-dedup reports the largest duplicates" {
	blk-backup create -N data data
	blk-dedup >out
	grep -q "$(sha256sum <data/20 | cut -c 1-64)" out
}

@test "the report says in which versions and at which paths a duplicate is" {
	local id

	mkdir -p data/sub/deep
	cp data/20 data/sub/deep/third
	cp data/20 $'data/sub/not\377utf8'
	blk-backup create -q -N tree data >/dev/null
	rm data/again
	blk-backup create -q -N tree data >/dev/null
	blk-put -q -N alone data/20 >/dev/null
	blk-put -q data/19 data/20 >/dev/null
	id=$(sha data/20)
	run -0 --separate-stderr blk-dedup
	# The newest versions come first; sub did not change since.
	grep -aqF "alone@1, $id, tree@2:20, tree@2:sub/deep/third, "$'tree@2:sub/not\377utf8 and 2 more' \
		<<<"$output" || fail "$output"
	blk-dedup --json >out
	jq -s -e --arg id "$id" 'any(.[]; .type == "duplicate" and .id == $id and
		.count == 7 and .more == 2)' out
	jq -r --arg id "$id" 'select(.type == "place" and .id == $id) |
		[.name, .index, .path // "-", .path_b64 // "-"] | join(" ")' out >places
	diff - places <<-EOF
		alone 1 - -
		$id 1 - -
		tree 2 20 -
		tree 2 sub/deep/third -
		tree 2 sub/not$(printf '\357\277\275')utf8 c3ViL25vdP91dGY4
	EOF
	# Each is what blk-get takes.
	jq -r 'select(.type == "place" and .path_b64 == null) |
		if .path then "\(.name)@\(.index):\(.path)" elif (.name | length) == 64
		then .name else "\(.name)@\(.index)" end + " " + .id' out >refs
	[ "$(wc -l <refs)" -ge 6 ]
	while read -r ref want; do
		[ "$(blk-get "$ref" | sha256sum | cut -c 1-64)" = "$want" ] || fail "$ref"
	done <refs
}

@test "where duplicates are is told in little memory, and in trees of many pieces" {
	local i id

	mkdir flat
	for i in {1..12000}; do echo "$((i % 6000))" >"flat/a-long-name-for-a-small-file-$i"; done
	cp data/20 flat/First
	cp data/20 flat/last
	blk-backup create -q -N flat flat >/dev/null
	id=$(sha data/20)
	[ "$(blk-ls --objects --format '%(class)' | grep -c piece)" -ge 1 ]
	blk-dedup --max-memory 1M --json >out
	jq -r --arg id "$id" 'select(.type == "place" and .id == $id).path' out >paths
	printf 'First\nlast\n' | cmp - paths
}

@test "the report reads no data" {
	local file

	blk-backup create -q -N tree data >/dev/null
	blk-dedup --json >before
	grep -q '"place"' before
	find "$BLK_STORE/segments" -type f >files
	[ -s files ]
	while read -r file; do # all that is no table
		chmod u+w "$file"
		head -c 1000 /dev/zero | dd of="$file" bs=1 seek=200 conv=notrunc status=none
	done <files
	blk-dedup --json | cmp - before
	run -4 blk-check --read-data
}

@test "where the space goes is right, worked out from the files" {
	local referred content chunk structure

	head -c 300000 /dev/urandom >data/random
	{ echo more && cat data/random; } >data/longer
	blk-backup create -q -N tree data >/dev/null
	head -c 200000 /dev/urandom >plain
	blk-put -q --no-dedup -N plain plain >/dev/null
	referred=$(cat data/* plain | wc -c)
	content=$(for file in data/* plain; do echo "$(sha "$file") $(stat -c %s "$file")"; done |
		sort -u | awk '{ n += $2 } END { print n }')
	split -b 65536 plain piece.
	chunk=$({
		for file in data/*; do blk-dedup --chunks "$file"; done
		for file in piece.*; do echo "0 $(stat -c %s "$file") $(sha "$file")"; done
	} | awk '{ size[$3] = $2 } END { for (id in size) n += size[id]; print n }')
	structure=$(($(blk-stat --json | jq 'select(.type == "summary").live_bytes') - chunk))
	blk-dedup --json >out
	jq -s -e --argjson referred "$referred" --argjson content "$content" \
		--argjson chunk "$chunk" --argjson structure "$structure" \
		--argjson stored "$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')" '
		([.[] | select(.type == "space") | {(.what): .bytes}] | add) == {
			"referred to": $referred, "each content once": $content,
			"each chunk once": $chunk,
			"saved by whole contents": ($referred - $content),
			"saved by chunks beyond that": ($content - $chunk),
			"lists, trees and records": $structure, "stored": $stored,
			"not yet cut by content": 200000 }' out >/dev/null ||
		fail "$(cat out)" "$referred $content $chunk $structure"
	# The largest savings first.
	jq -r 'select(.type == "duplicate").saved' out >saved
	sort -rn saved | cmp - saved
	[ "$(jq -r 'select(.type == "duplicate") | [.id, .size, .count, .saved] | join(" ")' out |
		head -n 1)" = "$(sha data/20) $(stat -c %s data/20) 2 $(stat -c %s data/20)" ]
}

@test "the report hides what has expired, as everything does" {
	need native
	blk-backup create -q -N tree data >/dev/null
	blk-put -q -N secret -t text/secret --expires 1s data/20 >/dev/null
	blk-dedup --json | grep -q secret
	sleep 1.1
	blk-dedup --json >out
	run -1 grep secret out
	# It takes space until a collection drops it.
	jq -s -e --arg id "$(sha data/20)" 'any(.[]; .type == "duplicate" and
		.id == $id and .count == 3 and .more == 1)' out
}

@test "blk-dedup reports by name and by type" {
	seq 20000 >all
	for i in 1 2 3; do seq "$i" 20000; done >three
	seq 2 20000 >less
	blk-put -q -N numbers -t text/plain all >/dev/null
	blk-put -q -N numbers -t text/plain less >/dev/null
	blk-put -q -N copy -t text/plain all >/dev/null
	blk-put -q three >/dev/null
	blk-dedup --json >out
	size=$(($(stat -c %s all) + $(stat -c %s less)))
	jq -s -e "any(.[]; .type == \"name\" and .name == \"numbers\" and
		.versions == 2 and .size == $size and .saved == .size - .data and
		.saved > 0 and .stored > 0)" out
	jq -s -e 'any(.[]; .type == "name" and .name == "copy" and .saved == 0)' out
	[ "$(jq -r 'select(.type == "name").name' out | paste -sd ' ')" = 'numbers copy' ]
	jq -s -e "any(.[]; .type == \"type\" and .content_type == \"text/plain\" and
		.versions == 3 and .size == $size + $(stat -c %s all))" out
	jq -s -e 'any(.[]; .type == "type" and .content_type == "" and .versions == 1)' out
	jq -s -e '[.[] | select(.type == "space") | {(.what): .bytes}] | add |
		.["saved by whole contents"] ==
			.["referred to"] - .["each content once"] and
		.["saved by chunks beyond that"] ==
			.["each content once"] - .["each chunk once"]' out
}

@test "blk-dedup --apply cuts anew what was stored without, and no id changes" {
	head -c 3000000 /dev/urandom >in
	blk-put -N one in
	id=$({ printf x; cat in; } | blk-put --no-dedup -N two)
	before=$(blk-stat --json two | jq -r 'select(.unique != null).unique' | head -n 1)
	[ "$before" -gt 2900000 ]
	run --separate-stderr blk-dedup --apply
	[ "$status" -eq 0 ]
	[ "$(blk-get two | sha256sum | cut -c 1-64)" = "$id" ]
	after=$(blk-stat --json two | jq -r 'select(.unique != null).unique' | head -n 1)
	[ "$after" -lt 100000 ]
	blk-gc
	[ "$(blk-get two | sha256sum | cut -c 1-64)" = "$id" ]
	blk-check --read-data
}

@test "blk-dedup --apply -n changes nothing" {
	head -c 300000 /dev/urandom | blk-put --no-dedup -N x
	find "$BLK_STORE/log" "$BLK_STORE/segments" -type f | sort >before
	blk-dedup --apply -n
	find "$BLK_STORE/log" "$BLK_STORE/segments" -type f | sort >after
	cmp before after
}

@test "blk-dedup --json ends in a summary" {
	blk-put -q -N five data/20 >/dev/null
	for form in '' '--estimate data' '--chunks data/20' '--apply -n'; do
		# shellcheck disable=SC2086
		blk-dedup --json $form | tail -n 1 >last
		[ "$(jq -r .type last)" = summary ] || fail "$form: $(cat last)"
	done
}

@test "blk-dedup refuses what makes no sense" {
	run -2 blk-dedup --apply --estimate data
	run -2 blk-dedup --estimate
	run -2 blk-dedup --chunks
	run -2 blk-dedup --chunk-size 4096:16384:65536
	run -2 blk-dedup --estimate --chunk-size 5:4:3 data
	run -2 blk-dedup --max-time 5m
	run -2 blk-dedup --apply --max-time 0s
}

@test "blk-dedup of a store that is not there is exit 6" {
	run -6 blk-dedup -s nowhere
}

@test "a lookup that fails is a miss, and said; --apply finds what is there twice" {
	need sqlite3
	head -c 2000000 /dev/urandom >in
	{ cat in && echo more; } >longer
	blk-put -N one in
	sqlite3 "$BLK_STORE/index-1.db" 'UPDATE facts SET chk = chk + 1 WHERE kind > 0'
	run -0 --separate-stderr blk-put -N two longer
	[ "$output" = "$(sha longer)" ]
	[[ ${stderr-} == *'a lookup failed'* ]] || fail "${stderr-}"
	[ "$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')" -gt 3900000 ]
	run -0 blk-dedup --apply
	[ "$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')" -lt 2200000 ]
	blk-get one | cmp - in
	blk-get two | cmp - longer
	blk-check --read-data
}

@test "--apply ends after --max-time, and the next run goes on" {
	for i in 1 2 3; do
		head -c 2000000 /dev/urandom >"in$i"
		blk-put -q -N "name$i" "in$i" >/dev/null
		blk-put -q -N "copy$i" --no-dedup "in$i" >/dev/null
	done
	sum=$(cat in? | sha256sum)
	blk-dedup --json --apply --max-time 1s >got
	jq -e '.type == "summary" and .objects <= 3' got
	# Killed at any time, it has lost at most what it was about to commit.
	timeout -s KILL 0.05 blk-dedup --apply || true
	blk-dedup --apply
	[ "$(blk-dedup --json --apply | jq .objects)" = 0 ]
	[ "$(cat <(blk-get copy1) <(blk-get copy2) <(blk-get copy3) | sha256sum)" = "$sum" ]
	blk-check --read-data
	stored=$(blk-stat --json | jq 'select(.type == "summary").stored_bytes')
	[ "$stored" -lt 6300000 ] || fail "$stored"
}
