# --max-memory is kept, however large the object and the store.  BLK_SOAK=1
# takes an object of 5 GiB and a store of a million.
load helper
load faults

setup() {
	need plain # the sanitizers' own memory is none of ours
	blk_setup
	blk-init
}

# peak MIB COMMAND...: run it, and expect it to take less memory than that.
peak() {
	local most=$1

	shift
	rm -f took
	"$BUILD/tests/bench/measure" took /dev/stdout "$@" || fail "$*: exit $?"
	read -r _ _ peak <took
	awk -v p="$peak" -v m="$most" 'BEGIN { exit !(p < m) }' ||
		fail "$*: $peak MiB"
}

@test "with --max-memory 64M a large object takes less than 96 MiB, in and out" {
	size=384M
	[ -z "$soak" ] || size=5G
	id=$(noise | head -c "$size" | tee >(sha256sum >sum) |
		peak 96 blk-put --max-memory 64M -N large)
	[ "$id" = "$(cut -d ' ' -f 1 sum)" ]
	truncate -s "$size" sparse
	peak 96 blk-put --max-memory 64M -N sparse sparse >sparse.id
	[ "$(cat sparse.id)" = "$(sha sparse)" ]
	[ "$(peak 96 blk-get --max-memory 64M large | sha256sum)" = "$id  -" ]
	peak 96 blk-get --max-memory 64M -o got sparse
	cmp got sparse
	peak 96 blk-get --max-memory 64M -j 8 -o got large
	[ "$(sha got)" = "$id" ]
}

# many FROM TO: so many objects, named.
many() {
	seq "$1" "$2" | awk '{ printf "%d n%d\n%s\n", length($0), $0, $0 }' |
		blk-put --batch >/dev/null
}

# What each command takes, MiB, in a file of this name.
measure() {
	local command

	set -f # no names of files for the *
	head -c 3000000 one >two
	echo "$1" >>two # something new each time
	blk-put -N two one >/dev/null
	for command in 'blk-put two' 'blk-put -N some two' 'blk-get -o got n7' \
		'blk-get -o got two' 'blk-rm -q some'; do
		peak 96 $command --max-memory 64M >/dev/null
		printf '%s %s\n' "${peak%.*}" "$command"
	done >"$1"
	# these fill a cache, up to its bound
	for command in 'blk-ls --count *' 'blk-ls --objects --count' blk-stat; do
		peak 64 $command --max-memory 64M >/dev/null
	done
}

@test "what putting and getting takes does not grow with the store" {
	random_file 3000000 one one
	factor=1
	[ -z "$soak" ] || factor=33
	many 1 $((1000 * factor))
	measure small
	many $((1000 * factor + 1)) $((30000 * factor))
	measure large
	while read -r small rest <&3 && read -r large rest <&4; do
		# a heap has up to two huge pages more or less
		[ "$large" -le $((small + 4)) ] ||
			fail "$rest: $small MiB, then $large MiB"
	done 3<small 4<large
}

@test "with --max-memory 64M collections and reports take less than 96 MiB" {
	local i command

	factor=1
	[ -z "$soak" ] || factor=20
	random_file 60000000 one one
	random_file 60000000 two two
	mkdir tree
	for i in $(seq $((20 * factor))); do
		mkdir "tree/$i"
		(cd "tree/$i" && seq "$i" $((i + 1000)) | split -a 3 -l 1)
	done
	split -b 1000000 one piece.
	blk-put -q piece.* two >ids
	blk-put -q --no-dedup -N plain two >/dev/null
	blk-backup create -q -N tree tree >/dev/null
	sed -n 'p;n' ids | blk-rm -q -T -
	for command in 'blk-stat tree' 'blk-rm -n tree' blk-dedup \
		'blk-dedup --estimate tree one' 'blk-gc -n' 'blk-gc --max-unused 0 -j 8' \
		'blk-dedup --apply' 'blk-rm tree' blk-gc; do
		# shellcheck disable=SC2086
		peak 96 $command --max-memory 64M >/dev/null
	done
	blk-check -q
}
