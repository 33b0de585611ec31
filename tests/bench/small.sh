#!/usr/bin/env bash
# small.sh - short commands, and many small objects in one command.
#
#   BENCH_OBJECTS  objects of 1 KiB in the store (100000)
#
# See bench.bash for the rest.
. "$(dirname "$0")/bench.bash"

objects=${BENCH_OBJECTS:-100000}

put_batch() { blk-put --batch <"$work/batch" >"$work/ids"; }
get_batch() { blk-get --batch <"$1" >/dev/null; }
export -f put_batch get_batch

fsyncs() {
	has strace && strace -qq -o /dev/null true 2>/dev/null || return 0
	"$bin/corpus" noise 1024 999 >"$work/one"
	strace -f -qq -o "$work/trace" -e trace=fsync,fdatasync \
		blk-put "$work/one" >/dev/null
	result 'fsync, of a put' "$(grep -c sync "$work/trace")" calls 2 less
}

results "Commands: a store of $objects objects"
"$bin/corpus" noise $((objects * 768)) 1 | base64 -w 1024 |
	sed 's/^/1024\n/' >"$work/batch"
blk-init >/dev/null
ms 'true, for comparison' - /bin/true
ms 'blk-get --version' 3 blk-get --version
again 1 'put --batch' put_batch
rate_of 'put --batch' "$objects" 1/s 20000
for ((i = 0; i < runs; i++)); do
	"$bin/corpus" noise 1024 $((i + 2)) >"$work/small"
	sample 'put of 1 KiB' blk-put "$work/small"
done
result 'put of 1 KiB' "$(sum "$(of 'put of 1 KiB' wall) * 1000")" ms 5 less 'put of 1 KiB'
ms 'put of 1 KiB, there' - blk-put "$work/small"
ms 'get of 1 KiB' 4 blk-get "$(head -n 1 "$work/ids")"
shuf --random-source="$work/batch" "$work/ids" >"$work/shuffled"
rate 'get --batch, as put' "$objects" 1/s 50000 get_batch "$work/ids"
rate 'get --batch, shuffled' "$objects" 1/s 50000 get_batch "$work/shuffled"
fsyncs
