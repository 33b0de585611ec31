load helper

# Units as systemd would see them with blk installed.
installed() {
	local unit

	for unit in "$SRC"/contrib/*.service "$SRC"/contrib/*.timer; do
		sed 's,/usr/bin/blk-[a-z]*,/bin/true,' "$unit" \
			>"$(basename "${unit/@./@test.}")"
	done
}

@test "systemd accepts the units" {
	need systemd-analyze
	installed
	run systemd-analyze verify --man=no ./*.service ./*.timer
	[ "$status" -eq 0 ]
	[ -z "$output" ] || fail "$output"
}

@test "units and crontab name only commands that have a page" {
	local command

	grep -ohE '\bblk-[a-z]+ (-|create|prune|status)' "$SRC"/contrib/*.service \
		"$SRC"/contrib/blk.cron | cut -d ' ' -f 1 | sort -u >commands
	[ "$(wc -l <commands)" -ge 4 ]
	while read -r command; do
		[ -f "$SRC/man/$command.1" ] || fail "$command has no page"
	done <commands
}

@test "each line of the crontab has a time, a user and a command" {
	grep -vE '^(#|$|[A-Z_]+=)' "$SRC/contrib/blk.cron" >lines
	[ "$(wc -l <lines)" -ge 5 ]
	run grep -vE '^([0-9*]+ +){5}root +blk-' lines
	[ -z "$output" ] || fail "$output"
	run grep -E '[^\\]%' lines
	[ -z "$output" ] || fail "a % that cron would take for a newline"
}

@test "blk-extract.sh refuses what is no id" {
	run -2 --separate-stderr sh "$SRC/contrib/blk-extract.sh" . abc
	[ -z "$output" ]
	run -2 --separate-stderr sh "$SRC/contrib/blk-extract.sh" .
	[ -z "$output" ]
}

@test "blk-extract.sh says when there is no store" {
	run -6 --separate-stderr sh "$SRC/contrib/blk-extract.sh" nowhere \
		"$(printf '%064d' 0)"
	[ -z "$output" ]
	# shellcheck disable=SC2154
	[[ "$stderr" == *"no such store" ]] || fail "$stderr"
}

# The literal text of a section of blk-store(5).
literal() { # SECTION
	sed -n "/^\.Ss $1/,/^\.Sh/p" "$SRC/man/blk-store.5" |
		awk '/^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0; print ""; next } on'
}

@test "the schema of the index is the one in the manual" {
	blk-init
	# every table and view with its columns, one a line
	literal Schema | tr -d '\n' | grep -o '[a-z]*([a-z_, ]*)' |
		grep -v '^hex\|^max\|^lower' | tr -d ' ' | sort >manual
	for table in $(sqlite3 -readonly store/index-1.db \
		"SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"); do
		printf '%s(%s)\n' "$table" "$(sqlite3 -readonly store/index-1.db \
			"SELECT group_concat(name, ',') FROM pragma_table_info('$table')")"
	done | sort >index
	[ "$(wc -l <index)" -ge 16 ]
	diff manual index
}

@test "the queries in the manual run" {
	blk-init
	echo hello | blk-put -N greeting >/dev/null
	literal Schema | awk '/^SELECT/ { on = 1 } on; /;$/ { on = 0 }' >queries
	[ "$(grep -c '^SELECT' queries)" -eq 3 ]
	sqlite3 -readonly store/index-1.db <queries >answers
	[ "$(sed -n 1p answers)" = '6|greeting|1' ]
	[ "$(sed -n 2p answers)" = 'greeting|1' ]
	[ "$(sed -n 3p answers | grep -c '|100$')" -eq 1 ]
}
