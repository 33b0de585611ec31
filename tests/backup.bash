# backup.bash - what the tests of blk-backup share, beside helper.bash.
# shellcheck shell=bash
load helper

setup() {
	blk_setup
	blk-init
}

# Everything older than what a scan distrusts.
settle() { # DIRECTORY
	find "$1" -depth -exec touch -h -d '2026-01-02 03:04:05' {} +
	sleep 2.1
}

# A small tree with a bit of everything.
make_tree() { # DIRECTORY
	mkdir -p "$1/sub/deeper" "$1/empty"
	seq 5000 >"$1/numbers"
	printf 'x' >"$1/sub/x"
	random_file 3000000 "$1" "$1/sub/deeper/random"
	ln -s numbers "$1/link"
	ln "$1/numbers" "$1/sub/hard"
	mkfifo "$1/fifo"
	chmod 4711 "$1/sub/x"
	: >"$1/sub/"$'a\nb'
}

field() { # NAME: of the last line of JSON on stdin that has it
	sed -nE "s/.*\"$1\":\"?([^,\"}]*).*/\1/p" | tail -n 1
}

# same A B: they do not differ in anything that rsync looks at
same() {
	[ -z "$(rsync -aHAXn --delete --itemize-changes "$1/" "$2/")" ] ||
		fail "$(rsync -aHAXn --delete --itemize-changes "$1/" "$2/")"
	diff -r --no-dereference "$1" "$2" | grep -v 'is a fifo' && return 1
	return 0
}

# What make_tree makes, and what else a file system holds.
make_odd_tree() { # DIRECTORY
	local deep=$1/deep i

	make_tree "$1"
	truncate -s 40M "$1/sparse"
	printf 'in the middle' | dd of="$1/sparse" bs=1 seek=20000000 \
		conv=notrunc status=none
	printf 'x' >"$1/"$'not UTF-8 \xff'
	printf 'x' >"$1/$(printf '%0255d' 0)"
	ln -s "$(printf 'a%.0s' {1..3000})" "$1/long link"
	mkdir "$1/closed"
	printf 'x' >"$1/closed/in"
	for i in {1..25}; do
		deep+=/$(printf '%0120d' "$i")
	done
	mkdir -p "$deep"
	printf 'bottom' >"$deep/file"
	setfattr -n user.name -v value "$1/numbers" 2>/dev/null || true
	setfacl -m u:1234:rwx -d -m g:99:r-x "$1/sub" 2>/dev/null || true
	if [ "$(id -u)" -eq 0 ]; then
		chown -h 1234:4321 "$1/sub/x" "$1/link"
		chmod 6711 "$1/sub/x"
		setcap cap_net_raw+ep "$1/sub/deeper/random" 2>/dev/null || true
	fi
	touch -d '1969-12-31 23:59:58.123456789 UTC' "$1/numbers"
	touch -h -d '2100-01-01 00:00:00.000000001 UTC' "$1/link"
	chmod 555 "$1/closed"
	touch -d 2020-02-02 "$1/empty" "$1/closed" "$1"
}
