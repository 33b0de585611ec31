#!/usr/bin/env bash
# space.sh - what it costs to know what is whose, and to give space back.
#
# The cost of a snapshot of the tree, and of one object among many; a tree of
# which 19 versions out of 20 were edited in one file of a hundred, pruned to
# the last 3, beside a new store of these 3; one of two trees forgotten, beside
# restic where it is there; and what a collection reads of a large store of
# which a hundredth is garbage.
#
#   BENCH_DATA     the tree (without: one that is made for it)
#   BENCH_NEXT     its next version (without: another that is made)
#   BENCH_FILES    files of the trees that are made (6000)
#   BENCH_OBJECTS  objects to find one among (100000)
#   BENCH_GARBAGE  MB of the large store (1000)
#
# See bench.bash for the rest.
. "$(dirname "$0")/bench.bash"

objects=${BENCH_OBJECTS:-100000}
large=${BENCH_GARBAGE:-1000}
files=${BENCH_FILES:-6000}
export src=$work/src fresh=$work/fresh pruned=$work/pruned

if [ -z "${BENCH_DATA:-}" ]; then
	BENCH_DATA=$work/one BENCH_NEXT=$work/two
	mkdir "$BENCH_DATA" "$BENCH_NEXT"
	"$bin/corpus" tree "$BENCH_DATA" "$files" 1
	"$bin/corpus" tree "$BENCH_NEXT" "$files" 1 1
fi
export one=$BENCH_DATA two=${BENCH_NEXT:-$BENCH_DATA}

results 'Space'

# --- what is whose ---

blk-init
blk-backup create -q -N tree "$one" >/dev/null
ms 'stat of a snapshot' 1000 blk-stat tree
seq "$objects" | awk '{ s = "object " $1; print length(s) "\n" s }' |
	blk-put --batch --commit-every 20000 >"$work/ids"
id=$(sed -n "$((objects / 2 + 1))p" "$work/ids")
ms "stat of one of $objects" 50 blk-stat "$id"
rm -rf "$BLK_STORE"

# --- 20 versions pruned to 3 ---

edit() { # K: a line more in the middle of some files
	find "$src" -type f -size -1000k | sort |
		awk -v k="$1" '(NR + k) % 100 == 0' | while read -r file; do
		sed -i "\$ a edited $1" "$file"
	done
}

cp -a "$one" "$src"
chmod -R u+w "$src"
blk-init -s "$pruned"
blk-init -s "$fresh"
for k in {1..20}; do
	edit "$k"
	blk-backup create -q -s "$pruned" -N src "$src" >/dev/null
	[ "$k" -lt 18 ] || blk-backup create -q -s "$fresh" -N src "$src" >/dev/null
done
blk-backup prune -q -s "$pruned" --keep-last 3
blk-gc -q -s "$pruned"
result 'stored, 20 pruned to 3' "$(sum "$(stored "$pruned") / $(stored "$fresh")")" \
	'times fresh' 1.05 less

restore() { blk-backup restore -q -s "$1" src -t "$work/out"; }
export -f restore
for ((i = 0; i < rounds; i++)); do
	for which in pruned fresh; do
		sample "restore, $which" restore "${!which}"
		rm -rf "$work/out"
	done
done
versus 'restore, 20 pruned to 3' 'restore, pruned' 'restore, fresh' 1.2
rm -rf "$src" "$pruned" "$fresh"

# --- one of two trees forgotten ---

forget() {
	blk-rm -q one
	blk-gc -q --max-unused 5
}
forget_restic() { restic forget -q --keep-last 1 --group-by '' --prune; }
export -f forget forget_restic
export RESTIC_REPOSITORY=$work/restic RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$work/cache
for ((i = 0; i < rounds; i++)); do
	blk-init
	blk-backup create -q -N one "$one" >/dev/null
	blk-backup create -q -N two "$two" >/dev/null
	sample 'forget one of two' forget
	unused=$(blk-stat --json | sed -nE 's/.*"live_bytes":([0-9]+),.*"dead_bytes":([0-9]+),.*/\1 \2/p' |
		awk '{ print 100 * $2 / ($1 + $2 + 1) }')
	rm -rf "$BLK_STORE"
	has restic || continue
	restic init -q
	restic backup -q "$one"
	restic backup -q "$two"
	sample 'forget, restic' forget_restic
	rm -rf "$RESTIC_REPOSITORY"
done
result 'forget one of two' "$(of 'forget one of two' wall)" s - less 'forget one of two'
result 'unused then' "$unused" % 5 less
if has restic; then
	result 'forget, restic' "$(of 'forget, restic' wall)" s - less 'forget, restic'
	versus 'forget, against restic' 'forget one of two' 'forget, restic' 0.2
fi

# --- a hundredth of a large store ---

noise() { # DIRECTORY MB SEED
	local i

	mkdir "$1"
	for ((i = 0; i < $2; i++)); do
		"$bin/corpus" noise 1000000 $(($3 + i)) >"$1/$i"
	done
}

read_by() { # COMMAND...: MB that it has read, by any means
	bash -c 'count() { sed -n "s/^rchar: //p" "/proc/$$/io"; }
		before=$(count) && "$@" >&2 && awk "BEGIN { print ($(count) - $before) / 1000000 }"' bench "$@"
}

dead=$(((large + 99) / 100))
blk-init
noise "$work/kept" $((large - dead)) 1
noise "$work/gone" "$dead" 1000000
blk-backup create -q -N kept "$work/kept" >/dev/null
blk-backup create -q -N gone "$work/gone" >/dev/null
rm -rf "$work/kept" "$work/gone"
blk-rm -q gone
result "read to collect 1 % of $large MB" \
	"$(sum "100 * $(read_by blk-gc -q --max-unused 0) / $large")" % 5 less
