#!/usr/bin/env bash
# torture.sh SECONDS [SEED] - 8 writers, 4 readers, 2 deleters and a collector
# on BLK_STORE, while any of their commands is killed, or frozen for a while.
#
# Works in the current directory.  In the end: all that was promised and not
# dropped reads back, blk-check agrees with the counts, and when everything is
# dropped and collected next to nothing stays.  Exit 1 and a line: it does not.
set -euo pipefail

export LC_ALL=C
end=$((SECONDS + ${1:?})) seed=${2:-1}
top=$PWD

bad() {
	printf '%s\n' "$*" >>"$top/bad"
	: >"$top/stop"
}

stopped() {
	[ -e "$top/stop" ] || [ "$SECONDS" -ge "$end" ]
}

# as ROLE COMMAND...: a command that chaos can reach by its number.
as() {
	local role=$1 rc=0

	shift
	"$@" &
	echo $! >"$top/pid.$role"
	wait $! || rc=$?
	return "$rc"
}

# expected RC ROLE: what may come of a command here.  137: chaos.
expected() {
	local rc=$1 role=$2

	shift 2
	[ "$rc" -eq 137 ] && return
	for one; do
		[ "$rc" -ne "$one" ] || return 0
	done
	# frozen so long that what it relied on is gone: it says so
	[ "$rc" -ne 1 ] || ! grep -q 'meanwhile: run it again' "$top/err.$role" ||
		return 0
	[ "$rc" -ne 5 ] || ! grep -q 'others commit meanwhile' "$top/err.$role" ||
		return 0
	bad "$role: exit $rc: $(cat "$top/err.$role")"
}

# A line "NAME ID" in acked.N when it is promised.  Half are the bytes of
# others too.
writer() { # NUMBER
	local n=0 name rc id=

	RANDOM=$((seed * 100 + $1))
	while ! stopped; do
		n=$((n + 1)) name=w$1-$n
		if [ $((RANDOM % 2)) -eq 0 ]; then
			cp "shared/$((RANDOM % 20))" "in.w$1"
		else
			head -c "$((RANDOM % 12 == 0 ? RANDOM * 30 : RANDOM % 6000))" \
				/dev/urandom >"in.w$1"
		fi
		rc=0
		as "w$1" blk-put -N "$name" "in.w$1" >"out.w$1" 2>"err.w$1" || rc=$?
		expected "$rc" "w$1" 0
		# what is printed is promised, whatever comes after
		read -r id <"out.w$1" || continue
		[ "$id  -" = "$(sha256sum <"in.w$1")" ] || bad "$name: said $id"
		echo "$name $id" >>"acked.$1"
	done
}

# It asks once for each name, having said so in dropped.N.
deleter() { # NUMBER
	local name rc

	RANDOM=$((seed * 100 + 50 + $1))
	while ! stopped; do
		name=$(shuf -n 1 "acked.$((RANDOM % 4 * 2 + $1))" 2>/dev/null |
			cut -d ' ' -f 1)
		if [ -z "$name" ] || grep -qx "$name" "dropped.$1"; then
			sleep 0.05
			continue
		fi
		echo "$name" >>"dropped.$1"
		rc=0
		as "d$1" blk-rm -q "$name" 2>"err.d$1" || rc=$?
		expected "$rc" "d$1" 0
	done
}

reader() { # NUMBER
	local name id rc said

	RANDOM=$((seed * 100 + 70 + $1))
	while ! stopped; do
		read -r name id < <(shuf -n 1 "acked.$((RANDOM % 8))" 2>/dev/null) ||
			sleep 0.1
		[ -n "${id:-}" ] || continue
		! grep -qx "$name" dropped.0 dropped.1 || continue
		rc=0
		as "r$1" blk-get -o "got.r$1" "$name" 2>"err.r$1" || rc=$?
		expected "$rc" "r$1" 0 6
		if [ "$rc" -eq 6 ] && ! grep -qx "$name" dropped.0 dropped.1; then
			bad "$name is absent"
		fi
		[ "$rc" -eq 0 ] || continue
		said=$(sha256sum <"got.r$1")
		[ "$said" = "$id  -" ] || bad "$name: read $said, not $id"
	done
}

collector() {
	local rc

	while ! stopped; do
		rc=0
		as gc blk-gc -q --max-unused 0 2>err.gc || rc=$?
		expected "$rc" gc 0
	done
}

# Kill one in a while; freeze one now and then, for as long as two collections
# take.  A number is looked at before it is used: it may be another's by now.
chaos() {
	local role pid

	RANDOM=$((seed * 100 + 99))
	while ! stopped; do
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		role=$(printf '%s\n' pid.* | shuf -n 1)
		read -r pid <"$role" 2>/dev/null || continue
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) == blk-* ]] || continue
		if [ $((RANDOM % 2)) -eq 0 ]; then
			kill -9 "$pid" 2>/dev/null || :
			echo kill >>chaos
		else
			kill -STOP "$pid" 2>/dev/null || continue
			echo stop >>chaos
			(
				sleep "$((RANDOM % 2)).$((RANDOM % 10))"
				kill -CONT "$pid" 2>/dev/null || :
			) &
		fi
	done
	wait
}

rm -f stop bad chaos
mkdir -p shared
for i in $(seq 0 19); do
	head -c $((i * 4000)) /dev/urandom >"shared/$i"
done
for i in 0 1 2 3 4 5 6 7; do
	: >"acked.$i"
done
: >dropped.0
: >dropped.1
blk-init
blk-config set gc.keep-unreferenced 0s
{
	for i in 0 1 2 3 4 5 6 7; do
		writer "$i" &
	done
	for i in 0 1 2 3; do
		reader "$i" &
	done
	deleter 0 &
	deleter 1 &
	collector &
	chaos &
	wait
}
if [ -e bad ]; then
	cat bad
	exit 1
fi

# --- what is there now ---

sort -u dropped.0 dropped.1 >dropped
cat acked.? | sort | join -v 1 - dropped >kept
cut -d ' ' -f 1 kept | blk-get --batch-check |
	cut -d ' ' -f 1 | cmp - <(cut -d ' ' -f 2 kept) || {
	echo 'what was promised is not there'
	exit 1
}
cut -d ' ' -f 2 kept | sort -u >ids
blk-get --batch <ids >got || {
	echo "blk-get: $?"
	exit 1
}
blk-check --read-data || {
	echo "blk-check: $?"
	exit 1
}
blk-ls --format '%(name)' | blk-rm -q -f -T - --all-versions
blk-gc -q --max-unused 0
blk-gc -q --max-unused 0
blk-check || exit
size=$(cd "$BLK_STORE" && du -sb segments log checkpoint | awk '{ s += $1 } END { print s }')
dirs=$(find "$BLK_STORE"/{segments,log,checkpoint} -type d -printf '%s\n' |
	awk '{ s += $1 } END { print s }')
# Two checkpoints know each name that ever was, and its last number.
[ $((size - dirs)) -lt $((262144 + 128 * $(cat acked.? | wc -l))) ] || {
	echo "when all is dropped, $((size - dirs)) bytes stay"
	exit 1
}
[ "$(blk-ls --objects --count)" -eq 0 ] || {
	echo 'when all is dropped, objects stay'
	exit 1
}
echo "$(cat acked.? | wc -l) promised, $(wc -l <kept) of them kept," \
	"$(grep -c kill chaos) killed, $(grep -c stop chaos) frozen"
