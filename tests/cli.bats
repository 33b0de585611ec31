# What cmd/cli.h promises of every command, shown by tests/unit/cli-demo.c.
# shellcheck disable=SC2154  # stderr_lines is run's
load helper

setup() {
	blk_setup
	mkdir bin
	ln -s "$BUILD/tests/unit/cli-demo" bin/cli-demo
	ln -s "$BUILD/tests/unit/cli-demo" bin/cli-flat
	PATH=$PWD/bin:$PATH
	unset BLK_STORE
}

# on_terminal COMMAND...: its output, stdout and stderr being a terminal
on_terminal() {
	script -qec "$*" /dev/null </dev/null | tr -d '\r'
}

# --- help and version ---

@test "--help goes to stdout with exit 0 whatever else is given" {
	cli-flat --help >plain
	head -n 1 plain | grep -qx 'Usage: cli-flat \[OPTION\]... \[NAME\]...'
	for args in '-h' '--bogus --help' '-h --color=wrong' 'operand -h' \
		'-x --json=3 --help' '--help --lock-wait' '-qqh' '--vers --help'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr cli-flat $args
		[ "$output" = "$(cat plain)" ]
		[ -z "$stderr" ]
	done
}

@test "--version goes to stdout with exit 0 whatever else is given" {
	for args in '-V' '--bogus --version' 'operand -V --max-memory=wrong'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr cli-flat $args
		[[ $output =~ ^cli-flat\ \(blk\)\ [0-9]+\.[0-9] ]] || fail "$output"
		[ -z "$stderr" ]
	done
	cli-demo list -V | grep -q '^cli-demo (blk) [0-9]'
}

@test "--help behind -- or as the argument of an option is no option" {
	run -0 --separate-stderr cli-flat --format='%(name)' -- --help
	[ "$output" = '--help' ]
	run -0 --separate-stderr cli-flat --format='%(tag)' -t --help x
	[ "$output" = '--help' ]
}

@test "a subcommand has a help of its own, before and behind other options" {
	cli-demo fail --help >plain
	head -n 1 plain | grep -qx 'Usage: cli-demo fail \[OPTION\]... \[MESSAGE\]'
	grep -q -- '--kind' plain
	run ! grep -q -- '--read-data' plain
	for args in 'fail -h' '-s x fail --bogus -h' '--bogus fail --help'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr cli-demo $args
		[ "$output" = "$(cat plain)" ]
	done
}

@test "the help of a command lists its subcommands, also behind an unknown one" {
	run -0 --separate-stderr cli-demo no-such --help
	[ "$output" = "$(cli-demo --help)" ]
	[ "$(cli-demo --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p' | tr '\n' ' ')" = 'list fail work stuck ' ]
}

@test "a help that is lost is a failure" {
	run -1 --separate-stderr bash -c 'cli-flat --help >/dev/full'
	[ "$stderr" = 'cli-flat: standard output: No space left on device' ]
}

# --- usage errors ---

# refused MESSAGE ARG...: exit 2, this message, nothing on stdout
refused() {
	local message=$1

	shift
	run -2 --separate-stderr cli-flat "$@"
	[ -z "$output" ] || fail "stdout: $output"
	[ "$stderr" = "cli-flat: $message
Try 'cli-flat --help'" ] || fail "stderr: $stderr"
}

@test "what is wrong with an option is said in our words, with exit 2" {
	refused "unknown option '--bogus'" --bogus
	refused "unknown option '--bogus'" --bogus=value operand
	refused "unknown option '-x'" -x
	refused "unknown option '-x'" -qx
	refused "option '--json' takes no argument" --json=1 -x
	refused "option '--lock-wait' needs an argument" --lock-wait
	refused "option '--store' needs an argument" -s
	refused "option '--quiet' takes no argument" --quiet=no
}

@test "an abbreviation of several options is refused" {
	refused "ambiguous option '--s'" --s
	refused "ambiguous option '--s'" --s=3
}

@test "bad arguments of common options are refused" {
	refused "--color: 'blue' is not auto, always or never" --color blue
	refused "--jobs: '0' is not a number from 1 to 1024" -j 0
	refused "--jobs: '2x' is not a number from 1 to 1024" -j2x
	refused "--jobs: '-1' is not a number from 1 to 1024" -j -1
	refused "--jobs: '99999999999999999999' is not a number from 1 to 1024" \
		-j 99999999999999999999
	run -2 cli-flat --max-memory lots
	[[ ${lines[0]} == 'cli-flat: --max-memory: '*lots* ]] || fail "$output"
	refused "--max-memory: '0' is too little" --max-memory 0
	refused "--max-memory: '0G' is too little" --max-memory=0G
	run -2 cli-flat --lock-wait 1x
	[[ ${lines[0]} == 'cli-flat: --lock-wait: '*1x* ]] || fail "$output"
}

@test "operands are counted" {
	run -2 --separate-stderr cli-demo work
	[ "$stderr" = "cli-demo: missing operand
Try 'cli-demo work --help'" ]
	run -2 --separate-stderr cli-demo work 1 two
	[ "${stderr%%$'\n'*}" = "cli-demo: extra operand 'two'" ]
}

@test "a missing and an unknown subcommand are usage errors" {
	run -2 --separate-stderr cli-demo
	[ "$stderr" = "cli-demo: missing command
Try 'cli-demo --help'" ]
	run -2 --separate-stderr cli-demo lisst
	[ "${stderr%%$'\n'*}" = "cli-demo: unknown command 'lisst'" ]
	run -2 --separate-stderr cli-demo --bogus list
	[ "${stderr%%$'\n'*}" = "cli-demo: unknown option '--bogus'" ]
	run -2 --separate-stderr cli-demo list --bogus
	[ "$stderr" = "cli-demo: unknown option '--bogus'
Try 'cli-demo list --help'" ]
}

@test "a template that names an unknown field is a usage error" {
	run -2 --separate-stderr cli-flat --format '%(nme)' x
	[ "${stderr%%$'\n'*}" = "cli-flat: --format: there is no field 'nme'; there are: name, size, tag, time" ]
	run -2 cli-flat --format '50%' x
	run -2 cli-flat --format '%(name' x
}

# --- what options mean ---

@test "options may follow operands, -- ends them, letters join" {
	[ "$(cli-flat a --format '%(name)' b -qt T)" = 'a
b' ]
	[ "$(cli-flat --format '%(name)' -q a -- -q --bogus)" = 'a
-q
--bogus' ]
	[ "$(cli-flat --format '%(tag)' -qtT x)" = T ]
}

@test "an optional argument needs its equals sign" {
	[ "$(cli-flat -q --format '%(tag) %(name)' --read-data a)" = 'all a' ]
	[ "$(cli-flat -q --format '%(tag) %(name)' --read-data=10G a)" = '10G a' ]
}

@test "common options stand before or behind the subcommand" {
	[ "$(cli-demo -s one list --where | head -n 1)" = one ]
	[ "$(cli-demo list --where -s two | head -n 1)" = two ]
	[ "$(cli-demo -s one list -s two --where | head -n 1)" = two ]
}

@test "a common option that the subcommand does not take does not stand before it" {
	run -2 --separate-stderr cli-demo -s store work 1
	[ "$stderr" = "cli-demo: unknown option '-s'
Try 'cli-demo --help'" ]
	run -2 cli-demo work -s store 1
	run -2 --separate-stderr cli-demo --json -s store work 1
	[ "$(jq -r .message <<<"$stderr")" = "unknown option '-s'" ]
}

@test "the store is --store, else BLK_STORE, else below XDG_DATA_HOME or HOME" {
	export BLK_STORE=env XDG_DATA_HOME=/xdg
	[ "$(cli-flat --where -s arg | head -n 1)" = arg ]
	[ "$(cli-flat --where | head -n 1)" = env ]
	[ "$(BLK_STORE='' cli-flat --where | head -n 1)" = '/xdg/blk (default)' ]
	unset BLK_STORE
	[ "$(cli-flat --where | head -n 1)" = '/xdg/blk (default)' ]
	[ "$(XDG_DATA_HOME=relative cli-flat --where | head -n 1)" = "$HOME/.local/share/blk (default)" ]
	unset XDG_DATA_HOME
	[ "$(cli-flat --where | head -n 1)" = "$HOME/.local/share/blk (default)" ]
	run -2 --separate-stderr env -u HOME cli-flat --where
	[ "${stderr%%$'\n'*}" = 'cli-flat: which store? give --store, BLK_STORE or HOME' ]
}

@test "the cache is below XDG_CACHE_HOME or HOME, or nowhere" {
	[ "$(cli-flat --where | sed -n 2p)" = "$HOME/.cache/blk" ]
	[ "$(XDG_CACHE_HOME=/c cli-flat --where | sed -n 2p)" = /c/blk ]
	[ "$(env -u HOME cli-flat -s s --where | sed -n 2p)" = none ]
}

@test "sizes, durations and counts reach the command" {
	[ "$(cli-flat --where -vv --lock-wait 1m30s -j 7 --max-memory 2G | sed -n 3p)" = \
		'90000 7 2147483648 2' ]
	[ "$(cli-flat --where | sed -n 3p)" = "60000 $(nproc) 268435456 0" ]
}

# --- exit status and messages ---

@test "each kind of failure has its exit status and its word in JSON" {
	while read -r code kind; do
		run "-$code" --separate-stderr cli-demo fail -q --kind "$kind" why
		[ -z "$output" ]
		[ "$kind" = incomplete ] || [ "$stderr" = 'cli-demo: why' ]
		run "-$code" --separate-stderr cli-demo fail -q --json --kind "$kind" why
		[ -z "$output" ]
		[ "$(jq -r '[.type, .code, .kind] | join(" ")' <<<"$stderr")" = "error $code $kind" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done <<-'END'
		1 failed
		2 invalid
		3 incomplete
		4 corrupt
		5 busy
		6 absent
	END
}

@test "with --json usage errors are JSON too, wherever it stands" {
	for args in '--json --bogus' '--bogus --json' '--bogus x --json' '--format %(x) --json'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr cli-flat $args
		[ "$(jq -r '[.type, .code, .kind] | join(" ")' <<<"$stderr")" = 'error 2 invalid' ]
	done
	run -2 --separate-stderr cli-demo list --bogus --json
	[ "$(jq -r .message <<<"$stderr")" = "unknown option '--bogus'" ]
}

@test "a message spells out control characters and what is not UTF-8" {
	run -1 --separate-stderr cli-demo fail -q $'a\033[31mb\tc\177\xff\xc2\x9bd \xc3\xa9 \\'
	[ "$stderr" = 'cli-demo: a\033[31mb\tc\177\377\302\233d é \' ]
	run -2 --separate-stderr cli-flat $'--\033]0;title\a'
	[ "${stderr%%$'\n'*}" = "cli-flat: unknown option '--\\033]0;title\\007'" ]
}

@test "an error in JSON that is not UTF-8 has its bytes in Base64" {
	run -1 --separate-stderr cli-demo fail -q --json $'a\xff'
	[ "$(jq -r .message <<<"$stderr")" = 'a�' ]
	[ "$(jq -r .message_b64 <<<"$stderr" | base64 -d | od -An -tx1)" = ' 61 ff' ]
}

@test "-q leaves errors only, -v says more, warnings are no errors" {
	run -0 --separate-stderr cli-flat a
	[ "$stderr" = 'cli-flat: listed' ]
	run -0 --separate-stderr cli-flat -v a
	[ "$stderr" = 'cli-flat: listed
cli-flat: one more thing' ]
	run -0 --separate-stderr cli-flat -qv a
	[ -z "$stderr" ]
	run -1 --separate-stderr cli-demo fail why
	[ "$stderr" = 'cli-demo: about to fail
cli-demo: why' ]
	run -1 --separate-stderr cli-demo fail --json why
	[ "$(jq -r .type <<<"$stderr" | tr '\n' ' ')" = 'warning error ' ]
}

# --- output ---

@test "a table is aligned, with a size for people" {
	run -0 --separate-stderr cli-flat a long-name -t T
	[ "$output" = 'NAME          SIZE  TAG
a           1000 B  T
long-name  8.8 KiB  T' ]
}

@test "a template prints fields, percent signs and plain numbers" {
	run -0 --separate-stderr cli-flat --format '<%(name)|%(size)> 100%% %(time)' abc é
	[ "$output" = '<abc|3000> 100% 1970-01-01T00:00:00Z
<é|2000> 100% 1970-01-01T00:00:01Z' ]
	[ "$(cli-flat -q --format '' a b | od -An -c | tr -d ' ')" = '\n\n' ]
}

@test "-0 ends items in NUL and leaves names as they are" {
	cli-flat -q0 --format '%(name)' $'a\nb' $'\033c' >out
	printf 'a\nb\0\033c\0' | cmp - out
	cli-flat -q0 a >out
	printf 'a  1000 B  none\0' | cmp - out
}

@test "--json is an object a line, type first, a summary last" {
	cli-flat -q --json a $'b\xff"\n' >out
	[ "$(jq -c . out)" = "$(cat out)" ]
	[ "$(wc -l <out)" -eq 3 ]
	[ "$(jq -r 'keys_unsorted[0]' out | sort -u)" = type ]
	[ "$(head -n 1 out)" = '{"type":"name","name":"a","size":1000,"tag":"none","time":"1970-01-01T00:00:00Z"}' ]
	[ "$(sed -n 2p out | jq -r .name_b64 | base64 -d | od -An -tx1)" = ' 62 ff 22 0a' ]
	[ "$(tail -n 1 out)" = '{"type":"summary","names":2}' ]
}

@test "names are spelled out on a terminal, and raw in a pipe" {
	name=$'a\033[3mb'
	[ "$(cli-flat -q --format '%(name)' "$name" | od -An -c | tr -d ' ')" = 'a033[3mb\n' ]
	export name
	[ "$(on_terminal 'cli-flat -q --format "%(name)" "$name"')" = 'a\033[3mb' ]
}

@test "colour follows --color, NO_COLOR, TERM and the terminal" {
	esc=$'\033'
	export TERM=xterm
	run ! grep -q "$esc" <(cli-flat -q a)
	cli-flat -q --color=always a | grep -q "$esc"
	NO_COLOR=1 cli-flat -q --color always a | grep -q "$esc"
	on_terminal cli-flat -q a | grep -q "$esc"
	run ! grep -q "$esc" <(on_terminal cli-flat -q --color=never a)
	run ! grep -q "$esc" <(on_terminal NO_COLOR=1 cli-flat -q a)
	on_terminal NO_COLOR= cli-flat -q a | grep -q "$esc"
	run ! grep -q "$esc" <(on_terminal TERM=dumb cli-flat -q a)
}

@test "a lost write is exit 1 and is told once" {
	for args in 'a b' '--json a' '--stdin'; do
		run -1 --separate-stderr bash -c "echo text | cli-flat -q $args >/dev/full"
		[ "$stderr" = 'cli-flat: standard output: No space left on device' ] ||
			[ "$(jq -r .code <<<"$stderr")" = 1 ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
}

@test "a closed stdout is an error for who writes, and for nobody else" {
	run -1 --separate-stderr bash -c 'cli-flat -q a >&-'
	[ "$stderr" = 'cli-flat: standard output: Bad file descriptor' ]
	run -0 --separate-stderr bash -c 'cli-flat -q --format "%(name)" >&-'
	[ -z "$stderr" ]
}

@test "a closed stdin is an error for who reads" {
	run -1 --separate-stderr bash -c 'cli-flat -q --stdin <&-'
	[ "$stderr" = 'cli-flat: standard input: Bad file descriptor' ]
	run -0 --separate-stderr bash -c 'cli-flat -q --format "%(name)" a <&- 2>&-'
	[ "$output" = a ]
}

@test "a reader that goes away ends the command quietly" {
	run --separate-stderr bash -c 'yes | cli-flat -q --stdin | head -n 1; exit ${PIPESTATUS[1]}'
	[ "$status" -eq 141 ]
	[ -z "$stderr" ]
	run --separate-stderr bash -c 'trap "" PIPE
		yes 2>/dev/null | head -c 1000000 2>/dev/null | cli-flat -q --stdin | true; exit ${PIPESTATUS[2]}'
	[ "$status" -eq 1 ]
	[ -z "$stderr" ]
}

@test "binary data is not written to a terminal" {
	run on_terminal 'cli-flat --stdin; echo status $?'
	[[ $output == *'not writing binary data to a terminal'*'status 2' ]] || fail "$output"
}

# --- signals and progress ---

# start COMMAND...: in the background with default signals; $pid
start() {
	env --default-signal "$@" <&0 3>&- >out 2>err &
	pid=$!
}

# until_is COMMAND...: wait up to 5 s until it succeeds
until_is() {
	local i

	for ((i = 0; i < 100; i++)); do
		if "$@"; then
			return 0
		fi
		sleep 0.05
	done
	fail "never: $*"
}

@test "SIGINT and SIGTERM let a command tidy up and then end it" {
	for sig in INT TERM HUP; do
		start cli-demo work 300
		sleep 0.3
		kill -$sig "$pid"
		code=0
		wait "$pid" || code=$?
		[ "$code" -eq $((128 + $(kill -l "$sig"))) ] || fail "$sig: $code"
		[ "$(cat err)" = 'cli-demo: tidied up' ]
	done
}

@test "a command that does not listen is ended after two seconds" {
	start cli-demo stuck
	until_is grep -q stuck out
	begin=$(date +%s%N)
	kill -TERM "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 143 ]
	took=$((($(date +%s%N) - begin) / 1000000))
	[ "$took" -ge 1900 ] && [ "$took" -lt 4000 ]
}

@test "a second signal ends a command at once" {
	start cli-demo stuck
	until_is grep -q stuck out
	begin=$(date +%s%N)
	kill -INT "$pid"
	sleep 0.2
	kill -TERM "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 143 ]
	[ $((($(date +%s%N) - begin) / 1000000)) -lt 1500 ]
}

@test "a signal that was ignored stays ignored" {
	run -0 --separate-stderr bash -c 'trap "" INT
		cli-demo work 5 & sleep 0.2; kill -INT $!; wait $!'
	[ "$output" = 'done' ]
}

@test "SIGUSR1 prints one status line, even with -q" {
	start cli-demo work -q 12
	sleep 0.4
	kill -USR1 "$pid"
	wait "$pid"
	[ "$(wc -l <err)" -eq 1 ]
	grep -qE '^cli-demo: [0-9]+%  [0-9.]+ MiB of 12\.0 MiB, [0-9]+ of 12 files, .*/s, 0:00$' err
	[ "$(cat out)" = 'done' ]
}

@test "SIGUSR1 does no harm where there is no progress to tell" {
	mkfifo fifo
	exec 7<>fifo
	start cli-flat -q --stdin 7>&- <fifo
	sleep 0.3
	kill -USR1 "$pid"
	until_is grep -qx 'cli-flat: running' err
	echo text >&7
	exec 7>&-
	wait "$pid"
	[ "$(cat out)" = text ]
}

@test "without a terminal there is no bar, with --progress there are lines" {
	run -0 --separate-stderr cli-demo work 11
	[ -z "$stderr" ]
	run -0 --separate-stderr cli-demo work --progress 12
	[[ $stderr =~ ^cli-demo:\ [0-9]+% ]] || fail "$stderr"
	run -0 --separate-stderr cli-demo work --json --progress 12
	[ "$(jq -r '[.type, .total_files, .total_bytes] | join(" ")' <<<"$stderr")" = 'status 12 12582912' ]
}

@test "on a terminal there is a bar, wiped at the end, unless it is not wanted" {
	on_terminal TERM=xterm cli-demo work 9 >shown
	grep -qE '[0-9]+ of 9 files' shown
	[ "$(tail -n 1 shown | sed 's/.*\x1b\[K//')" = 'done' ]
	for command in 'TERM=xterm cli-demo work --no-progress 9' 'TERM=xterm cli-demo work -q 9' \
		'TERM=dumb cli-demo work 9'; do
		[ "$(on_terminal "$command")" = 'done' ]
	done
}
