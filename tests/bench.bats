# Every bench runs and prints its table; how fast anything is, is not asked.
load helper

setup() {
	blk_setup
	unset "${!BENCH_@}"
	mkdir data
	printf 'hello\n' >data/small
	random_file 200000 bench data/large
	export BENCH_DATA=$PWD/data BENCH_DIR=$PWD BENCH_JSON=$PWD/bench.json
	export BENCH_BIN=$BUILD/tests/bench BENCH_ROUNDS=1 BENCH_RUNS=1 BENCH_LEAST=1 BENCH_SETTLE=0
}

# column BENCH KEY: of all rows in the JSON, a line each.
column() {
	jq -r "select(.bench == \"$1\") | .\"$2\"" bench.json
}

# Are these rows there, with a number above 0 in a column?
rows_have() { # BENCH FIRST COLUMN ROW...
	local row

	for row in "${@:4}"; do
		jq -se "any(.[]; .bench == \"$1\" and
			.\"$2\" == \"$row\" and .\"$3\" > 0)" bench.json || fail "no '$row' in $1" "$output"
	done
}

@test "the stages are measured, and limits come out of them" {
	BENCH_BYTES=1000000 run -0 "$BUILD/tests/bench/stages"
	[[ $output == *'Stages: 2 files, 0.2 MB'* ]] || fail "$output"
	rows_have stages stage MB_per_s 'open, read, close' cut 'hash chunks' \
		'compress zstd' 'decode zstd' 'index: insert' \
		'index: look up, hit' 'limit: first backup' 'limit: restore'
}

@test "every engine that takes a path is measured" {
	BENCH_OBJECTS=50 BENCH_RUNS=3 run -0 "$BUILD/tests/bench/engines"
	rows_have engines operation median_us 'file: put 1 KiB, committed' \
		'file: list of 100' 'mem: get 1 KiB' 'mem: put 1 KiB, open session'
	[ "$(column engines operation | grep -c ': batch of 100')" -ge 2 ]
}

@test "growth is measured, and can be drawn beside the peers" {
	BENCH_CHUNKS=500 run -0 "$BUILD/tests/bench/growth"
	rows_have growth chunks hit_us 500
	rows_have growth chunks index_bytes 500
	printf '{"bench":"peers","step":"first, %s","seconds":%s}\n' blk 1 tar 2 >>bench.json
	"$SRC/tests/bench/plot.sh" bench.json growth.svg
	! command -v gnuplot || grep -q 'look up, there' growth.svg || fail 'nothing drawn'
	! command -v gnuplot || grep -q '>tar<' growth.svg || fail 'no peers drawn'
}

@test "knowing what is whose, and giving space back, are measured" {
	BENCH_OBJECTS=20 BENCH_GARBAGE=3 run -0 bash "$SRC/tests/bench/space.sh"
	rows_have commands command value 'stat of a snapshot' 'stat of one of 20' \
		'stored, 20 pruned to 3' 'restore, 20 pruned to 3' \
		'forget one of two' 'read to collect 1 % of 3 MB'
}

@test "short commands are measured" {
	BENCH_OBJECTS=20 run -0 bash "$SRC/tests/bench/small.sh"
	rows_have commands command value 'blk-get --version' 'put --batch' \
		'put of 1 KiB' 'get of 1 KiB' 'get --batch, shuffled'
	rows_have commands command peak_MiB 'put of 1 KiB'
}

@test "streams of all kinds are measured" {
	BENCH_BYTES=100000 BENCH_STREAM=200000 BENCH_IMAGE=4194304 \
		run -0 bash "$SRC/tests/bench/streams.sh"
	rows_have commands command value 'stream, text' 'stream, noise' 'stream, zeros' \
		'stream, hole' 'stream, all there' 'dgst on all cores / on one' 'all there / openssl dgst' \
		'image, 5 % of 65536' 'image, unchanged'
}

@test "backups are measured beside those of peers, and their limits are told" {
	printf 'first 0.001\n' >limits
	BENCH_LIMITS=limits BENCH_PEERS=tar run -0 bash "$SRC/tests/bench/peers.sh"
	rows_have peers step seconds 'first, blk' 'restore, blk' \
		'rebuild, blk' 'forget, blk'
	rows_have peers step stored_MB 'touched, blk'
	rows_have limits step cpu_times first
	[[ $output != *'something else'* ]] || fail "$output"
}

@test "a peer that restores something else is told" {
	mkdir bin
	printf '#!/bin/sh\n[ "$1" != make ] || : >"$3"\n' >bin/casync
	chmod +x bin/casync
	PATH=$PWD/bin:$PATH BENCH_PEERS=casync run -0 bash "$SRC/tests/bench/peers.sh"
	[[ $output == *'casync restored something else'* ]] || fail "$output"
}

@test "the parts asked for are run, on a tree that is made for them" {
	unset BENCH_DATA
	BENCH_FILES=20 BENCH_PARTS='growth stages' BENCH_CHUNKS=10 \
		run -0 bash "$SRC/tests/bench/run.sh" stages engines growth tests/bench/small.sh
	[[ $output == *'Stages: 20 files'*'Growth: '* ]] || fail "$output"
	[[ $output != *'Engines: '* && $output != *'Commands: '* ]] || fail "$output"
	[ "$(jq -r 'select(.bench == "machine").cores' bench.json)" -gt 0 ]
}

@test "the trees and images that are made are the same each time, the next version nearly" {
	local b=$BENCH_BIN/corpus

	mkdir 1 again 2
	"$b" tree 1 300 7
	"$b" tree again 300 7
	"$b" tree 2 300 7 1
	diff -r 1 again
	run -1 diff -rq 1 2
	[ "${#lines[@]}" -ge 5 ] && [ "${#lines[@]}" -le 60 ] || fail "$output"
	"$b" image i 67108864 1
	[ "$(du -k i | cut -f 1)" -lt 52000 ] || fail "no holes: $(du -k i)"
	cp --sparse=always i j
	"$b" change j 65536 10 1
	[ "$(du -k j | cut -f 1)" -lt 52000 ]
	[ "$(cmp -l i j | wc -l)" -gt 65536 ]
}

@test "nothing is left behind" {
	BENCH_CHUNKS=10 "$BUILD/tests/bench/growth" >/dev/null
	BENCH_OBJECTS=2 BENCH_RUNS=1 BENCH_ROUNDS=1 bash "$SRC/tests/bench/small.sh" >/dev/null
	[ -z "$(find . -name 'blk-bench-*')" ]
}
