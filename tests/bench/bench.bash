# bench.bash - what the scripts of tests/bench share; each sources it first.
#
# A script is a number of rows, and a row is one call:
#
#   ms NAME TARGET COMMAND...                 milliseconds, of short commands
#   rate NAME AMOUNT UNIT TARGET COMMAND...   so many a second
#   result NAME VALUE UNIT TARGET less|more [SAMPLES]   worked out otherwise
#   versus NAME A B TARGET                    seconds of A for one of B
#
# with "-" for a TARGET that is not set.  What is compared is sampled in turn,
# a round each, and medians count:
#
#   for ((i = 0; i < rounds; i++)); do
#       sample ours blk-put file
#       sample theirs openssl dgst -sha256 file
#   done
#   versus 'put against dgst' ours theirs 1.4
#
# A command may be a function that was exported (export -f).  Work goes on in
# $work, which is removed at the end.  A new script gets its line in
# BENCH_SHELL of Makefile.am and its rows a test in tests/bench.bats.
#
#   BENCH_ROUNDS   rounds of what takes long (3)
#   BENCH_RUNS     runs of a short command (21)
#   BENCH_DIR      where to work (TMPDIR, /tmp)
#   BENCH_JSON     a file that each row is appended to, as JSON
#   BENCH_BIN      where the programs of tests/bench are
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C

rounds=${BENCH_ROUNDS:-3}
runs=${BENCH_RUNS:-21}
bin=${BENCH_BIN:-$(dirname "$(command -v blk-put)")/tests/bench}
work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/blk-bench-XXXXXX")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
unset "${!BLK_@}"
export work BLK_STORE=$work/store HOME=$work/home XDG_CACHE_HOME=$work/cache
mkdir "$HOME" "$XDG_CACHE_HOME" "$work/samples"

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

# results TITLE: the head of a table whose rows are results.
results() { head_of "$1" command value unit target ratio cpu_s peak_MiB; }

# The ratio is above 1 where the value is better than its target.
result() { # NAME VALUE UNIT TARGET less|more [SAMPLES]
	local ratio=- cpu=- peak=-

	if [ "$4" != - ]; then
		if [ "$5" = less ]; then
			ratio=$(sum "$4 / $2")
		else
			ratio=$(sum "$2 / $4")
		fi
	fi
	if [ $# -ge 6 ]; then
		cpu=$(sum "$(of "$6" cpu)")
		peak=$(sum "$(of "$6" peak)")
	fi
	row commands command "$1" "value=$2" "unit=$3" "target=$4" "ratio=$ratio" \
		"cpu_s=$cpu" "peak_MiB=$peak"
}

sum() { # EXPRESSION of awk, to three decimals or, if large, none
	awk "BEGIN { v = $1; printf((v >= 100 ? \"%.0f\" : \"%.3f\"), v) }"
}

# --- samples ---

samples() { printf '%s\n' "$work/samples/${1//[^[:alnum:]]/_}"; }

# Run a command once and note seconds, seconds of processors and memory.
sample() { # NAME COMMAND...
	local command=("${@:2}")

	if [ "$(type -t "$2")" = function ]; then
		command=(bash -euo pipefail -c '"$@"' bench "${@:2}")
	fi
	"$bin/measure" "$(samples "$1")" "$work/said" "${command[@]}" || {
		cat "$work/said" >&2
		printf 'bench: failed: %s\n' "${*:2}" >&2
		return 1
	}
}

again() { # TIMES NAME COMMAND...
	local i

	for ((i = 0; i < $1; i++)); do
		sample "${@:2}" || return
	done
}

of() { # NAME wall|cpu|peak: the median
	local column=1

	[ "$2" != cpu ] || column=2
	[ "$2" != peak ] || column=3
	cut -d ' ' -f "$column" "$(samples "$1")" | sort -g |
		awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# --- rows ---

ms() { # NAME TARGET COMMAND...
	again "$runs" "$1" "${@:3}"
	result "$1" "$(sum "$(of "$1" wall) * 1000")" ms "$2" less "$1"
}

rate() { # NAME AMOUNT UNIT TARGET COMMAND...
	again "$rounds" "$1" "${@:5}"
	rate_of "$1" "$2" "$3" "$4"
}

rate_of() { # NAME AMOUNT UNIT TARGET: of what was sampled
	result "$1" "$(sum "$2 / $(of "$1" wall)")" "$3" "$4" more "$1"
}

versus() { # NAME A B TARGET
	result "$1" "$(sum "$(of "$2" wall) / $(of "$3" wall)")" times "$4" less
}

# --- the rest ---

has() { command -v "$1" >/dev/null; }

stored() { # DIR: MB of a store; its index is as good as a cache
	du -sb --exclude='index*.db*' "$1" | awk '{ print $1 / 1000000 }'
}

mb_of() { stat -c %s "$1" | awk '{ print $1 / 1000000 }'; }
