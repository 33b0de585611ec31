# Help, manual and completions name the same options, for every command and
# subcommand.  A page says what belongs to a subcommand by ".Ss create", or
# ".Ss export, import" for several, and defines an option by ".It Fl".
load helper

# Checks say "|| return" at each step, for "run" makes set -e void.

# The commands that are built, a line each.
built() {
	local file

	for file in "$BUILD"/blk-*; do
		if [ -f "$file" ] && [ -x "$file" ]; then
			basename "$file"
		fi
	done | sort
}

# HEADING...: what stands below these headings of a --help on stdin.
below() {
	awk -v headings="|$(printf '%s:|' "$@")" '
		/^[A-Z].*:$/ { on = index(headings, "|" $0 "|") > 0; next }
		/^$/ { on = 0 }
		on'
}

# The options that lines of a --help define, -x and --long, a line each.
defined() {
	sed -nE 's/^ {2}(-[^-]), (--[a-z0-9-]+).*/\1\n\2/p; s/^ {6}(--[a-z0-9-]+).*/\1/p' | sort -u
}

subcommands() { # COMMAND
	"$1" --help | below Commands | sed -nE 's/^ {2}([a-z][a-z-]*).*/\1/p'
}

# The options that a page defines, each behind the .Ss it stands in and a tab.
manual() { # PAGE
	awk '
		{ line = line $0 }
		line ~ /\\$/ { sub(/\\$/, "", line); next }
		line ~ /^\.Sh / { where = "" }
		line ~ /^\.Ss / { where = substr(line, 5) }
		line ~ /^\.It .*Fl / {
			n = split(line, word, /[ \t]+/)
			for (i = 1; i < n; i++)
				if (word[i] == "Fl")
					print where "\t-" word[i + 1]
		}
		{ line = "" }' "$1" | sort -u
}

same() { # WHAT HELP OTHER: two files of sorted lines
	diff -u --label "--help of $1" --label "other place" "$2" "$3" ||
		fail "$1: what --help says (-) and what is said elsewhere (+)"
}

# A page of a command without subcommands: one set of options.
check_flat_page() { # COMMAND PAGE
	"$1" --help | below Options 'Common options' | defined >help
	manual "$2" | cut -f 2 | sort -u >page
	same "$1" help page || return
}

check_nested_page() { # COMMAND PAGE
	local group sub
	local -A seen=()

	: >common
	while IFS= read -r group; do
		: >help
		for sub in ${group//,/ }; do
			seen[$sub]=1
			"$1" "$sub" --help | below Options | defined >>help
		done
		sort -u -o help help
		manual "$2" | awk -F '\t' -v g="$group" '$1 == g { print $2 }' >page
		same "$1 $group" help page || return
	done < <(groups_of "$1" "$2")
	"$1" --help | below 'Common options' | defined >help
	for sub in $(subcommands "$1"); do
		"$1" "$sub" --help | below 'Common options' | defined >>help
		if [ -z "${seen[$sub]:-}" ]; then
			"$1" "$sub" --help | below Options | defined >own
			[ ! -s own ] || fail "$1 $sub: the page has no .Ss $sub" || return
		fi
	done
	sort -u -o help help
	# never empty, or awk would take the page for the list of groups
	{ groups_of "$1" "$2"; echo 'no group'; } >groups
	manual "$2" | awk -F '\t' 'NR == FNR { own[$0] = 1; next } !($1 in own) { print $2 }' \
		groups - | sort -u >page
	same "$1 (common options)" help page || return
}

# The .Ss of a page that name subcommands of the command.
groups_of() { # COMMAND PAGE
	local group sub known

	known=" $(subcommands "$1" | tr '\n' ' ')"
	while IFS= read -r group; do
		for sub in ${group//,/ }; do
			[[ $known == *" $sub "* ]] || continue 2
		done
		printf '%s\n' "$group"
	done < <(sed -n 's/^\.Ss //p' "$2")
}

check_page() { # COMMAND PAGE
	if [ -n "$(subcommands "$1")" ]; then
		check_nested_page "$1" "$2"
	else
		check_flat_page "$1" "$2"
	fi
}

# The long options that bash offers behind WORD...
offered() { # FILE WORD...
	bash -c '
		source "$1"
		shift
		COMP_WORDS=("$@" --)
		COMP_CWORD=$#
		_blk "$1" -- "${!#}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort -u
}

check_completions() { # COMMAND DIRECTORY
	local sub

	"$1" --help | below Options 'Common options' | defined | grep '^--' >help
	offered "$2/blk.bash" "$1" >offer
	same "$1 (blk.bash)" help offer || return
	for sub in $(subcommands "$1"); do
		"$1" "$sub" --help | below Options 'Common options' | defined | grep '^--' >help
		offered "$2/blk.bash" "$1" "$sub" >offer
		same "$1 $sub (blk.bash)" help offer || return
	done
}

# demo NAME: the demonstration command under a name of its choice
demo() {
	mkdir -p bin
	ln -sf "$BUILD/tests/unit/cli-demo" "bin/$1"
	PATH=$PWD/bin:$PATH
}

# A page that says what cli-demo's --help says.
demo_page() {
	local sub

	for sub in list fail; do
		printf '.Ss %s\n' "$sub"
		cli-demo "$sub" --help | below Options | defined |
			sed 's/^-/.It Fl /'
	done
	printf '.Ss Common options\n'
	for sub in list fail work stuck; do
		cli-demo "$sub" --help | below 'Common options'
	done | defined | sed 's/^-/.It Fl /'
}

@test "help and manual of every command name the same options" {
	for command in $(built); do
		[ -f "$SRC/man/$command.1" ] || fail "$command has no page"
		check_page "$command" "$SRC/man/$command.1"
	done
}

@test "every page of a command describes one that is built" {
	local missing=

	for page in "$SRC"/man/blk-*.1; do
		[ -x "$BUILD/$(basename "$page" .1)" ] || missing+=" $(basename "$page" .1)"
	done
	[ -z "$missing" ] || skip "not built:$missing"
}

@test "help and bash completion of every command name the same options" {
	for command in $(built); do
		check_completions "$command" "$SRC/completions"
	done
}

@test "the completion files are what make completions would write" {
	mapfile -t commands < <(built)
	sh "$SRC/completions/generate" bash "${commands[@]}" | diff "$SRC/completions/blk.bash" -
	sh "$SRC/completions/generate" zsh "${commands[@]}" | diff "$SRC/completions/_blk" -
	sh "$SRC/completions/generate" fish "${commands[@]}" | diff "$SRC/completions/blk.fish" -
}

@test "no line of a help is longer than 79 columns" {
	demo cli-demo
	demo cli-flat
	for command in cli-demo cli-flat $(built); do
		"$command" --help
		for sub in $(subcommands "$command"); do
			"$command" "$sub" --help
		done
	done >all
	run ! grep -nE '^.{80}' all
}

@test "a page that agrees with the help is accepted" {
	demo cli-demo
	demo_page >page.1
	check_page cli-demo page.1
	demo cli-flat
	cli-flat --help | defined | sed 's/^-/.It Fl /' >flat.1
	check_page cli-flat flat.1
}

@test "an option that only the help or only the page has is noticed" {
	demo cli-demo
	demo_page >page.1
	for line in 'Fl -kind' 'Fl t' 'Fl -jobs' 'Fl -verbose'; do
		grep -v "^\.It $line\$" page.1 >less.1
		run ! check_page cli-demo less.1
	done
	sed 's/^\.Ss fail$/&\n.It Fl -more Ar n/' page.1 >more.1
	run ! check_page cli-demo more.1
	[[ $output == *'+--more'* ]] || fail "$output"
	# the option of one subcommand in the section of another
	sed 's/^\.It Fl -kind$//; s/^\.Ss list$/&\n.It Fl -kind/' page.1 >moved.1
	run ! check_page cli-demo moved.1
	cli-flat() { cli-demo list "$@"; }
	cli-flat --help | defined | sed 's/^-/.It Fl /' >flat.1
	check_page cli-flat flat.1
	sed '/^\.It Fl -where$/d' flat.1 >less.1
	run ! check_page cli-flat less.1
}

@test "several subcommands may share a section of the page" {
	demo cli-demo
	demo_page | sed 's/^\.Ss list$/.Ss list, fail/; /^\.Ss fail$/d' >page.1
	check_page cli-demo page.1
	sed '/^\.It Fl -kind$/d' page.1 >less.1
	run ! check_page cli-demo less.1
}

@test "bash offers subcommands, words and, for a file, nothing of its own" {
	demo cli-demo
	demo cli-flat
	sh "$SRC/completions/generate" bash cli-demo cli-flat >blk.bash
	check_completions cli-demo .
	check_completions cli-flat .
	# shellcheck disable=SC1091  # made just above
	source ./blk.bash
	COMP_WORDS=(cli-demo '') COMP_CWORD=1
	_blk cli-demo '' cli-demo
	[ "${COMPREPLY[*]}" = 'list fail work stuck' ]
	COMP_WORDS=(cli-demo -s x fail --kind '=' co) COMP_CWORD=6
	_blk cli-demo co =
	[ "${COMPREPLY[*]}" = corrupt ]
	COMP_WORDS=(cli-demo fail --kind '') COMP_CWORD=3
	_blk cli-demo '' --kind
	[ "${COMPREPLY[*]}" = 'absent invalid corrupt busy failed incomplete' ]
	COMP_WORDS=(cli-flat b) COMP_CWORD=1
	_blk cli-flat b cli-flat
	[ ${#COMPREPLY[@]} -eq 0 ]
	touch page-1
	COMP_WORDS=(cli-flat -o pa) COMP_CWORD=2
	_blk cli-flat pa -o
	[ "${COMPREPLY[*]}" = page-1 ]
}

@test "an argument of which a part is optional is an argument" {
	# shellcheck disable=SC1091
	source "$SRC/completions/blk.bash"
	touch word
	COMP_WORDS=(blk-ls --attr '') COMP_CWORD=2
	_blk blk-ls '' --attr
	[ ${#COMPREPLY[@]} -eq 0 ]
	COMP_WORDS=(blk-ls K) COMP_CWORD=1
	_blk blk-ls K blk-ls
	[ ${#COMPREPLY[@]} -eq 0 ]
	run ! grep -E -e '(-l |--)[a-z-]+ [A-Z]' "$SRC/completions/_blk" \
		"$SRC/completions/blk.bash" "$SRC/completions/blk.fish"
}

@test "a completion that has lost an option is noticed" {
	demo cli-demo
	sh "$SRC/completions/generate" bash cli-demo >blk.bash
	sed -i "s/ --where / /" blk.bash
	run ! check_completions cli-demo .
	[[ $output == *'---where'* ]] || fail "$output"
}

@test "the completion generator fails where a command fails" {
	run -2 --separate-stderr sh "$SRC/completions/generate" tcsh
	[ -z "$output" ]
	run ! sh "$SRC/completions/generate" bash no-such-command
}

@test "fish offers the same options" {
	command -v fish >/dev/null || skip 'needs fish'
	demo cli-demo
	sh "$SRC/completions/generate" fish cli-demo >blk.fish
	fish --no-config -c 'source blk.fish; complete -C "cli-demo fail --"' |
		cut -f 1 | sort -u >offer
	cli-demo fail --help | defined | grep '^--' >help
	same 'cli-demo fail (fish)' help offer
	fish --no-config -c 'source blk.fish; complete -C "cli-demo "' |
		cut -f 1 | sort | tr '\n' ' ' >offer
	[ "$(cat offer)" = 'fail list stuck work ' ]
}

@test "zsh is told of the same options" {
	command -v zsh >/dev/null || skip 'needs zsh'
	demo cli-demo
	demo cli-flat
	sh "$SRC/completions/generate" zsh cli-demo cli-flat >_blk
	zsh -n _blk
	# what _arguments is called with, the options alone
	cat >told.zsh <<-'END'
		_arguments() {
			print -rl -- "$@" |
				sed -nE 's/^\*(-[^-[+]|--[a-z0-9-]+).*/\1/p'
			state=argument
		}
		service=$1 words=($2)
		source ./_blk
	END
	zsh -f told.zsh cli-flat | sort -u >offer
	cli-flat --help | defined >help
	same 'cli-flat (zsh)' help offer
	zsh -f told.zsh cli-demo fail | sort -u >offer
	{ cli-demo --help; cli-demo fail --help; } | defined | sort -u >help
	same 'cli-demo fail (zsh)' help offer
}

# Each command, and each of its subcommands, as one would begin to type it.
beginnings() {
	local command sub

	for command in $(built); do
		echo "$command"
		for sub in $(subcommands "$command"); do
			echo "$command $sub"
		done
	done
}

@test "fish offers the options of every command" {
	command -v fish >/dev/null || skip 'needs fish'
	while read -r words; do
		fish --no-config -c "source $SRC/completions/blk.fish
			complete -C '$words --'" </dev/null 2>err | cut -f 1 |
			sed 's/=$//' | sort -u >offer
		[ ! -s err ] || fail "$(head -n 3 err)"
		# shellcheck disable=SC2086
		$words --help | below Options 'Common options' | defined | grep '^--' >help
		same "$words (fish)" help offer
	done < <(beginnings)
}

@test "zsh is told of the options of every command" {
	command -v zsh >/dev/null || skip 'needs zsh'
	zsh -n "$SRC/completions/_blk"
	cat >told.zsh <<-END
		_arguments() {
			print -rl -- "\$@" |
				sed -nE 's/^\*(-[^-[+]|--[a-z0-9-]+).*/\1/p'
			state=argument
		}
		service=\$1 words=(\$2)
		source $SRC/completions/_blk
	END
	while read -r command sub; do
		zsh -f told.zsh "$command" "$sub" </dev/null | sort -u >offer
		{ "$command" --help; "$command" $sub --help; } | defined | sort -u >help
		same "$command $sub (zsh)" help offer
	done < <(beginnings)
}

# The literal lines below EXAMPLES, as a shell reads them.
examples() { # PAGE
	awk '/^\.Sh/ { here = $2 == "EXAMPLES" }
		/^\.Ed/ { literal = 0 }
		here && literal { gsub(/\\en/, "\\n"); gsub(/\\-/, "-"); print }
		/^\.Bd/ { literal = 1 }' "$1"
}

@test "the examples in the pages of all commands run" {
	for command in init config put get ls rm stat gc check dedup backup; do
		rm -rf work
		mkdir -p work/home
		examples "$SRC/man/blk-$command.1" >examples
		[ "$(grep -c blk- examples)" -ge 2 ]
		(
			cd work
			export HOME=$PWD/home BLK_STORE=$PWD/store
			blk-init
			sh -e -u ../examples >../out 2>../err
		) || fail "$command: $(tail -n 2 err)"
	done
}
