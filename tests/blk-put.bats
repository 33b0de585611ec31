# What blk-put(1) promises, but for --batch (blk-put-batch.bats).
# shellcheck disable=SC2154  # stderr_lines is run's
load helper

setup() {
	blk_setup
	blk-init
}

commits() {
	find store/log -type f | wc -l
}

# versions NAME: how many there are, found by asking for each
versions() {
	local n=0

	while blk-get -e "$1@-$((n + 1))"; do
		n=$((n + 1))
	done
	if blk-get -e "$1"; then
		n=$((n + 1))
	fi
	echo "$n"
}

# unchanged COMMAND...: it leaves no commit behind
unchanged() {
	local before

	before=$(commits)
	"$@"
	[ "$(commits)" -eq "$before" ] || fail "a commit was made"
}

# --- ids ---

@test "blk-put FILE prints exactly what sha256sum prints" {
	for size in 0 1 4095 4096 4097 65535 65536 65537 1048575 1048576 1048577 3000000; do
		random_file "$size" "$size" in
		[ "$(blk-put in)" = "$(sha in)" ]
		[ "$(blk-put <in)" = "$(sha in)" ]
		[ "$(blk-put -n in)" = "$(sha in)" ]
		[ "$(blk-put --no-dedup in)" = "$(sha in)" ]
		blk-get "$(sha in)" | cmp - in
	done
}

@test "64 MiB, random and of zeros, come back byte for byte" {
	random_file $((64 << 20)) 7 in
	[ "$(blk-put in)" = "$(sha in)" ]
	blk-get "$(sha in)" | cmp - in
	truncate -s 64M zeros
	[ "$(blk-put <zeros)" = "$(sha zeros)" ]
	blk-get "$(sha zeros)" | cmp - zeros
}

@test "ids do not depend on codec and chunk size" {
	random_file 500000 3 half
	seq 100000 | cat - half >in
	for codec in none lz4 gzip zstd:1 zstd:19; do
		for chunks in 4K:16K:64K 64:128:256 256K:1M:4M; do
			rm -rf store
			blk-init --compression "$codec" --chunk-size "$chunks"
			[ "$(blk-put in)" = "$(sha in)" ]
			blk-get "$(sha in)" | cmp - in
		done
	done
}

@test "blk-put -v prints what sha256sum -c accepts" {
	printf 'hello\n' >plain
	printf 'x' >"$(printf 'new\nline')"
	printf 'y' >'back\slash'
	printf 'z' >' spaces  '
	printf 'w' >$'\xff\xfe'
	printf 'v' >-dash
	printf 'u' >$'tab\tescape\e[31m'
	blk-put -v -- plain new* back* ' spaces  ' $'\xff\xfe' -dash tab* >sums
	sha256sum -- plain new* back* ' spaces  ' $'\xff\xfe' -dash tab* | cmp - sums
	sha256sum --strict -c sums
	blk-put -v <plain | cmp - <(sha256sum <plain)
}

@test "blk-put -v -0 escapes nothing, as sha256sum -z" {
	printf 'x' >"$(printf 'new\nline')"
	blk-put -v -0 new* | cmp - <(sha256sum -z new*)
	blk-put -0 new* | tr '\0' '\n' | cmp - <(blk-put new*)
}

# --- what one commit is ---

@test "several files make one commit" {
	seq 10 >a
	seq 20 >b
	before=$(commits)
	blk-put a b "$SRC/README" - <a >ids
	[ "$(commits)" -eq $((before + 1)) ]
	sha256sum a b "$SRC/README" - <a | cut -c 1-64 | cmp - ids
}

@test "the same content twice costs no data, and unnamed not even a commit" {
	random_file 2000000 5 in
	blk-put in
	before=$(du -sb store/segments | cut -f 1)
	unchanged blk-put in
	blk-put -N a in
	blk-put -N a in
	[ "$(versions a)" -eq 2 ]
	[ "$(du -sb store/segments | cut -f 1)" -eq "$before" ]
}

@test "a file that cannot be read is exit 3, and the others are stored" {
	seq 10 >a
	seq 20 >b
	run -3 --separate-stderr blk-put a missing b
	[ "$output" = "$(sha a)
$(sha b)" ]
	[ "$stderr" = 'blk-put: missing: No such file or directory' ]
	blk-get "$(sha b)" | cmp - b
	mkdir dir
	run -3 --separate-stderr blk-put dir a
	[ "$output" = "$(sha a)" ]
	[ "$stderr" = 'blk-put: dir: Is a directory' ]
}

@test "where nothing could be read nothing is stored" {
	unchanged run -3 --separate-stderr blk-put missing
	[ -z "$output" ]
	unchanged run -3 --separate-stderr bash -c 'blk-put -N a <&-'
	[ "$stderr" = 'blk-put: standard input: Bad file descriptor' ]
	run -6 blk-get a
}

@test "a file without permission is exit 3" {
	need bound
	touch a
	chmod 000 a
	run -3 bound blk-put a
}

@test "many files in one go all come back" {
	mkdir many
	for i in $(seq 300); do
		seq "$i" "$((3 * i))" >"many/$i"
	done
	blk-put -v many/* >sums
	sha256sum --quiet -c sums
	while read -r id file; do
		blk-get "$id" | cmp - "$file"
	done < <(sed -n '1~50p' sums)
}

# --- names ---

@test "with -N each put appends a version" {
	for i in 1 2 3; do
		echo "$i" | blk-put -N name
	done
	[ "$(blk-get name)" = 3 ]
	[ "$(blk-get name@1)" = 1 ]
	[ "$(blk-get name@-1)" = 2 ]
	[ "$(blk-put --json -N name <<<4 | head -n 1 | jq .version)" = 4 ]
}

@test "names that cannot be are refused, and nothing is stored" {
	for name in '' a:b a@b /a a/ a//b "$(printf '%0256d' 0)" "$(sha "$SRC/README")" \
		$'a\nb' $'a\x7f' $'\xff' $'\xc2\x85'; do
		unchanged run -2 --separate-stderr blk-put -N "$name" "$SRC/README"
		[[ ${stderr_lines[0]} == 'blk-put: --name: '* ]] || fail "$stderr"
	done
}

@test "names may be long, and may hold what names of files hold" {
	for name in "$(printf '%0255d' 7)" 'a b' 'a/b/c' 'ü€😀' "it's" '100%' '*'; do
		printf '%s' "$name" | blk-put -N "$name"
		[ "$(blk-get "$name")" = "$name" ]
	done
}

@test "blk-put -N takes one input" {
	for args in '-N a x y' '-N a -T list'; do
		# shellcheck disable=SC2086
		unchanged run -2 --separate-stderr blk-put $args
		[[ $stderr == *'--name takes one input'* ]] || fail "$stderr"
	done
}

@test "an object put without a name gets one when it is asked for" {
	id=$(blk-put "$SRC/README")
	[ "$(blk-put -N readme "$SRC/README")" = "$id" ]
	blk-get readme | cmp - "$SRC/README"
}

@test "--ref makes what is there the next version of a name" {
	echo 1 | blk-put -N a
	echo 2 | blk-put -N a
	id=$(blk-put -N b --ref a@1)
	[ "$(blk-get b)" = 1 ]
	[ "$id" = "$(echo 1 | sha256sum | cut -c 1-64)" ]
	blk-put -N b --ref a
	[ "$(blk-get b)" = 2 ]
	blk-put -N b --ref "${id:0:12}"
	[ "$(blk-get b)" = 1 ]
	unchanged run -6 --separate-stderr blk-put -N b --ref nothing
	unchanged run -2 blk-put -N b --ref 'a@{never}'
	unchanged run -2 blk-put --ref a
	unchanged run -2 blk-put -N b --ref a file
}

@test "--if-head puts only if the name is at that version, else exit 5" {
	one=$(echo 1 | blk-put -N a --if-head none)
	unchanged run -5 --separate-stderr blk-put -N a --if-head none <<<x
	[[ $stderr == 'blk-put: a: '* ]] || fail "$stderr"
	echo 2 | blk-put -N a --if-head a@1
	unchanged run -5 blk-put -N a --if-head a@1 <<<x
	unchanged run -5 blk-put -N a --if-head "$one" <<<x
	unchanged run -5 blk-put -N a --if-head a@7 <<<x
	unchanged run -5 blk-put -N a --if-head nothing <<<x
	blk-put -N a --if-head "$(echo 2 | sha256sum | cut -c 1-64)" <<<3
	blk-put -N a --if-head a@3 --ref a@1
	[ "$(blk-get a)" = 1 ]
	# the same content again, but not the same version
	blk-put -N a <<<2
	unchanged run -5 blk-put -N a --if-head a@2 <<<x
	unchanged run -5 blk-put -n -N a --if-head a@2 <<<x
	unchanged run -2 blk-put --if-head none <<<x
}

@test "of many who put at the same head one wins" {
	echo 0 | blk-put -N a
	for i in $(seq 8); do
		(
			code=0
			echo "$i" | blk-put -q -N a --if-head a@1 >/dev/null 2>&1 || code=$?
			echo "$code" >"code.$i"
		) 3>&- &
	done
	wait
	[ "$(cat code.* | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 1 0; 7 5;' ]
	[ "$(versions a)" -eq 2 ]
}

@test "--keep-last drops older versions in the same commit" {
	for i in 1 2 3 4 5; do
		echo "$i" | blk-put -N a
	done
	before=$(commits)
	echo 6 | blk-put -N a --keep-last 3
	[ "$(commits)" -eq $((before + 1)) ]
	[ "$(versions a)" -eq 3 ]
	[ "$(blk-get a@6)" = 6 ]
	[ "$(blk-get a@4)" = 4 ]
	run -6 blk-get a@3
	blk-put -N a --ref a@4 --keep-last 1
	[ "$(versions a)" -eq 1 ]
	[ "$(blk-get a@7)" = 4 ]
	for n in 0 -1 x ''; do
		unchanged run -2 blk-put -N a --keep-last "$n" <<<x
	done
	unchanged run -2 blk-put --keep-last 1 <<<x
}

@test "--expires hides a version from the moment it ends" {
	need native
	echo 1 | blk-put -N a
	echo 2 | blk-put -N a --expires 1s
	id=$(echo alone | blk-put --expires 1s)
	[ "$(blk-get a)" = 2 ]
	[ "$(blk-get "$id")" = alone ]
	sleep 1.1
	[ "$(blk-get a)" = 1 ]
	run -6 blk-get a@2
	run -6 blk-get "$id"
	# put again without an end it is there for good
	echo alone | blk-put
	[ "$(blk-get "$id")" = alone ]
	for d in 0s '' soon -1d; do
		unchanged run -2 blk-put --expires "$d" <<<x
	done
}

@test "a later put of the same bytes keeps the later end" {
	id=$(echo alone | blk-put)
	echo alone | blk-put --expires 1s
	sleep 1.1
	[ "$(blk-get "$id")" = alone ]
}

# --- types, attributes, links ---

@test "type and attributes change nothing about the id" {
	run -0 blk-put -N a -t text/plain -a k=v -a "with space=a=b" -a empty= "$SRC/README"
	[ "$output" = "$(sha "$SRC/README")" ]
}

@test "attributes and links that are none are usage errors" {
	for args in '-a k' '-a =v' '-l rel' '-l =README' '-l r=a@b' '-l r='; do
		# shellcheck disable=SC2086
		unchanged run -2 --separate-stderr blk-put $args "$SRC/README"
		[[ ${stderr_lines[0]} == 'blk-put: --'* ]] || fail "$stderr"
	done
	unchanged run -2 blk-put -a k=1 -a k=2 "$SRC/README"
}

@test "a link to what is not there is exit 6 and stores nothing" {
	unchanged run -6 --separate-stderr blk-put -l sbom=nothing "$SRC/README"
	[[ $stderr == 'blk-put: nothing: '* ]] || fail "$stderr"
	unchanged run -6 blk-put -n -l sbom=nothing "$SRC/README"
	run -6 blk-get -e "$(sha "$SRC/README")"
}

@test "a link keeps its target alive when its name is gone" {
	bom=$(echo parts | blk-put -N sbom)
	echo release | blk-put -N release -l "sbom=$bom" -l sbom=sbom
	printf 'rm sbom\n' | blk-put --batch
	run -6 blk-get sbom
	[ "$(blk-get "$bom")" = parts ]
	printf 'rm release\n' | blk-put --batch
	run -6 blk-get "$bom"
}

# --- where bytes come from and go to ---

@test "- is standard input, and a file called - has a path" {
	echo stdin >./-
	[ "$(echo x | blk-put -)" = "$(echo x | sha256sum | cut -c 1-64)" ]
	[ "$(blk-put ./-)" = "$(sha ./-)" ]
	run -2 --separate-stderr blk-put - - <"$SRC/README"
	[[ $stderr == *'only once'* ]] || fail "$stderr"
	run -2 blk-put -T - - <"$SRC/README"
}

@test "-T takes the names of files from a file, or standard input" {
	seq 10 >a
	seq 20 >"$(printf 'b\nc')"
	printf 'a\n\na\n' >list
	run -0 blk-put -T list
	[ "$output" = "$(sha a)
$(sha a)" ]
	printf 'a' | blk-put -T - >out
	[ "$(cat out)" = "$(sha a)" ]
	printf 'a\0b\nc\0' | blk-put -v -0 -T - | cmp - <(sha256sum -z a b*)
	run -0 blk-put -T list a
	[ "${#lines[@]}" -eq 3 ]
	unchanged run -1 --separate-stderr blk-put -T missing
	run -3 --separate-stderr blk-put -T <(printf 'a\nnone\n')
	[ "$output" = "$(sha a)" ]
}

@test "an empty list of files stores nothing, and is no error" {
	unchanged run -0 blk-put -T /dev/null
	[ -z "$output" ]
}

@test "--tee copies standard input as it is stored, the id goes to --id-file" {
	random_file 3000000 9 in
	blk-put -N a --tee --id-file id <in >out
	cmp in out
	[ "$(cat id)" = "$(sha in)" ]
	blk-get a | cmp - in
	blk-put --tee <in | cmp - in
	for args in '--tee in' '--tee --exec -- true' '--tee -T in'; do
		# shellcheck disable=SC2086
		unchanged run -2 blk-put $args
	done
}

@test "--tee that loses its reader or its disk stores nothing" {
	seq 1000000 >in
	unchanged run -1 --separate-stderr bash -c 'blk-put -N a --tee <in >/dev/full'
	[[ $stderr == *'No space left on device'* ]] || fail "$stderr"
	unchanged run -141 bash -c 'set -o pipefail; blk-put -N a --tee <in | head -n 1 >/dev/null'
	run -6 blk-get a
}

@test "holes of a file are not read, and are stored as the zeros that they are" {
	local id read

	command -v strace >/dev/null || skip 'needs strace'
	truncate -s 40M in
	printf 'in the middle' | dd of=in bs=1 seek=20500000 conv=notrunc status=none
	[ "$(du -k in | cut -f 1)" -lt 4096 ] || skip 'no holes here'
	id=$(sha256sum in)
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run -0 --separate-stderr \
		strace -f -o trace -P "$PWD/in" -e trace=read,pread64 blk-put in
	[ "$output" = "${id%% *}" ]
	read=$(sed -n 's/.* = \([0-9]*\)$/\1/p' trace | awk '{ n += $1 } END { print n }')
	[ "$read" -gt 0 ] && [ "$read" -lt 5000000 ] || fail "$read bytes were read"
	blk-get "$output" | cmp - in
	# from where standard input stands, and no further
	{
		dd bs=1M count=3 status=none >/dev/null
		blk-put
	} <in >from
	[ "$(cat from)" = "$(tail -c +3145729 in | sha256sum | cut -d ' ' -f 1)" ]
	[ "$(blk-put --tee <in | sha256sum)" = "${id%% *}  -" ]
}

@test "--id-file appears whole, and a lost one is a failure that says so" {
	seq 10 >a
	echo before >id
	blk-put --id-file id a
	[ "$(cat id)" = "$(sha a)" ]
	run -1 --separate-stderr blk-put --id-file no/such/dir a
	[[ $stderr == *'stored, but: no/such/dir: '* ]] || fail "$stderr"
	# what could not be read leaves no empty one behind
	run -3 --separate-stderr blk-put --id-file id no-such-file
	[ "$(cat id)" = "$(sha a)" ]
	: | blk-put --id-file id -T -
	[ -e id ] && [ ! -s id ]
	[ "$(blk-put --id-file - a)" = "$(sha a)" ]
	run -2 --separate-stderr bash -c 'blk-put --tee --id-file - <a'
	[[ $stderr == *'--tee needs standard output'* ]] || fail "$stderr"
	[ ! -e ./- ]
}

@test "--exec stores what a command prints if it succeeds" {
	run -0 --separate-stderr blk-put -N a --exec -- seq 100000
	[ "$output" = "$(seq 100000 | sha256sum | cut -c 1-64)" ]
	blk-get a | cmp - <(seq 100000)
	echo in | blk-put -N b --exec -- cat
	[ "$(blk-get b)" = in ]
}

@test "--exec stores nothing if the command fails" {
	unchanged run -1 --separate-stderr blk-put -N a --exec -- sh -c 'seq 100000; exit 3'
	[ -z "$output" ]
	[ "$stderr" = 'blk-put: sh: exit status 3; nothing was stored' ]
	unchanged run -1 --separate-stderr blk-put -N a --exec -- sh -c 'echo x; kill -9 $$'
	[[ $stderr == *'signal 9'* ]] || fail "$stderr"
	run -6 blk-get a
}

@test "--exec tells a command that is not there from one that cannot run" {
	need native
	unchanged run -127 --separate-stderr blk-put --exec -- no-such-command
	[ "$stderr" = 'blk-put: no-such-command: No such file or directory' ]
	touch noexec
	unchanged run -126 --separate-stderr blk-put --exec -- ./noexec
	unchanged run -2 blk-put --exec
	unchanged run -2 blk-put --exec -T list -- true
}

@test "--expect-id and --min-size keep nothing of what is not as expected" {
	seq 10 >a
	run -0 blk-put --expect-id "$(sha a)" --min-size 21 a
	rm -rf store && blk-init
	unchanged run -1 --separate-stderr blk-put -N x --min-size 22 a
	[[ $stderr == 'blk-put: a: has only 21 bytes'* ]] || fail "$stderr"
	unchanged run -1 --separate-stderr blk-put -N x --expect-id "$(sha "$SRC/README")" a
	[[ $stderr == "blk-put: a: has the id $(sha a), "* ]] || fail "$stderr"
	unchanged run -1 blk-put --min-size 1K "$SRC/README" a
	run -6 blk-get x
	run -6 blk-get "$(sha a)"
	run -6 blk-get "$(sha "$SRC/README")"
	for args in '--expect-id 12' '--min-size x' "--expect-id $(sha a) a a"; do
		# shellcheck disable=SC2086
		unchanged run -2 blk-put $args a
	done
}

@test "--expect-id takes capital letters too" {
	id=$(sha "$SRC/README")
	blk-put --expect-id "${id^^}" "$SRC/README"
}

@test "--commit-every commits from time to time" {
	for i in 1 2 3 4 5; do
		random_file 1000 "$i" "f$i"
	done
	before=$(commits)
	blk-put --commit-every 2 f? >ids
	[ "$(commits)" -eq $((before + 3)) ]
	sha256sum f? | cut -c 1-64 | cmp - ids
	random_file 1000 6 f6
	random_file 1000 7 f7
	before=$(commits)
	blk-put --commit-every 1K f6 f7
	[ "$(commits)" -eq $((before + 1)) ]
	for every in 0 0s x '' 5x -1; do
		unchanged run -2 blk-put --commit-every "$every" f1
	done
}

@test "--no-dedup stores again what is there, under the same id" {
	random_file 3000000 2 in
	blk-put in
	before=$(du -sb store/segments | cut -f 1)
	echo more >>in
	[ "$(blk-put --no-dedup in)" = "$(sha in)" ]
	[ "$(du -sb store/segments | cut -f 1)" -gt $((before + 2900000)) ]
	blk-get "$(sha in)" | cmp - in
}

@test "one byte at the front of 100 MiB adds less than 200 KiB" {
	random_file $((100 << 20)) 4 in
	blk-put in
	before=$(taken)
	printf x | cat - in >changed
	blk-put changed
	[ "$(taken)" -lt $((before + (200 << 10))) ]
	blk-get "$(sha changed)" | cmp - changed
	blk-check
}

# What the store takes, without its index.
taken() {
	du -sb --exclude='index-1.db*' store | cut -f 1
}

# --- dry runs, output ---

@test "blk-put -n prints the ids and stores nothing, on a default store makes none" {
	unchanged run -0 blk-put -n -v "$SRC/README"
	[ "$output" = "$(sha256sum "$SRC/README")" ]
	run -6 blk-get -e "$(sha "$SRC/README")"
	unset BLK_STORE
	run -0 blk-put -n "$SRC/README"
	[ ! -e home/.local ]
	run -6 blk-put -n -s nowhere "$SRC/README"
}

@test "the first put makes the default store, and only that" {
	unset BLK_STORE
	id=$(blk-put "$SRC/README")
	[ -f home/.local/share/blk/config ]
	blk-get "$id" | cmp - "$SRC/README"
	run -6 --separate-stderr blk-put -s named "$SRC/README"
	[[ $stderr == *named*blk-init* ]] || fail "$stderr"
	[ ! -e named ]
	BLK_STORE=$PWD/other run -6 blk-put "$SRC/README"
	[ ! -e other ]
}

@test "what cannot be read makes no default store" {
	need native
	unset BLK_STORE
	mkdir folder
	run -3 blk-put missing folder
	run -1 blk-put -T missing
	run -127 blk-put --exec -- "$PWD/missing"
	run -6 blk-put -N name --ref missing
	[ ! -e home/.local ] || fail "made: $(find home/.local)"
	run -3 blk-put missing "$SRC/README"
	blk-get "$(sha "$SRC/README")" | cmp - "$SRC/README"
}

@test "a dry run does not say that nothing is new" {
	blk-put -n --json "$SRC/README" | tail -n 1 >out
	[ "$(jq -r '[.bytes, .commits, .dry_run] | join(" ")' out)" = \
		"$(stat -c %s "$SRC/README") 0 true" ]
	[ "$(jq 'has("bytes_new") or has("bytes_stored")' out)" = false ]
}

@test "blk-put --json has a line for each object and a summary" {
	seq 10 >a
	blk-put --json -N n -t text/plain a >out
	[ "$(jq -r .type out | tr '\n' ' ')" = 'object summary ' ]
	[ "$(head -n 1 out | jq -r '[.id, .size, .file, .name, .version] | join(" ")')" = \
		"$(sha a) 21 a n 1" ]
	[ "$(tail -n 1 out | jq -r '[.objects, .bytes, .commits] | join(" ")')" = '1 21 1' ]
	run -3 --separate-stderr blk-put --json missing
	[ "$(jq -r '[.type, .code, .kind] | join(" ")' <<<"$stderr")" = 'error 3 incomplete' ]
}

@test "an id that is lost on its way is a failure" {
	need native
	run -1 --separate-stderr bash -c "blk-put '$SRC/README' >/dev/full"
	[ "$stderr" = 'blk-put: standard output: No space left on device' ]
	run -1 --separate-stderr bash -c "blk-put '$SRC/README' >&-"
}

@test "blk-put -q is silent but for results and errors" {
	run -0 --separate-stderr blk-put -q "$SRC/README"
	[ -z "$stderr" ]
	run -3 --separate-stderr blk-put -q missing
	[ -n "$stderr" ]
}

@test "options that do not exist or miss their argument touch nothing" {
	for args in --bogus --name '--keep-last' '-N' '--min-size' '--lock-wait x'; do
		# shellcheck disable=SC2086
		unchanged run -2 --separate-stderr blk-put $args
		[[ $stderr == *"Try 'blk-put --help'"* ]] || fail "$stderr"
	done
}

@test "SIGINT and SIGTERM end blk-put by that signal, and leave nothing behind" {
	mkfifo pipe
	for signal in INT TERM; do
		(exec sleep 30 >pipe) 3>&- &
		feeder=$!
		# jobs of a script have SIGINT ignored, unless told otherwise
		env --default-signal=INT blk-put -N a pipe 3>&- &
		pid=$!
		sleep 0.3
		before=$SECONDS
		kill -s "$signal" "$pid"
		code=0
		wait "$pid" || code=$?
		kill "$feeder"
		[ "$code" -eq $((128 + $(kill -l "$signal"))) ]
		[ $((SECONDS - before)) -le 3 ]
		[ -z "$(find store/tmp store/sessions -type f)" ]
		run -6 blk-get a
	done
}

@test "at most two files are synced for a small put" {
	command -v strace >/dev/null || skip 'needs strace'
	blk-put -N warm "$SRC/README"
	head -c 1024 "$SRC/README" >in
	# one tracer at a time: no search for leaks
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run -0 strace -f -o trace -e trace=fsync,fdatasync,sync_file_range,syncfs,sync blk-put in
	[ "$(grep -c 'sync' trace)" -le 2 ] || fail "$(cat trace)"
}

@test "sixteen writers at once lose nothing" {
	need native
	for i in $(seq 16); do
		(
			for k in 1 2 3 4 5; do
				echo "$((i % 2)) shared $k" | blk-put -N "n$i" || exit
				echo "own $i $k" | blk-put || exit
			done >"ids.$i" 2>"err.$i"
		) 3>&- &
	done
	wait
	[ -z "$(cat err.*)" ] || fail "$(cat err.*)"
	[ "$(cat ids.* | wc -l)" -eq 160 ]
	sort -u ids.* | blk-get --batch-check >found
	run ! grep missing found
	for i in $(seq 16); do
		[ "$(versions "n$i")" -eq 5 ]
	done
}

@test "what is stored again without a name keeps the links that it had" {
	for i in 1 2; do echo "target $i" >"t$i"; done
	blk-put t1 t2 >ids
	mapfile -t target <ids
	echo linked >file
	id=$(blk-put -l one="${target[0]}" file)
	blk-put -l two="${target[1]}" file >/dev/null
	blk-put -l one="${target[1]}" file >/dev/null
	blk-put -l one="${target[0]}" file >/dev/null
	blk-ls --links "$id" | awk '{ print $1, $2, $3 }' >links
	{
		echo "to one ${target[0]}"
		echo "to one ${target[1]}"
		echo "to two ${target[1]}"
	} | sort >want
	sort links | diff want -
	blk-rm "${target[@]}"
	blk-gc -q --max-unused 0
	cmp t1 <(blk-get "${target[0]}") && cmp t2 <(blk-get "${target[1]}")
	blk-check --read-data
}
