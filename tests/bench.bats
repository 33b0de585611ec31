# Every bench runs and prints its table; how fast anything is, is not asked.
load helper

setup() {
	blk_setup
	unset "${!BENCH_@}"
	mkdir data
	printf 'hello\n' >data/small
	random_file 200000 bench data/large
	export BENCH_DATA=$PWD/data BENCH_DIR=$PWD BENCH_JSON=$PWD/bench.json
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

@test "growth is measured, and can be drawn" {
	BENCH_CHUNKS=500 run -0 "$BUILD/tests/bench/growth"
	rows_have growth chunks hit_us 500
	rows_have growth chunks index_bytes 500
	"$SRC/tests/bench/plot.sh" bench.json growth.svg
	! command -v gnuplot || [ -s growth.svg ]
}

@test "whole commands are measured" {
	BENCH_OBJECTS=20 BENCH_ROUNDS=1 BENCH_RUNS=1 BENCH_BYTES=100000 \
		run -0 bash "$SRC/tests/bench/commands.sh"
	rows_have commands command value 'blk-get --version' 'put --batch' \
		'put of 1 KiB' 'get of 1 KiB' 'stream, new'
	rows_have peers step ratio 'first, blk' 'restore, blk'
	[[ $output == *'Peers: '* ]] || fail "$output"
}

@test "nothing is left behind" {
	BENCH_CHUNKS=10 "$BUILD/tests/bench/growth" >/dev/null
	[ -z "$(find . -name 'blk-bench-*')" ]
}
