#!/usr/bin/env bash
# peers.sh - backups of a tree, beside those of other programs.
#
# All that are installed of blk, restic, borg, casync and tar with zstd are put
# through the same steps in turn, a round each, in a new store, with the page
# cache warm: the tree for the first time; again, unchanged; its next version
# in the same place, in which every file was touched and few have changed;
# again, unchanged; a restore of the last, compared with what it was made of;
# a check of all data; blk's index made anew and checked; all but the last forgotten and their space reclaimed.
#
#   BENCH_DATA     the tree (without: one that is made for it)
#   BENCH_NEXT     its next version (without: the same with other times)
#   BENCH_FILES    files of the tree that is made (6000)
#   BENCH_PEERS    which to compare with ("restic borg casync tar")
#   BENCH_SETTLE   seconds to wait after the tree is made (3)
#   BENCH_LIMITS   a file of lines "step seconds", as stages writes it
#
# See bench.bash for the rest.  Ratios say how many times faster blk is, how many
# times less of the processors it takes, and how many times less it stores.
. "$(dirname "$0")/bench.bash"

export repo=$work/repo out=$work/out src=$work/src
steps='first same touched same2 restore verify rebuild forget'

# --- the programs: TOOL_STEP; TOOL_backup is given the name of the step ---

blk_init() { blk-init -s "$repo"; }
blk_backup() { blk-backup create -s "$repo" -q -N src "$src"; }
blk_restore() { blk-backup restore -s "$repo" src -q -t "$out"; }
blk_verify() { blk-check -s "$repo" -q --read-data; }
blk_rebuild() { blk-check -s "$repo" -q --rebuild-index; }
blk_forget() {
	blk-backup prune -s "$repo" -q --keep-last 1
	blk-gc -s "$repo" -q
}

restic_init() { restic init; }
restic_backup() { restic backup -q "$src"; }
restic_restore() { restic restore latest -q --target "$out"; }
restic_verify() { restic check -q --read-data; }
restic_forget() { restic forget -q --keep-last 1 --prune; }
export RESTIC_REPOSITORY=$repo RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$work/cache

borg_init() { borg init -e none; }
borg_backup() { borg create -C zstd,3 "::$1" "$src"; }
borg_restore() { cd "$out" && borg extract ::same2; }
borg_verify() { borg check --verify-data; }
borg_forget() { borg prune --keep-last 1 && borg compact; }
export BORG_REPO=$repo BORG_BASE_DIR=$work/cache
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes

casync_init() { mkdir "$repo"; }
casync_backup() { casync make --store="$repo/castr" "$repo/$1.caidx" "$src"; }
casync_restore() { casync extract --store="$repo/castr" "$repo/same2.caidx" "$out"; }
casync_forget() {
	rm "$repo"/{first,same,touched}.caidx
	casync gc --store="$repo/castr" "$repo/same2.caidx"
}

tar_init() { mkdir "$repo"; }
tar_backup() { tar -cf - -C "$src" . | zstd -q -3 -T0 -f -o "$repo/$1.tzst"; }
tar_restore() { zstd -dqc "$repo/same2.tzst" | tar -xf - -C "$out"; }
tar_verify() { zstd -tq "$repo/same2.tzst"; }

installed() { # TOOL
	case $1 in
	blk) has blk-backup && has blk-check ;;
	tar) has zstd ;;
	*) has "$1" ;;
	esac
}

# --- a round ---

step() { # TOOL STEP
	local verb=$2

	case $2 in
	first | same | touched | same2) verb=backup ;;
	esac
	[ "$(type -t "$1_$verb")" = function ] || return 0
	sync -f "$work"
	sample "$2, $1" "$1_$verb" "$2"
	case $2 in
	first | touched | forget) stored "$repo" >"$(samples "stored $2, $1")" ;;
	esac
}

# Some restore the whole path, some what is in it.
compare() { # TOOL
	local found=$out

	[ ! -d "$out$src" ] || found=$out$src
	[ ! -d "$out/${src#/}" ] || found=$out/${src#/}
	diff -rq --no-dereference "$src" "$found" >&2 || {
		printf 'bench: %s restored something else\n' "$1" >&2
		[ "$1" != blk ]
	}
}

use() { # VERSION: it takes the place of the other, at the same path
	[ ! -d "$src" ] || mv "$src" "$work/tree.$used"
	used=$1
	mv "$work/tree.$used" "$src"
	tar -cf - -C "$src" . | cat >/dev/null
}

run_tool() { # TOOL
	local name

	mkdir "$out"
	"$1_init" >"$work/said" 2>&1 || {
		cat "$work/said" >&2
		return 1
	}
	use 1
	for name in $steps; do
		[ "$name" != touched ] || use 2
		step "$1" "$name"
		[ "$name" != restore ] || compare "$1"
	done
	chmod -R u+w "$repo" "$out"
	rm -rf "$repo" "$out" "$work/cache"
	mkdir "$work/cache"
}

# --- a table ---

print_step() { # STEP TOOL
	local sample="$1, $2" mb=- share=-

	[ -s "$(samples "$sample")" ] || return 0
	if [ -s "$(samples "stored $sample")" ]; then
		mb=$(sum "$(cat "$(samples "stored $sample")")")
		share=$(sum "$mb / $(cat "$(samples "stored $1, blk")")")
	fi
	row peers step "$sample" "seconds=$(sum "$(of "$sample" wall)")" \
		"cpu_s=$(sum "$(of "$sample" cpu)")" \
		"peak_MiB=$(sum "$(of "$sample" peak)")" \
		"faster=$(sum "$(of "$sample" wall) / $(of "$1, blk" wall)")" \
		"less_cpu=$(sum "$(of "$sample" cpu) / $(of "$1, blk" cpu)")" \
		"stored_MB=$mb" "smaller=$share"
}

# What the stages allow, for the steps that have a limit.
print_limits() {
	local step limit busy sample

	[ -s "${BENCH_LIMITS:-}" ] || return 0
	head_of 'Limits: what the stages allow on these cores, and how far from it' \
		step limit_s seconds times limit_cpu_s cpu_s cpu_times
	while read -r step limit; do
		sample="$step, blk"
		[ -s "$(samples "$sample")" ] || continue
		busy=$(sum "$limit * $(nproc)")
		row limits step "$step" "limit_s=$(sum "$limit")" \
			"seconds=$(sum "$(of "$sample" wall)")" \
			"times=$(sum "$(of "$sample" wall) / $limit")" \
			"limit_cpu_s=$busy" "cpu_s=$(sum "$(of "$sample" cpu)")" \
			"cpu_times=$(sum "$(of "$sample" cpu) / $busy")"
	done <"$BENCH_LIMITS"
}

take_trees() {
	local files=${BENCH_FILES:-6000}

	mkdir "$work/tree.1" "$work/tree.2"
	if [ -z "${BENCH_DATA:-}" ]; then
		"$bin/corpus" tree "$work/tree.1" "$files" 1
		"$bin/corpus" tree "$work/tree.2" "$files" 1 1
		return
	fi
	tar -cf - -C "$BENCH_DATA" . | tar -xf - -C "$work/tree.1"
	if [ -n "${BENCH_NEXT:-}" ]; then
		tar -cf - -C "$BENCH_NEXT" . | tar -xf - -C "$work/tree.2"
	else
		tar -cf - -C "$BENCH_DATA" . | tar -xmf - -C "$work/tree.2"
	fi
}

tools=(blk)
for tool in ${BENCH_PEERS-restic borg casync tar}; do
	! installed "$tool" || tools+=("$tool")
done
for tool in "${tools[@]}"; do
	for name in backup restore verify rebuild forget; do
		[ "$(type -t "${tool}_$name")" != function ] || export -f "${tool}_$name"
	done
done
used=
take_trees
head_of "Peers: $(find "$work/tree.1" -type f | wc -l) files, $(du -sm --apparent-size "$work/tree.1" | cut -f 1) MiB, $rounds rounds" \
	step seconds cpu_s peak_MiB faster less_cpu stored_MB smaller
sleep "${BENCH_SETTLE:-3}" # what changed just now has to be read again, unchanged or not
for ((i = 0; i < rounds; i++)); do
	for tool in "${tools[@]}"; do
		run_tool "$tool"
	done
done
for name in $steps; do
	for tool in "${tools[@]}"; do
		print_step "$name" "$tool"
	done
done
print_limits
