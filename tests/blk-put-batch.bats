# What blk-put(1) promises of --batch.
# shellcheck disable=SC2154  # stderr is run's
load helper

setup() {
	blk_setup
	blk-init
	A=$(printf a | sha256sum | cut -c 1-64)
	B=$(printf b | sha256sum | cut -c 1-64)
}

commits() {
	find store/log -type f | wc -l
}

# refused STATUS MESSAGE: the batch on stdin ends so, and no commit is made
refused() {
	local before

	before=$(commits)
	cat >requests
	run "-$1" --separate-stderr bash -c 'blk-put --batch <requests'
	[[ $stderr == "blk-put: standard input: request "*"$2"* ]] || fail "$stderr"
	[ "$(commits)" -eq "$before" ] || fail 'a commit was made'
}

@test "each request of bytes is answered with their id" {
	printf '1\na\n0\n\n1 name\nb\n' >in
	blk-put --batch <in >out
	printf '%s\n%s\n%s\n' "$A" "$(printf '' | sha256sum | cut -c 1-64)" "$B" | cmp - out
	[ "$(blk-get "$A")" = a ]
	[ "$(blk-get name)" = b ]
	[ -z "$(blk-get "$(sed -n 2p out)")" ]
}

@test "bytes may hold anything, requests too" {
	printf '7\n1\na\nget\n5\n\0\n\r\xff\x01\n' | blk-put --batch >out
	[ "$(sed -n 1p out)" = "$(printf '1\na\nget' | sha256sum | cut -c 1-64)" ]
	[ "$(sed -n 2p out)" = "$(printf '\0\n\r\xff\x01' | sha256sum | cut -c 1-64)" ]
}

@test "objects of any size go through a batch" {
	: >in
	for size in 1 4096 65537 1048575 1048576 1048577 5000000; do
		random_file "$size" "$size" part
		{ echo "$size n$size"; cat part; echo; } >>in
		sha part >>want
	done
	blk-put --batch <in | cmp - want
	for size in 1048576 5000000; do
		random_file "$size" "$size" part
		blk-get "n$size" | cmp - part
	done
}

@test "a batch sees its own writes before they are committed, others do not" {
	coproc BATCH { exec blk-put --batch 3>&-; }
	pid=$BATCH_PID
	ask() {
		printf "$1" >&"${BATCH[1]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
	}
	ask '1 n\na\n'
	[ "$answer" = "$A" ]
	ask 'get n\n'
	[ "$answer" = "$A 1" ]
	IFS= read -r answer <&"${BATCH[0]}"
	[ "$answer" = a ]
	run -6 blk-get n
	run -6 blk-get "$A"
	ask 'commit\n'
	[ "$answer" = 'committed 1' ]
	[ "$(blk-get n)" = a ]
	eval "exec ${BATCH[1]}>&-"
	wait "$pid"
}

@test "what others commit is found by a batch that goes on" {
	coproc BATCH { exec blk-put --batch 3>&-; }
	pid=$BATCH_PID
	printf '1\na\n' >&"${BATCH[1]}"
	IFS= read -r -t 10 answer <&"${BATCH[0]}"
	printf b | blk-put -N other
	printf 'get other\n' >&"${BATCH[1]}"
	IFS= read -r -t 10 answer <&"${BATCH[0]}"
	[ "$answer" = "$B 1" ]
	eval "exec ${BATCH[1]}>&-"
	wait "$pid"
}

@test "an index that another left half made ends no batch" {
	local left

	for left in gone empty; do
		coproc BATCH { exec blk-put --batch 3>&- 2>err; }
		pid=$BATCH_PID
		printf '1 n\na\ncommit\n' >&"${BATCH[1]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
		[[ $answer == committed* ]]
		rm "$BLK_STORE"/index-1.db*
		[ "$left" = gone ] || : >"$BLK_STORE/index-1.db"
		printf '1 %s\nb\ncommit\n' "$left" >&"${BATCH[1]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
		IFS= read -r -t 10 answer <&"${BATCH[0]}"
		[[ $answer == committed* ]] || fail "$left: $answer, $(cat err)"
		eval "exec ${BATCH[1]}>&-"
		wait "$pid" || fail "$left: $? $(cat err)"
		[ "$(wc -l <err)" -eq 1 ] || fail "$left: $(cat err)"
		grep -q '^blk-put: index: .* made ' err
		[ "$(blk-get "$left")" = b ]
		[ "$(blk-get n)" = a ]
	done
	blk-check -q --read-data
}

@test "get finds pending objects by id, prefix, name, number and from behind" {
	printf a | blk-put -N n
	printf '1 n\nb\n1\nc\nget n\nget n@1\nget n@2\nget n@-1\nget %s\nget %s\nget n@3\n' \
		"$B" "${B:0:10}" | blk-put --batch | sed 1,2d >out
	printf '%s 1\nb\n%s 1\na\n%s 1\nb\n%s 1\na\n%s 1\nb\n%s 1\nb\nn@3 missing\n' \
		"$B" "$A" "$B" "$A" "$B" "$B" | cmp - out
}

@test "large pending objects are read back whole" {
	random_file 3000000 1 big
	{ echo 3000000; cat big; echo; echo "get $(sha big)"; } |
		blk-put --batch >out
	{ sha big; echo "$(sha big) 3000000"; cat big; echo; } | cmp - out
}

@test "rm drops a version, committed or not" {
	printf a | blk-put -N n
	printf b | blk-put -N n
	printf '1\nc\n' | blk-put --batch >c
	printf 'rm n\nget n\nrm n\nget n\nrm n\nrm %s\nrm %s\nget %s\n' \
		"$(cat c)" "$(cat c)" "$(cat c)" | blk-put --batch >out
	printf '%s\n%s 1\na\n%s\nn missing\nn missing\n%s\n%s missing\n%s missing\n' \
		"$B" "$A" "$A" "$(cat c)" "$(cat c)" "$(cat c)" | cmp - out
	run -6 blk-get n
	run -6 blk-get "$(cat c)"
	run -6 blk-get "$A"
}

@test "what is removed and put again in one batch is there" {
	printf a | blk-put
	printf 'rm %s\n1\na\n' "$A" | blk-put --batch
	[ "$(blk-get "$A")" = a ]
	printf '1\na\nrm %s\n' "$A" | blk-put --batch
	run -6 blk-get "$A"
	# its bytes may still lie in the store, not counted
	printf '1\na\nget %s\n' "$A" | blk-put --batch | tail -n 1 >out
	[ "$(cat out)" = a ]
	[ "$(blk-get "$A")" = a ]
}

@test "an object is there as long as something else refers to it" {
	printf a | blk-put
	printf a | blk-put -N n
	printf 'rm %s\nget %s\nrm n\nget %s\n' "$A" "$A" "$A" | blk-put --batch >out
	printf '%s\n%s 1\na\n%s\n%s missing\n' "$A" "$A" "$A" "$A" | cmp - out
}

@test "ref makes a REF the next version of a name" {
	printf a | blk-put -N n
	printf 'ref m n\nget m\n1\nb\nref m %s\nget m@2\nref m nothing\n' "$B" |
		blk-put --batch >out
	printf '%s\n%s 1\na\n%s\n%s\n%s 1\nb\nnothing missing\n' "$A" "$A" "$B" "$B" "$B" |
		cmp - out
	[ "$(blk-get m)" = b ]
	[ "$(blk-get m@1)" = a ]
}

@test "abort forgets what was not committed" {
	printf '1 n\na\ncommit\n1 n\nb\n1\nc\nrm n\nabort\nget n\n' | blk-put --batch >out
	tail -n 3 out | cmp - <(printf 'aborted\n%s 1\na\n' "$A")
	[ "$(blk-get n)" = a ]
	run -6 blk-get "$(printf c | sha256sum | cut -c 1-64)"
	run -6 blk-get n@2
}

@test "commit answers with the number of the commit, also of one before" {
	printf 'commit\n1\na\ncommit\ncommit\n' | blk-put --batch >out
	printf 'committed 0\n%s\ncommitted 1\ncommitted 1\n' "$A" | cmp - out
}

@test "the end of the input commits, once" {
	before=$(commits)
	seq 200 | awk '{ print length($0); print }' | blk-put --batch >ids
	[ "$(commits)" -eq $((before + 1)) ]
	blk-get --batch-check <ids >found
	run ! grep missing found
}

@test "with --atomic only commit commits" {
	before=$(commits)
	printf '1 n\na\n' | blk-put --batch --atomic
	[ "$(commits)" -eq "$before" ]
	run -6 blk-get n
	printf '1 n\na\ncommit\n1 n\nb\n' | blk-put --batch --atomic
	[ "$(blk-get n)" = a ]
	run -2 blk-put --atomic
	run -2 blk-put --batch --atomic --commit-every 1 </dev/null
}

@test "--commit-every counts requests and bytes of a batch" {
	before=$(commits)
	printf '1\na\n1\nb\n1\nc\n' | blk-put --batch --commit-every 2
	[ "$(commits)" -eq $((before + 2)) ]
	random_file 2000 1 in
	{ echo 1000; head -c 1000 in; echo; echo 1000; tail -c 1000 in; echo; } |
		blk-put --batch --commit-every 1K
	[ "$(commits)" -eq $((before + 3)) ]
}

@test "options about versions hold for all of a batch" {
	bom=$(printf sbom | blk-put -N bom)
	printf '1 n\na\n' | blk-put --batch -t text/plain -a k=v -l "sbom=$bom"
	printf 'rm bom\n' | blk-put --batch
	[ "$(blk-get "$bom")" = sbom ]
	printf '1 e\nb\n' | blk-put --batch --expires 1s
	sleep 1.1
	run -6 blk-get e
}

@test "requests that are none end the batch, and nothing is stored" {
	printf '1\na\nfrobnicate\n' | refused 2 'is no request'
	printf '1\na\n\n' | refused 2 'is no request'
	printf '1\na\n01\nb\n' | refused 2 'is no request'
	printf '1\na\n1x\nb\n' | refused 2 'is no request'
	printf '1\na\n-1\nb\n' | refused 2 'is no request'
	printf '1\na\n99999999999999999999\nb\n' | refused 2 'is no request'
	printf '1\na\nget\n' | refused 2 'is no request'
	printf '1\na\ncommit now\n' | refused 2 'is no request'
	printf '1\na\nref n\n' | refused 2 "'ref' needs"
	printf '1\na\0\n' | refused 2 'do not end'
	head -c 70000 /dev/zero | tr '\0' 9 | refused 2 'too long'
}

@test "bytes that are too few or too many end the batch, and nothing is stored" {
	printf '1\na\n5\nhel' | refused 2 'the input ends before'
	printf '1\na\n5\nhello' | refused 2 'the input ends before'
	printf '1\na\n5\nhello!\n' | refused 2 'do not end'
	{ printf '1\na\n3000000\n'; head -c 2000000 /dev/zero; } | refused 2 'the input ends before'
	run -6 blk-get "$A"
}

@test "names that cannot be end the batch, and nothing is stored" {
	for name in 'a:b' 'a@b' '' '/a' $'a\tb' "$A"; do
		printf '1\na\n1 %s\nb\n' "$name" | refused 2 ''
		printf '1\na\nref %s x\n' "$name" | refused 2 ''
	done
}

@test "trees and malformed REFs are missing" {
	printf 'get a@b@c\nget 12345678\nget x:y\nrm a@@\n' | blk-put --batch |
		cmp - <(printf 'a@b@c missing\n12345678 missing\nx:y missing\na@@ missing\n')
}

@test "-0 puts NUL where newlines are, both ways" {
	printf '3\0a\nb\0get n\nm\0commit\0' >in
	blk-put --batch -0 <in >out
	printf '%s\0n\nm missing\0committed 1\0' "$(printf 'a\nb' | sha256sum | cut -c 1-64)" |
		cmp - out
}

@test "blk-put --batch -n answers and stores nothing" {
	before=$(commits)
	printf '1 n\na\nget n\ncommit\nget n\n' | blk-put -n --batch >out
	printf '%s\n%s 1\na\ncommitted 0\nn missing\n' "$A" "$A" | cmp - out
	[ "$(commits)" -eq "$before" ]
}

@test "a batch goes with no files, names, or options for one input" {
	for args in 'file' '-T list' '-N n' '--exec' '--tee' "--expect-id $A" \
		'--min-size 1' '--json' '--id-file x' '--ref x -N n'; do
		# shellcheck disable=SC2086
		run -2 blk-put --batch $args </dev/null
	done
}

@test "answers that are lost are a failure, and what waits is not stored" {
	printf '1 n\na\n' >in
	run -1 --separate-stderr bash -c 'blk-put --batch <in >/dev/full'
	[[ $stderr == *'standard output: No space left on device' ]] || fail "$stderr"
	run -6 blk-get n
}

@test "the first batch makes the default store" {
	unset BLK_STORE
	printf '1 n\na\n' | blk-put --batch
	[ "$(blk-get n)" = a ]
	[ -f home/.local/share/blk/config ]
}

@test "forty thousand objects in one batch are all there" {
	seq 40000 | awk '{ print length($0); print }' >in
	blk-put --batch <in >ids
	[ "$(wc -l <ids)" -eq 40000 ]
	blk-get --batch <ids | awk 'NR % 2 == 0' | cmp - <(seq 40000)
}
