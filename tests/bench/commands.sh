#!/usr/bin/env bash
# commands.sh - whole commands against the clock, and against their peers.
#
#   BENCH_OBJECTS  objects of 1 KiB in the store (20000; the targets mean 100000)
#   BENCH_ROUNDS   runs of what takes long; the median counts (3)
#   BENCH_RUNS     runs of a short command (21)
#   BENCH_DATA     directories to back up and to stream
#   BENCH_BYTES    bytes of the stream, at most (128 MiB)
#   BENCH_DIR      where to work (TMPDIR, /tmp)
#   BENCH_JSON     a file that each row is appended to, as JSON
#
# Ratios are above 1 where blk is ahead, of its target or of the peer.  Peers
# that are not installed are left out.
set -euo pipefail
export LC_ALL=C

objects=${BENCH_OBJECTS:-20000}
rounds=${BENCH_ROUNDS:-3}
runs=${BENCH_RUNS:-21}
bytes=${BENCH_BYTES:-134217728}
read -ra data <<<"${BENCH_DATA:-/usr/include}"

work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/blk-bench-XXXXXX")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
unset "${!BLK_@}"
export BLK_STORE=$work/store HOME=$work/home XDG_CACHE_HOME=$work/cache
mkdir "$HOME" "$XDG_CACHE_HOME"

# --- tables ---

head_of() { # TITLE FIRST COLUMN...
	local column

	printf '\n%s\n%-28s' "$1" "$2"
	for column in "${@:3}"; do
		printf '  %12s' "$column"
	done
	printf '\n'
}

row() { # BENCH FIRST NAME COLUMN=VALUE...; "-" where there is none
	local field value json

	printf '%-28s' "$3"
	json="{\"bench\":\"$1\",\"$2\":\"$3\""
	for field in "${@:4}"; do
		value=${field#*=}
		printf '  %12s' "$value"
		if [ "$value" = - ]; then
			value=null
		elif [[ ! $value =~ ^[0-9.]+$ ]]; then
			value=\"$value\"
		fi
		json+=",\"${field%%=*}\":$value"
	done
	printf '\n'
	[ -z "${BENCH_JSON:-}" ] || printf '%s}\n' "$json" >>"$BENCH_JSON"
}

sum() { # EXPRESSION of awk, to three decimals or, if large, none
	awk "BEGIN { v = $1; printf((v >= 100 ? \"%.0f\" : \"%.3f\"), v) }"
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# clock COMMAND...: seconds of wall time; what it prints goes away.
clock() {
	local before=$EPOCHREALTIME after

	"$@" >"$work/said" 2>&1 || {
		cat "$work/said" >&2
		printf 'bench: failed: %s\n' "$*" >&2
		return 1
	}
	after=$EPOCHREALTIME
	awk "BEGIN { printf \"%.6f\n\", $after - $before }"
}

again() { # TIMES COMMAND...: the median of its seconds
	local i

	for ((i = 0; i < $1; i++)); do
		clock "${@:2}" || return
	done >"$work/times"
	median <"$work/times"
}

has() { command -v "$1" >/dev/null; }

# --- short commands ---

result() { # NAME VALUE UNIT TARGET less|more
	local ratio=-

	if [ "$4" != - ]; then
		if [ "$5" = less ]; then
			ratio=$(sum "$4 / $2")
		else
			ratio=$(sum "$2 / $4")
		fi
	fi
	row commands command "$1" "value=$2" "unit=$3" "target=$4" "ratio=$ratio"
}

ms() { # NAME TARGET COMMAND...
	local s

	s=$(again "$runs" "${@:3}")
	result "$1" "$(sum "$s * 1000")" ms "$2" less
}

# Random text, so that it needs no more than base64 to make lines of it.
noise() { # BYTES SEED
	openssl enc -aes-128-ctr -nosalt -pass "pass:$2" -md sha256 \
		-in /dev/zero 2>/dev/null | head -c "$1" || true
}

put_batch() { blk-put --batch <"$work/batch" >"$work/ids"; }
get_batch() { blk-get --batch <"$1" >/dev/null; }

rate() { # NAME UNITS TARGET COMMAND...: thousands of objects, or MB, a second
	local s

	s=$(again "$rounds" "${@:5}")
	result "$1" "$(sum "$2 / $s")" "$3" "$4" more
}

fsyncs() {
	has strace && strace -qq -o /dev/null true 2>/dev/null || return 0
	noise 1024 fsyncs >"$work/one"
	strace -f -qq -o "$work/trace" -e trace=fsync,fdatasync \
		blk-put "$work/one" >/dev/null
	result 'fsync, of a put' "$(grep -c sync "$work/trace")" calls 2 less
}

small_commands() {
	local id i

	noise $((objects * 768)) batch | base64 -w 1024 |
		sed 's/^/1024\n/' >"$work/batch"
	blk-init >/dev/null
	ms 'true, for comparison' - /bin/true
	ms 'blk-get --version' 3 blk-get --version
	result 'put --batch' "$(sum "$objects / $(clock put_batch)")" 1/s 20000 more
	for ((i = 0; i < runs; i++)); do
		noise 1024 "small $i" >"$work/small.$i"
	done
	for ((i = 0; i < runs; i++)); do
		clock blk-put "$work/small.$i"
	done >"$work/times"
	result 'put of 1 KiB' "$(sum "$(median <"$work/times") * 1000")" ms 5 less
	id=$(head -n 1 "$work/ids")
	ms 'put of 1 KiB, there' - blk-put "$work/small.0"
	ms 'get of 1 KiB' 4 blk-get "$id"
	shuf --random-source="$work/batch" "$work/ids" >"$work/shuffled"
	rate 'get --batch, as put' "$objects" 1/s 50000 get_batch "$work/ids"
	rate 'get --batch, shuffled' "$objects" 1/s 50000 get_batch "$work/shuffled"
	fsyncs
}

# --- streams ---

new_stream() {
	rm -rf "$work/stream-store"
	BLK_STORE=$work/stream-store blk-init
	sync -f "$work"
}

streams() {
	local size i mb

	tar -cf - "${data[@]}" 2>/dev/null | head -c "$bytes" >"$work/stream" || true
	size=$(stat -c %s "$work/stream")
	mb=$(sum "$size / 1000000")
	for ((i = 0; i < rounds; i++)); do
		new_stream >/dev/null
		BLK_STORE=$work/stream-store clock blk-put "$work/stream"
	done >"$work/times"
	result 'stream, new' "$(sum "$mb / $(median <"$work/times")")" MB/s 300 more
	BLK_STORE=$work/stream-store rate 'stream, all there' "$mb" MB/s 600 \
		blk-put "$work/stream"
	BLK_STORE=$work/stream-store rate 'stream, got' "$mb" MB/s - \
		blk-get "$(BLK_STORE=$work/stream-store blk-put "$work/stream")"
	rate 'openssl dgst -sha256' "$mb" MB/s - openssl dgst -sha256 "$work/stream"
	! has zstd || rate 'zstd -3 -T0' "$mb" MB/s - \
		zstd -q -3 -T0 -f -o "$work/stream.zst" "$work/stream"
	rm -rf "$work/stream" "$work/stream.zst" "$work/stream-store"
}

# --- peers: TOOL_STEP; each works in an empty $repo and restores into $out ---

blk_init() { BLK_STORE=$repo/blk blk-init; }
blk_backup() { BLK_STORE=$repo/blk blk-backup create -q -N src "$work/src"; }
blk_restore() { BLK_STORE=$repo/blk blk-backup restore src -q -t "$out"; }
blk_verify() { BLK_STORE=$repo/blk blk-check -q --read-data; }

restic_init() {
	export RESTIC_REPOSITORY=$repo RESTIC_PASSWORD=bench
	restic init
}
restic_backup() { restic backup -q "$work/src"; }
restic_restore() { restic restore latest -q --target "$out"; }
restic_verify() { restic check -q --read-data; }

borg_init() {
	export BORG_REPO=$repo/borg BORG_BASE_DIR=$repo
	export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
	borg init -e none
}
borg_backup() { borg create -C zstd,3 "::$step" "$work/src"; }
borg_restore() { (cd "$out" && borg extract ::unchanged); }
borg_verify() { borg check --verify-data; }

casync_init() { :; }
casync_backup() { casync make --store="$repo/castr" "$repo/src.caidx" "$work/src"; }
casync_restore() { casync extract --store="$repo/castr" "$repo/src.caidx" "$out/src"; }
casync_verify() { return 2; } # there is none

tar_init() { :; }
tar_backup() { tar -cf - -C "$work/src" . | zstd -q -3 -T0 -f -o "$repo/tzst"; }
tar_restore() { zstd -dqc "$repo/tzst" | tar -xf - -C "$out"; }
tar_verify() { zstd -tq "$repo/tzst"; }

installed() { # TOOL
	case $1 in
	blk) has blk-backup && has blk-check ;;
	tar) has zstd ;;
	*) has "$1" ;;
	esac
}

run_tool() { # TOOL: a round; appends seconds to times.TOOL.STEP
	local step repo=$work/repo out=$work/out

	rm -rf "$repo" "$out"
	mkdir "$repo" "$out"
	"$1_init" >"$work/said" 2>&1 || {
		cat "$work/said" >&2
		return 1
	}
	for step in first unchanged restore verify; do
		sync -f "$work"
		case $step in
		first | unchanged) clock "$1_backup" ;;
		verify) [ "$1" = casync ] || clock "$1_verify" ;;
		*) clock "$1_$step" ;;
		esac >>"$work/times.$1.$step"
		[ "$step" != restore ] || compare "$1"
	done
	chmod -R u+w "$repo" "$out"
	rm -rf "$repo" "$out"
}

# Some restore the whole path, some what is in it.
compare() {
	local found=$out

	[ ! -d "$out$work/src" ] || found=$out$work/src
	[ ! -d "$out/src" ] || found=$out/src
	diff -rq --no-dereference "$work/src" "$found" >&2 ||
		printf 'bench: %s restored something else\n' "$1" >&2
}

peers() {
	local tool step i own value tools=()

	for tool in blk restic borg casync tar; do
		! installed "$tool" || tools+=("$tool")
	done
	mkdir "$work/src"
	tar -cf - "${data[@]}" 2>/dev/null | tar -xf - -C "$work/src"
	sleep 3 # what changed just now has to be read again, unchanged or not
	for ((i = 0; i < rounds; i++)); do
		for tool in "${tools[@]}"; do
			run_tool "$tool"
		done
	done
	for step in first unchanged restore verify; do
		own=$(median <"$work/times.blk.$step")
		for tool in "${tools[@]}"; do
			[ -s "$work/times.$tool.$step" ] || continue
			value=$(median <"$work/times.$tool.$step")
			row peers step "$step, $tool" "seconds=$(sum "$value")" \
				"ratio=$(sum "$value / $own")"
		done
	done
}

head_of "Commands: a store of $objects objects" command value unit target ratio
small_commands
streams
sync -f "$work"
if installed blk; then
	head_of "Peers: $(du -csm "${data[@]}" 2>/dev/null | tail -n 1 | cut -f 1) MiB of files, $rounds rounds" \
		step seconds ratio
	peers
fi
