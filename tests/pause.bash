# pause.bash - a command is stopped at a point that a test names; the others
# run, and it goes on (cmd/pause.h).
# shellcheck shell=bash disable=SC2034  # rc is for tests

# at POINT NAME COMMAND...: run it in the background until it is there; POINT
# as in cmd/pause.h.  What it prints goes to out.NAME and err.NAME.  The others
# are of that build, too: they do not wait for long for one that is stopped.
at() {
	local point=$1 name=$2

	shift 2
	PATH=$BUILD/tests/hooked:$PATH
	rm -f "$name.here" "$name.go"
	BLK_PAUSE="$point $PWD/$name" "$@" \
		>"out.$name" 2>"err.$name" 3>&- &
	paused=$!
	for _ in $(seq 3000); do
		[ ! -e "$name.here" ] || return 0
		kill -0 "$paused" 2>/dev/null || break
		sleep 0.02
	done
	fail "$name was not stopped: $(cat "err.$name")"
}

# It goes on; its status is in rc.
on() { # NAME
	rc=0
	: >"$1.go"
	wait "$paused" || rc=$?
}

teardown() {
	[ -z "${paused:-}" ] || kill -9 "$paused" 2>/dev/null || :
}
