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
		[ "$large" -le $((small + 2)) ] ||
			fail "$rest: $small MiB, then $large MiB"
	done 3<small 4<large
}
