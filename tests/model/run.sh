#!/usr/bin/env bash
# run.sh MODEL - all that the model has to say: TAP, then "N passed, N failed".
#
# SCHEDULES=N (100000) on the catalog in memory, a twentieth of them on SQLite,
# which has to come to the same; the fixed cases; and, for each rule, that
# something is lost without it.  Two runs at a time.
set -uo pipefail
model=$1
all=${SCHEDULES:-100000}
half=$((all / 2)) some=$((all / 40))
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

run() { # NAME ARGUMENTS...: into a file of that name; its status into another
	local name=$1

	shift
	"$model" "$@" >"$dir/$name" 2>&1
	echo $? >"$dir/$name.status"
}
export -f run
export model dir

# The long ones first.
xargs -P 2 -L 1 bash -c 'run "$@"' run <<END
first --schedules $half --seed 1
second --schedules $half --seed $((half + 1))
sqlite-1 --schedules $some --seed 1 --catalog sqlite
sqlite-2 --schedules $some --seed $((some + 1)) --catalog sqlite
memory-1 --schedules $some --seed 1
memory-2 --schedules $some --seed $((some + 1))
without-R5 --schedules 20000 --rules-off R5 --expect-loss
without-R1 --schedules 20000 --rules-off R1 --expect-loss
without-R2 --schedules 20000 --rules-off R2 --expect-loss
without-R3 --schedules 20000 --rules-off R3 --expect-loss
without-R4 --schedules 20000 --rules-off R4 --expect-loss
cases --cases
mutations --mutations
END

passed=0 failed=0
say() { # STATUS NAME
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		printf 'ok %s - %s\n' $((passed + failed)) "$2"
	else
		failed=$((failed + 1))
		printf 'not ok %s - %s\n' $((passed + failed)) "$2"
	fi
}

for name in cases mutations; do
	while read -r line; do
		case $line in
		'ok '*) say 0 "${line#*- }" ;;
		'not ok '*) say 1 "${line#*- }" ;;
		'#'*) printf '%s\n' "$line" ;;
		esac
	done <"$dir/$name"
	say "$(cat "$dir/$name.status")" "$name ran to their end"
done
for name in first second sqlite-1 sqlite-2 memory-1 memory-2 without-R{1..5}; do
	sed 's/^/# /' "$dir/$name"
	say "$(cat "$dir/$name.status")" "$name"
done
for i in 1 2; do
	cmp -s "$dir/sqlite-$i" "$dir/memory-$i"
	say $? "SQLite and memory come to the same ($i)"
done
printf '1..%s\n' $((passed + failed))
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
