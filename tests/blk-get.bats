# What blk-get(1) promises.
# shellcheck disable=SC2154  # stderr_lines is run's
load helper

setup() {
	blk_setup
	blk-init
}

# damage FILE: change one byte in its middle
damage() {
	local at byte

	at=$(($(stat -c %s "$1") / 2))
	byte=$(od -An -tu1 -j "$at" -N 1 "$1")
	chmod u+w "$1"
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# on_terminal COMMAND...: its output, stdout and stderr being a terminal
on_terminal() {
	script -qec "$*" /dev/null </dev/null | tr -d '\r'
}

@test "blk-get gives back what blk-put took" {
	for size in 0 1 4096 65537 3000000; do
		random_file "$size" "$size" in
		id=$(blk-put -N name in)
		blk-get "$id" | cmp - in
		blk-get name | cmp - in
		blk-get "${id:0:10}" | cmp - in
		blk-get "${id^^}" | cmp - in
		blk-get -j 1 "$id" | cmp - in
	done
}

@test "several REFs are written one behind the other" {
	printf 1 | blk-put -N a
	printf 2 | blk-put -N a
	printf 3 | blk-put -N b
	[ "$(blk-get a b a@1 a@-1 a@2)" = 23112 ]
}

@test "a version as of a time is found" {
	printf 1 | blk-put -N a
	sleep 0.1
	between=@$(date +%s.%N)
	sleep 0.1
	printf 2 | blk-put -N a
	[ "$(blk-get "a@{$between}" 'a@{now}')" = 12 ]
	run -6 --separate-stderr blk-get 'a@{2001-01-01}'
	[[ $stderr == 'blk-get: a has no version as of '* ]] || fail "$stderr"
}

@test "the id of a version stands for what the version is of" {
	printf 1 | blk-put -N a
	vid=$(sqlite3 -readonly store/index-1.db "select lower(hex(vid)) from versions where name = 'a'")
	[ "${#vid}" -eq 64 ]
	[ "$(blk-get "$vid")" = 1 ]
}

@test "blk-get says no, and nothing else, to what is absent" {
	printf 1 | blk-put -N a
	for ref in nothing "$(printf '%064d' 0)" 12345678 a@2 a@-1 '*'; do
		run -6 --separate-stderr blk-get "$ref"
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == 'blk-get: '* ]] || fail "$stderr"
	done
}

@test "REFs that are malformed are usage errors" {
	for ref in '' a@ a@b a@0 'a@{' 'a@{never}' a@1@2 a:../b $'a\nb' /a; do
		run -2 --separate-stderr blk-get "$ref"
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ] || fail "$stderr"
	done
}

@test "a prefix of several ids is ambiguous: they are listed, exit 2" {
	one=$(printf 69235 | blk-put)
	[ "$(blk-get c11eb5e6)" = 69235 ]
	two=$(printf 95303 | blk-put)
	run -2 --separate-stderr blk-get c11eb5e6
	[ -z "$output" ]
	[[ $stderr == *"$one"* ]] || fail "$stderr"
	[[ $stderr == *"$two"* ]] || fail "$stderr"
	[ "$(blk-get c11eb5e6b)" = 95303 ]
	run -6 blk-get c11eb5e
	printf name | blk-put -N c11eb5e6
	[ "$(blk-get c11eb5e6)" = name ]
}

@test "where some of several cannot be written the others are, exit 3" {
	printf 1 | blk-put -N a
	run -3 --separate-stderr blk-get a nothing a
	[ "$output" = 11 ]
	[ "$stderr" = 'blk-get: nothing: no such name or object' ]
	run -6 blk-get nothing nobody
}

# --- ranges ---

@test "--range writes these bytes only" {
	random_file 3000000 1 in
	blk-put -N a in
	for range in 0:1 0:0 1:4096 4095:2 65536:100000 2999999:1 3000000:0 1000000:1000000; do
		off=${range%:*} len=${range#*:}
		blk-get --range "$range" a | cmp - <(tail -c +$((off + 1)) in | head -c "$len")
	done
	for off in 0 1 100000 2999999 3000000; do
		blk-get --range "$off-" a | cmp - <(tail -c +$((off + 1)) in)
		blk-get --range "$off:" a | cmp - <(tail -c +$((off + 1)) in)
	done
	blk-get --range 64K:1M a | cmp - <(tail -c +65537 in | head -c 1048576)
}

@test "a range outside of the object is a usage error, and writes nothing" {
	printf hello | blk-put -N a
	for range in 6:0 0:6 5:1 100- 1:18446744073709551615; do
		run -2 --separate-stderr blk-get --range "$range" a
		[ -z "$output" ]
		[[ $stderr == 'blk-get: a: '* ]] || fail "$stderr"
	done
	for range in '' : - 1 1-2 -5 x:1 1:x 1:2:3 1::; do
		run -2 --separate-stderr blk-get --range "$range" a
		[ -z "$output" ]
		[[ ${stderr_lines[0]} == 'blk-get: --range: '* ]] || fail "$stderr"
	done
}

# --- files and terminals ---

@test "-o writes a file that appears whole, or not at all" {
	printf 1 | blk-put -N a
	printf 2 | blk-put -N b
	blk-get -o out a b
	[ "$(cat out)" = 12 ]
	run -6 blk-get -o out a nothing
	[ "$(cat out)" = 12 ]
	run -6 blk-get -o new nothing
	[ ! -e new ]
	blk-get -o out b
	[ "$(cat out)" = 2 ]
	run -1 --separate-stderr blk-get -o no/such/dir a
	[[ $stderr == 'blk-get: no/such/dir: '* ]] || fail "$stderr"
	run ! compgen -G '*.??????'
}

@test "-o keeps the mode of a file, and makes new ones as the umask says" {
	printf 1 | blk-put -N a
	touch old
	chmod 640 old
	umask 027
	blk-get -o old a
	blk-get -o new a
	[ "$(stat -c %a old new | tr '\n' ' ')" = '640 640 ' ]
	umask 077
	blk-get -o newer a
	[ "$(stat -c %a newer)" = 600 ]
}

@test "-o follows a symbolic link, and writes to devices and pipes as they are" {
	printf 1 | blk-put -N a
	mkdir dir
	echo old >dir/file
	ln -s dir/file link
	blk-get -o link a
	[ -L link ]
	[ "$(cat dir/file)" = 1 ]
	blk-get -o /dev/null a
	[ -c /dev/null ]
	blk-get -o /dev/stdout a | cmp - <(printf 1)
	blk-get -o - a | cmp - <(printf 1)
	run -1 blk-get -o /dev/full a
}

@test "binary data is written to a terminal only if the user insists" {
	command -v script >/dev/null || skip 'needs script'
	printf 'text, ü\n' | blk-put -N text
	printf 'a\033[31mb\0' | blk-put -N binary
	[ "$(on_terminal blk-get text)" = 'text, ü' ]
	on_terminal blk-get binary | cat -v >out
	[ "$(cat out)" = 'blk-get: not writing binary data to a terminal; use -o FILE, or -o - to insist' ]
	on_terminal blk-get -o - binary | cmp - <(printf 'a\033[31mb\0')
	on_terminal blk-get --force binary | cmp - <(printf 'a\033[31mb\0')
	blk-get binary | cmp - <(printf 'a\033[31mb\0')
}

@test "a write that is lost is a failure, a reader that goes is none to talk of" {
	seq 1000000 | blk-put -N a
	printf 1 | blk-put -N b
	for name in a b; do
		run -1 --separate-stderr bash -c "blk-get $name >/dev/full"
		[ "$stderr" = 'blk-get: standard output: No space left on device' ]
	done
	run -0 --separate-stderr bash -c 'blk-get a | head -n 1'
	[ "$output" = 1 ]
	[ -z "$stderr" ]
}

# --- existence ---

@test "-e writes nothing: exit 0 if all are there, else 6" {
	printf 1 | blk-put -N a
	run -0 --separate-stderr blk-get -e a a@1
	[ -z "$output$stderr" ]
	run -6 --separate-stderr blk-get -e a nothing
	[ -z "$output$stderr" ]
	run -2 blk-get -e a@@
	run -2 blk-get -e
	run -6 --separate-stderr blk-get -s nowhere -e a
	[ -n "$stderr" ]
}

# --- what is verified ---

@test "blk-get refuses damaged bytes, small and large" {
	random_file 3000 1 small
	random_file 3000000 2 large
	blk-put -N small small
	damage store/log/000000000/000000000001
	run -4 --separate-stderr blk-get small
	[ -z "$output" ]
	[[ $stderr == *"$(sha small)"* ]] || fail "$stderr"
	run -4 blk-get -o out small
	[ ! -e out ]
	rm -rf store
	blk-init
	blk-put -N large large
	for file in store/segments/*/*; do
		if [ "$(stat -c %s "$file")" -gt 100000 ]; then
			damage "$file"
		fi
	done
	run -4 --separate-stderr bash -c 'blk-get large >out'
	[[ $stderr == 'blk-get: '* ]] || fail "$stderr"
	# what left before is a part of it, and right
	head -c "$(stat -c %s out)" large | cmp - out
	[ "$(stat -c %s out)" -lt 3000000 ]
}

@test "bytes that are damaged are healed by the next put of them" {
	random_file 3000 1 in
	blk-put -N a in
	damage store/log/000000000/000000000001
	run -4 blk-get a
	blk-put -N b in
	blk-get a | cmp - in
}

@test "a segment that is gone is exit 4" {
	random_file 3000000 2 in
	blk-put -N a in
	find store/segments -type f -delete
	run -4 --separate-stderr blk-get a
	[[ $stderr == 'blk-get: '* ]] || fail "$stderr"
}

@test "blk-get works without an index, and from a store that is read-only" {
	seq 1000 | blk-put -N a
	rm -f store/index-*
	run -0 --separate-stderr blk-get a
	[ "${lines[999]}" = 1000 ]
	BLK_INDEX=$PWD/elsewhere blk-get a | cmp - <(seq 1000)
	[ -f elsewhere/index-1.db ]
}

# --- trees ---

@test "a file inside a snapshot is found by its path, a snapshot is no file" {
	[ -x "$BUILD/blk-backup" ] || skip 'needs blk-backup'
	mkdir -p src/dir/sub
	seq 10 >src/dir/file
	echo deep >src/dir/sub/deep
	ln -s file src/dir/link
	blk-backup create -N snap src
	for ref in snap:dir/file snap:/dir/file snap:dir//./file/ snap@1:dir/file; do
		blk-get "$ref" | cmp - src/dir/file
	done
	[ "$(blk-get snap:dir/sub/deep)" = deep ]
	run -6 blk-get snap:dir/nothing
	run -6 blk-get snap:dir/file/deeper
	for ref in snap snap: snap:dir; do
		run -2 --separate-stderr blk-get "$ref"
		[[ $stderr == *'blk-backup export'* ]] || fail "$stderr"
	done
	run -2 --separate-stderr blk-get snap:dir/link
	[[ $stderr == *'is a symbolic link'* ]] || fail "$stderr"
	blk-put -N file --ref snap:dir/file
	blk-get file | cmp - src/dir/file
	printf 'snap:dir/file\nsnap\n' | blk-get --batch-check >out
	[ "$(cat out)" = "$(sha src/dir/file) 21
snap missing" ]
}

@test "content that is no tree has no inside" {
	printf 1 | blk-put -N a
	run -2 --separate-stderr blk-get a:b
	[ "$stderr" = 'blk-get: a:b: is neither snapshot nor tree' ]
}

# --- batches ---

@test "--batch answers each REF with id, size and bytes, or missing" {
	A=$(printf 'a\nb' | blk-put -N a)
	E=$(: | blk-put)
	printf 'a\nnothing\n%s\n\na@@\n%s' "$E" "$A" | blk-get --batch >out
	printf '%s 3\na\nb\nnothing missing\n%s 0\n\n missing\na@@ missing\n%s 3\na\nb\n' \
		"$A" "$E" "$A" | cmp - out
}

@test "--batch-check answers without the bytes" {
	A=$(printf 'a\nb' | blk-put -N a)
	printf 'a\nnothing\n' | blk-get --batch-check | cmp - <(printf '%s 3\nnothing missing\n' "$A")
}

@test "a batch gives large objects and many small ones" {
	random_file 6000000 1 large
	L=$(blk-put large)
	seq 3000 | awk '{ print length($0); print }' | blk-put --batch >ids
	{ head -n 1500 ids; echo "$L"; tail -n 1500 ids; } | blk-get --batch >out
	{
		seq 1500 | paste -d '\n' <(head -n 1500 ids) - | awk 'NR % 2 { id = $0; next } { print id, length($0); print }'
		echo "$L 6000000"
		cat large
		echo
		seq 1501 3000 | paste -d '\n' <(tail -n 1500 ids) - | awk 'NR % 2 { id = $0; next } { print id, length($0); print }'
	} | cmp - out
}

@test "one object among many is found, whatever they are packed with" {
	for codec in none zstd lz4 gzip; do
		blk-init -s "$codec"
		blk-config set -s "$codec" compression "$codec"
		seq 3000 | awk '{ $0 = "object " $0 " of some text"; print length($0); print } END { print "commit" }' |
			blk-put -s "$codec" --batch >ids
		[ "$(blk-get -s "$codec" "$(sed -n 777p ids | cut -d ' ' -f 1)")" = 'object 777 of some text' ]
	done
}

@test "a batch answers at once, and sees what others commit meanwhile" {
	coproc BATCH { exec blk-get --batch-check 3>&-; }
	pid=$BATCH_PID
	for want in missing 1 2; do
		printf 'n\n' >&"${BATCH[1]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
		[ "${answer##* }" = "$want" ] || fail "$answer"
		printf '%s' "${filler=}x" | blk-put -N n
		filler+=x
	done
	eval "exec ${BATCH[1]}>&-"
	wait "$pid"
}

@test "a batch ends with -0 what newline would end, both ways" {
	A=$(printf 'a\nb' | blk-put -N a)
	printf 'a\0x\ny\0' | blk-get --batch -0 | cmp - <(printf '%s 3\0a\nb\0x\ny missing\0' "$A")
}

@test "a batch stops at what is corrupt, exit 4" {
	A=$(random_file 3000 1 in && blk-put in)
	B=$(printf b | blk-put)
	damage store/log/000000000/000000000001
	printf '%s\n%s\n%s\n' "$B" "$A" "$B" >refs
	run -4 --separate-stderr bash -c 'blk-get --batch <refs >out'
	printf '%s 1\nb\n' "$B" | cmp - out
}

@test "a batch that cannot answer is a failure" {
	printf 1 | blk-put -N a
	run -1 bash -c 'echo a | blk-get --batch >/dev/full'
	run -1 bash -c 'blk-get --batch <&-'
}

@test "modes exclude each other" {
	for args in '-e --batch' '--batch --batch-check' '--batch a' '-e --range 0:1 a' \
		'--batch -o x' '--batch --json' '' '--batch-check --force'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr blk-get $args </dev/null
		[ -z "$output" ]
	done
}

# --- the rest ---

@test "a store that is not there is exit 6, and none is made" {
	run -6 --separate-stderr blk-get -s nowhere a
	[[ $stderr == *nowhere*blk-init* ]] || fail "$stderr"
	[ ! -e nowhere ]
	unset BLK_STORE
	run -6 blk-get a
	[ ! -e home/.local ]
}

@test "--json tells of files and of what exists" {
	A=$(printf 1 | blk-put -N a)
	blk-get --json -o out a >items
	[ "$(head -n 1 items)" = "{\"type\":\"object\",\"ref\":\"a\",\"id\":\"$A\",\"size\":1}" ]
	[ "$(tail -n 1 items)" = '{"type":"summary","objects":1,"bytes":1}' ]
	run -6 blk-get --json -e a b
	[ "$(jq -r '[.ref, .exists] | join(" ")' <<<"${lines[1]}")" = 'b false' ]
	run -6 --separate-stderr blk-get --json nothing
	[ "$(jq -r '[.type, .code, .kind] | join(" ")' <<<"$stderr")" = 'error 6 absent' ]
}

@test "SIGTERM while a file is written leaves nothing of it" {
	mkfifo pipe
	seq 3000000 | blk-put -N a
	blk-get -o pipe a 3>&- &
	pid=$!
	exec 4<pipe
	sleep 0.2
	kill -TERM "$pid"
	code=0
	wait "$pid" || code=$?
	exec 4<&-
	[ "$code" -eq 143 ]
	[ -p pipe ]
	run ! compgen -G '*.??????'
}
