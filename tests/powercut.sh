#!/usr/bin/env bash
# powercut.sh FS ROUNDS [SEED] - cut the power ROUNDS times under writers, a
# deleter, a collector and backups on a file system FS (ext4 or xfs) of its
# own, and look each time whether what was promised is there.
#
# What was promised is kept on another file system.  Rules in INJECT hold for
# all that writes: with INJECT=nosync this must find a loss.  Exit 1: lost.
# Needs root and loop devices, BUILD, and the commands in PATH.
set -euo pipefail

if [ "${POWERCUT_INSIDE:-}" != "$$" ]; then
	POWERCUT_INSIDE=$$ exec unshare -m -- bash "$0" "$@"
fi
fs=${1:?} rounds=${2:?} RANDOM=${3:-1}
work=$(mktemp -d)
disk=$work/mnt
export BLK_STORE=$disk/store
promised=0 cuts=0
[ -z "${INJECT:-}" ] || export LD_PRELOAD=$BUILD/tests/inject.so

finish() {
	: >"$work/stop"
	wait
	umount "$disk" 2>/dev/null || umount -l "$disk" 2>/dev/null || :
	rm -rf "$work"
}
trap finish EXIT

# plain COMMAND...: without rules, as what is looked at is not on trial.
plain() {
	env -u LD_PRELOAD -u INJECT timeout 300 "$@"
}

lost() {
	printf 'lost after cut %d: %s\n' "$cuts" "$*"
	exit 1
}

stopped() {
	[ -e "$work/stop" ]
}

# Objects, some of them with names that are dropped again.  "+ID" is written
# when it is promised, "-ID" before it is asked to go.
writer() { # NUMBER
	local id name n=0 size

	RANDOM=$((seed + $1))
	while ! stopped; do
		n=$((n + 1)) name=w$1-$cuts-$n
		size=$((RANDOM % 10 == 0 ? RANDOM * 20 : RANDOM % 3000))
		head -c "$size" /dev/urandom >"$work/in$1"
		echo "$name" >>"$work/in$1"
		id=$(blk-put -N "$name" "$work/in$1" 2>/dev/null) || continue
		echo "+$id" >>"$work/acks.$1"
		[ $((n % 4)) -eq 0 ] || continue
		echo "-$id" >>"$work/acks.$1"
		blk-rm -q "$name" >/dev/null 2>&1 || :
	done
}

collector() {
	while ! stopped; do
		blk-gc -q --max-unused 0 >/dev/null 2>&1 || :
		sleep 0.1
	done
}

backups() {
	local id

	while ! stopped; do
		date +%N >"$work/tree/new"
		id=$(blk-backup create -N tree "$work/tree" 2>/dev/null) || continue
		echo "$id" >"$work/snapshot.$BASHPID"
		mv "$work/snapshot.$BASHPID" "$work/snapshot"
	done
}

# Everything that was promised up to now.
look() {
	local id said

	# Nothing yet, where all is slow?  Then there is nothing to lose.
	{ cat "$work"/acks.* 2>/dev/null || :; } | sort -u | awk '
		{ id = substr($0, 2) }
		/^\+/ { kept[id] = 1 }
		/^-/ { gone[id] = 1 }
		END { for (id in kept) if (!(id in gone)) print id }' |
		sort >"$work/want"
	promised=$(wc -l <"$work/want")
	said=$(plain blk-get --batch-check <"$work/want" 2>&1) ||
		lost "blk-get --batch-check: $? $said"
	awk '{ print $1 }' <<<"$said" | sort | cmp -s - "$work/want" ||
		[ "$promised" -eq 0 ] || lost "$(grep missing <<<"$said")"
	for id in $(shuf -n 8 "$work/want"); do
		[ "$(plain blk-get "$id" | sha256sum)" = "$id  -" ] || lost "$id"
	done
	if [ -e "$work/snapshot" ]; then
		plain blk-backup verify tree >/dev/null || lost "snapshot"
	fi
	said=$(plain blk-check --read-data 2>&1) || lost "blk-check: $said"
}

mkdir "$disk" "$work/tree"
cp -r "${0%/*}"/*.bats "$work/tree"
truncate -s 2G "$work/disk" # no more than is written: 1 MB a cut is promised
"mkfs.$fs" -q "$work/disk"
mount -o loop "$work/disk" "$disk"
plain blk-init
plain blk-config set gc.keep-unreferenced 0s
sync -f "$disk"
while [ "$cuts" -lt "$rounds" ]; do
	rm -f "$work/stop"
	seed=$RANDOM
	for i in 1 2 3; do
		writer "$i" &
	done
	collector &
	backups &
	sleep "$((RANDOM % 2)).$((RANDOM % 9))$((RANDOM % 10))5"
	plain "$BUILD/tests/powercut" "$disk"
	: >"$work/stop"
	wait
	cuts=$((cuts + 1))
	umount "$disk"
	mount -o loop "$work/disk" "$disk"
	[ -e "$BLK_STORE/config" ] || lost "the store"
	look
done
echo "$fs: $cuts cuts, $promised promised objects there"
