load helper

setup() {
	blk_setup
	blk-init
	seq 100000 | blk-put -N numbers >/dev/null
	mkdir -p tree/sub
	seq 5000 >tree/sub/file
	echo small >tree/small
	blk-backup create -N tree tree >/dev/null
}

# The largest segment of the store.
segment() {
	find "$BLK_STORE/segments" -type f -printf '%s %p\n' | sort -n |
		tail -n 1 | cut -d ' ' -f 2
}

# flip FILE OFFSET: one bit of it.
flip() {
	local byte

	chmod u+w "$1"
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a sound store is said to be sound, in silence" {
	run -0 --separate-stderr blk-check --read-data
	[ -z "$output" ]
	[ -z "$stderr" ]
}

@test "blk-check --json ends in a summary" {
	blk-check --json --read-data >out
	[ "$(tail -n 1 out | jq -r .type)" = summary ]
	[ "$(tail -n 1 out | jq .findings)" = 0 ]
	[ "$(tail -n 1 out | jq .read_objects)" -gt 0 ]
}

@test "a flipped bit in data is found by --read-data, with who suffers" {
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	[[ $output == *object:* ]] || fail "$output"
	[[ $output == *numbers@1* || $output == *tree@1* ]] || fail "$output"
}

@test "a finding says what, where, which object, version and path, in JSON too" {
	f=$(segment)
	key=${f#"$BLK_STORE/"}
	flip "$f" 3000
	run -4 blk-check --read-data
	[[ $output =~ (^|$'\n')"object: $key: "([0-9a-f]{64})": its frame is damaged" ]] ||
		fail "$output"
	id=${BASH_REMATCH[2]}
	name=$(grep -m1 -o "reference: $key: $id: [a-z@0-9:/]*: it needs" <<<"$output") ||
		fail "nobody suffers: $output"
	blk-check --read-data -0 >null || :
	tr '\0' '\n' <null | diff - <(echo "$output")
	blk-check --read-data --json >json || :
	jq -r 'select(.type == "finding") | [.what, .where, .id,
		((.version // empty) + (if .path then ":" + .path else "" end)),
		.message] | join(": ")' json | diff - <(echo "$output")
	[[ $name == *tree@1:sub/file* || $name == *numbers@1* ]] || fail "$name"
}

@test "a segment that is gone is found without reading data" {
	rm -f "$(segment)"
	run -4 blk-check
	[[ $output == *segment:*missing* ]] || fail "$output"
}

@test "a shortened segment is found without reading data" {
	f=$(segment)
	chmod u+w "$f"
	truncate -s -1 "$f"
	run -4 blk-check
	[[ $output == *segment:* ]] || fail "$output"
}

@test "a damaged commit is found" {
	flip "$BLK_STORE/log/000000000/000000000001" 120
	run -4 blk-check
	[[ $output == *commit:* ]] || fail "$output"
}

@test "a lost commit in the middle is found" {
	rm -f "$BLK_STORE/log/000000000/000000000001"
	run -4 blk-check
	[[ $output == *log/000000000/000000000001* ]] || fail "$output"
}

@test "what was read is remembered, and left out within --max-age" {
	blk-check --json --read-data >first
	blk-check --json --read-data --max-age 1d >second
	[ "$(tail -n 1 first | jq .read_segments)" -gt 0 ]
	[ "$(tail -n 1 second | jq .read_segments)" -le 1 ]
}

@test "a share of the data is read: percent, bytes, one of several parts" {
	blk-check --json --read-data=1% >out
	[ "$(tail -n 1 out | jq .read_segments)" -ge 1 ]
	blk-check --json --read-data=1 >out
	[ "$(tail -n 1 out | jq .read_segments)" = 1 ]
	a=$(blk-check -n --json --read-data=1/2 | tail -n 1 | jq .read_segments)
	b=$(blk-check -n --json --read-data=2/2 | tail -n 1 | jq .read_segments)
	all=$(blk-check -n --json --read-data | tail -n 1 | jq .read_segments)
	[ $((a + b)) = "$all" ]
}

@test "the index is made again to the identical listing" {
	blk-ls --versions numbers >before
	blk-ls --objects >>before
	blk-check --rebuild-index
	blk-ls --versions numbers >after
	blk-ls --objects >>after
	cmp before after
}

@test "a repair makes an index again that says what is not so" {
	need sqlite3
	sqlite3 "$BLK_STORE/index-1.db" 'DELETE FROM facts WHERE class > 0'
	run -4 blk-check
	[[ $output == *'live bytes, the objects have 0'* ]] || fail "$output"
	blk-check --repair
	blk-check --read-data
}

@test "a repair makes an index again that has forgotten all it knew" {
	need sqlite3
	sqlite3 "$BLK_STORE/index-1.db" 'DELETE FROM facts'
	run -4 blk-check
	[[ $output == *'does not know this copy'* ]] || fail "$output"
	run -0 blk-check --repair
	run -0 --separate-stderr blk-check --read-data
	[ -z "$output$stderr" ] || fail "$output$stderr"
}

@test "a row of any table that is not as it was written is a finding, and repaired" {
	need sqlite3
	blk-config set user.a b
	for table in segments facts versions names sums records; do
		sqlite3 "$BLK_STORE/index-1.db" "UPDATE $table SET chk = chk + 1
			WHERE chk = (SELECT min(chk) FROM $table)"
		run -4 --separate-stderr blk-check --read-data
		[[ $output == *"is damaged (table $table)"* ]] ||
			fail "$table: $output"
		[ -z "$stderr" ] || fail "$table: $stderr"
		run -0 blk-check --repair
		run -0 --separate-stderr blk-check --read-data
		[ -z "$output$stderr" ] || fail "$table: $output$stderr"
	done
}

@test "a repair that shall only say what it would do repairs nothing, exit 4" {
	need sqlite3
	sqlite3 "$BLK_STORE/index-1.db" 'DELETE FROM facts WHERE class > 0'
	for option in --repair --rebuild-index; do
		run -4 --separate-stderr blk-check $option -n
		[[ $stderr == *'would make the index again'* ]] ||
			fail "$option: $stderr"
	done
	run -4 blk-check
	run -0 --separate-stderr blk-check --repair
	[[ $stderr == *'made the index again'* ]] || fail "$stderr"
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -4 --separate-stderr blk-check --repair -n
	[[ $stderr == *'would repair 1 segments'* ]] || fail "$stderr"
	run -4 blk-check --read-data
}

@test "repair of a sound store changes no byte" {
	(cd "$BLK_STORE" && find config log segments checkpoint -type f |
		sort | xargs sha256sum) >before
	blk-check --repair --read-data -n
	blk-check --repair
	(cd "$BLK_STORE" && find config log segments checkpoint -type f |
		sort | xargs sha256sum) >after
	cmp before after
}

@test "repair fetches what is damaged from another store" {
	blk-init -s other
	seq 100000 | blk-put -s other -N numbers >/dev/null
	blk-backup create -s other -N tree tree >/dev/null
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -0 blk-check --repair --from other
	blk-check --read-data
	[ "$(blk-get numbers | sha256sum)" = "$(seq 100000 | sha256sum)" ]
	[ "$(blk-get tree:/sub/file | sha256sum)" = "$(seq 5000 | sha256sum)" ]
}

# Twenty segments, of files/ and of two trees; what is in the store: listing.
twenty() {
	local i

	mkdir files
	for i in {1..20}; do
		random_file 300000 "$i" "files/$i"
		blk-put -N "n$i" "files/$i"
	done >/dev/null
	blk-ls >listing
	blk-ls --objects | sort >>listing
}

# Flip a byte in each segment, at another place each; they are found.
spoil_all() {
	local f n=0

	while read -r f; do
		n=$((n + 1))
		flip "$f" $((n * 1009 % $(stat -c %s "$f")))
	done < <(find "$BLK_STORE/segments" -type f)
	[ "$n" -ge 20 ] || fail "only $n segments"
	run -4 blk-check --read-data
}

# All is as it was, in segments that are whole.
whole_again() {
	run -0 blk-check --read-data
	[ -z "$output" ] || fail "$output"
	blk-ls >after
	blk-ls --objects | sort >>after
	diff listing after
	for i in {1..20}; do
		blk-get "n$i" | cmp - "files/$i"
	done
	blk-get numbers | cmp - <(seq 100000)
	blk-get tree:/sub/file | cmp - tree/sub/file
}

@test "a byte flipped in each of twenty segments is mended from another store" {
	twenty
	cp -a "$BLK_STORE" other
	spoil_all
	run -0 blk-check --repair --from other
	whole_again
}

@test "a byte flipped in each of twenty segments is mended from files" {
	twenty
	seq 100000 >files/numbers
	spoil_all
	run -0 blk-check --repair --from files --from tree
	whole_again
}

@test "repair makes what is damaged anew from files" {
	mkdir files
	seq 100000 >files/numbers
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -0 blk-check --repair --from files --from tree
	blk-check --read-data
	[ "$(blk-get numbers | sha256sum)" = "$(seq 100000 | sha256sum)" ]
}

@test "files that a repair cannot read are said, each with its path" {
	need bound
	mkdir -p files/sub files/closed
	seq 100000 >files/sub/numbers
	touch files/empty files/closed/file
	ln -s nowhere files/link
	mkfifo files/fifo
	chmod 0 files/sub/numbers files/closed
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -4 --separate-stderr bound blk-check --repair --from files --from tree
	[[ $stderr == *"blk-check: files/sub/numbers: Permission denied"* ]] ||
		fail "$stderr"
	[[ $stderr == *"blk-check: files/closed: Permission denied"* ]] ||
		fail "$stderr"
	[ "$(grep -c denied <<<"$stderr")" -eq 2 ] || fail "$stderr"
	[[ $stderr != *link* && $stderr != *fifo* ]] || fail "$stderr"
	chmod 700 files/closed
	chmod 600 files/sub/numbers
	run -0 --separate-stderr blk-check --repair --from files --from tree
	[[ $stderr != *denied* ]] || fail "$stderr"
	blk-check --read-data
}

@test "of many files that a repair cannot read some are named, the others counted" {
	need bound
	mkdir files
	touch files/{1..25}
	chmod 0 files/*
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -4 --separate-stderr bound blk-check --repair --from files
	[ "$(grep -c 'files/[0-9]*: Permission denied' <<<"$stderr")" -eq 10 ] ||
		fail "$stderr"
	[[ $stderr == *'blk-check: 15 more could not be read'* ]] || fail "$stderr"
}

@test "a source of a repair that is not there is refused, damage or not" {
	for from in nowhere README "file:$PWD/nowhere"; do
		echo file >README
		run blk-check --repair --from tree --from "$from"
		[ "$status" -eq 2 ] || [ "$status" -eq 6 ] || fail "$from: $status: $output"
		[[ $output == *"${from#file:}"* ]] || fail "$output"
	done
	run -2 blk-check --repair --from nowhere -n
	flip "$(segment)" 3000
	find "$BLK_STORE" -type f ! -name 'index-1.db*' -exec sha256sum {} + | sort >before
	run -2 blk-check --repair --read-data --from nowhere
	find "$BLK_STORE" -type f ! -name 'index-1.db*' -exec sha256sum {} + | sort | diff before -
}

@test "a path with a colon is a source of a repair, as it is a store" {
	mkdir 'on:2026' 'x:2026'
	seq 100000 >on:2026/numbers
	cp -a "$BLK_STORE" copy:1
	cp -a tree x:2026
	flip "$(segment)" 3000
	cp -a "$BLK_STORE" again
	run -4 blk-check --read-data
	run -0 blk-check --repair --from ./on:2026 --from "$PWD/x:2026"
	blk-check --read-data
	export BLK_STORE=$PWD/again
	run -4 blk-check --read-data
	run -2 blk-check --repair --from copy:1
	[[ $output == *'write ./copy:1 for a path'* ]] || fail "$output"
	run -0 blk-check --repair --from ./copy:1
	blk-check --read-data
}

@test "what is found nowhere is said lost, and the next put heals it" {
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	run -4 blk-check --repair
	run -4 blk-check
	[[ $output == *lost* ]] || fail "$output"
	seq 100000 | blk-put -N numbers >/dev/null
	blk-backup create --force -N tree tree >/dev/null
	run -0 blk-check --read-data
	[ "$(blk-get numbers@1 | sha256sum)" = "$(seq 100000 | sha256sum)" ]
}

@test "damage that was noted is healed by the next put of the same content" {
	flip "$(segment)" 3000
	run -4 blk-check --read-data
	seq 100000 | blk-put -N numbers >/dev/null
	blk-backup create --force -N tree tree >/dev/null
	[ "$(blk-get numbers@1 | sha256sum)" = "$(seq 100000 | sha256sum)" ]
	[ "$(blk-get tree@1:/sub/file | sha256sum)" = "$(seq 5000 | sha256sum)" ]
}

@test "a commit is put back from a copy of the store" {
	cp -a "$BLK_STORE" copy
	flip "$BLK_STORE/log/000000000/000000000001" 120
	run -4 blk-check
	run -0 blk-check --repair --from copy
	blk-check --read-data
}

@test "a config that says otherwise than commit 0 is found and mended" {
	cp "$BLK_STORE/config" config
	for folded in no yes; do
		chmod u+w "$BLK_STORE/config"
		sed -i 's/ 12288 / 12289 /' "$BLK_STORE/config"
		run -4 blk-check
		[[ $output == *'config: config: it says otherwise'* ]] ||
			fail "$folded: $output"
		run -4 blk-check
		blk-check -q --repair -n || :
		run -1 cmp config "$BLK_STORE/config"
		run -0 blk-check --repair
		[[ $output == *'config is made again from commit 0'* ]] ||
			fail "$folded: $output"
		cmp config "$BLK_STORE/config"
		run -0 --separate-stderr blk-check --read-data
		[ -z "$output$stderr" ] || fail "$output$stderr"
		# no more commit 0, but checkpoints
		[ "$folded" = no ] || break
		seq 200000 | blk-put -N dead >/dev/null
		blk-rm -q dead
		blk-config set gc.keep-unreferenced 0s
		for i in 1 2; do
			echo "$i" | blk-put -N dead >/dev/null
			blk-gc -q --max-unused 0
			blk-rm -q dead
			seq "${i}00000" | blk-put -N dead >/dev/null
			blk-rm -q dead
			blk-gc -q --max-unused 0
		done
		[ ! -e "$BLK_STORE/log/000000000/000000000000" ]
	done
}

@test "--drop-damaged removes damaged files, and only then" {
	f=$(segment)
	flip "$f" 3000
	run -4 blk-check --read-data
	run -4 blk-check --repair
	[ -e "$f" ]
	run -4 blk-check --repair --drop-damaged
	[ ! -e "$f" ]
}

@test "commits that were folded cost a check nothing" {
	need plain
	for i in {1..60}; do printf '1 f%d\nx\ncommit\n' "$i"; done |
		blk-put --batch >/dev/null
	blk-gc
	blk-rm f1
	blk-gc
	blk-rm f2
	n=$(find "$BLK_STORE/log" -type f | wc -l)
	[ "$n" -lt 30 ] || fail "$n commits are left"
	INJECT_LOG=$PWD/log LD_PRELOAD=$BUILD/tests/inject.so INJECT='' blk-check
	opened=$(grep -c 'open .*log/000000000/0' log)
	[ "$opened" -le $((4 * n)) ] || fail "$n commits, $opened looks"
}

@test "blk-check refuses what makes no sense" {
	run -2 blk-check --read-data=3/2
	run -2 blk-check --read-data=101%
	run -2 blk-check --read-data=x
	run -2 blk-check --from other
	run -2 blk-check operand
	run -6 blk-check -s nowhere
}

@test "nothing is found while others store, remove and collect" {
	local i writer bad=0

	for i in {1..300}; do echo "$i" >"f$i"; done
	blk-put -q f* >ids
	(
		for i in {1..60}; do
			echo "$i" | blk-put -q -N "n$((i % 10))" >/dev/null
			[ $((i % 10)) -gt 0 ] || blk-rm -q n1 n2 n3 >/dev/null
			[ $((i % 20)) -gt 0 ] || blk-gc -q
		done
	) &
	writer=$!
	while kill -0 "$writer" 2>/dev/null; do
		blk-check -q --read-data >>found 2>&1 || bad=$((bad + 1))
	done
	wait "$writer"
	cat found
	[ "$bad" -eq 0 ]
}
