# blk-rm drops versions.
# shellcheck disable=SC2154  # stderr is run's
load helper

setup() {
	blk_setup
	blk-init
}

versions() { # NAME COUNT
	local i

	for i in $(seq "$2"); do
		echo "$i" | blk-put -N "$1" >/dev/null
	done
}

left() { # NAME: the numbers of its versions
	blk-ls --versions "$1" --format '%(index)' | tr '\n' ' '
}

@test "blk-rm drops an object that was put without a name" {
	id=$(echo one | blk-put)
	run -0 blk-rm "$id"
	run -6 blk-get -e "$id"
	run -6 blk-rm "$id"
}

@test "a prefix of an id will do" {
	id=$(echo one | blk-put)
	run -0 blk-rm -q "${id:0:12}"
	[ -z "$output" ]
	run -6 blk-get -e "$id"
}

@test "blk-rm drops a name with one version, and one version of a name" {
	versions n 3
	echo x | blk-put -N single >/dev/null
	run -0 blk-rm n@2 single
	[ "$(left n)" = "1 3 " ]
	run -6 blk-ls single
	run -0 blk-rm n@-1
	[ "$(left n)" = "3 " ]
}

@test "the id of a version drops it" {
	versions n 2
	vid=$(blk-ls --format '%(version)' n@1)
	run -0 blk-rm "$vid"
	[ "$(left n)" = "2 " ]
}

@test "a name with several versions needs a word on which" {
	versions n 3
	run -2 blk-rm n
	[[ $output == *"3 versions"*"--all-versions"* ]] || fail "$output"
	[ "$(left n)" = "1 2 3 " ]
	run -0 blk-rm --all-versions n
	run -6 blk-ls n
}

@test "--keep-last N keeps the newest N" {
	versions n 5
	run -0 blk-rm --keep-last 2 n
	[ "$(left n)" = "4 5 " ]
	run -0 blk-rm --keep-last 2 n
	[ "$(left n)" = "4 5 " ]
	run -2 blk-rm --keep-last 0 n
	run -2 blk-rm --keep-last x n
}

@test "numbers are not used again" {
	versions n 2
	blk-rm -q --all-versions n
	versions n 1
	[ "$(left n)" = "3 " ]
}

@test "--older-than goes by now, --keep-within by the newest version" {
	need faketime
	need plain
	for i in 1 2; do echo "$i" | faketime '-50 hours' blk-put -N n; done
	for i in 3 4; do echo "$i" | faketime '-26 hours' blk-put -N n; done
	run -0 blk-rm --keep-within 25h n
	[ "$(left n)" = "1 2 3 4 " ]
	run -0 blk-rm --older-than 51h n
	[ "$(left n)" = "1 2 3 4 " ]
	for option in --keep-within=23h --older-than=49h; do
		run -0 blk-rm -n $option n
		[ "${#lines[@]}" -eq 3 ] || fail "$option: $output"
		[ "${lines[0]}${lines[1]}" = n@1n@2 ] || fail "$option: $output"
	done
	run -0 blk-rm --older-than 49h n
	[ "$(left n)" = "3 4 " ]
	run -0 blk-rm --older-than 25h n
	run -6 blk-ls n
}

@test "--keep-within refuses minutes, which restic takes for months" {
	versions n 2
	run -2 blk-rm --keep-within 5m n
	run -2 blk-rm --keep-within soon n
	run -2 blk-rm --older-than '' n
	[ "$(left n)" = "1 2 " ]
}

@test "all that is asked for is dropped, or nothing" {
	id=$(echo one | blk-put)
	run -6 blk-rm "$id" nope
	[ "$output" = "blk-rm: nope: no such name or object" ]
	run -0 blk-get -e "$id"
	versions n 2
	run -2 blk-rm "$id" n
	run -0 blk-get -e "$id"
	before=$(blk-ls --log --count)
	run -0 blk-rm -f "$id" nope n@1 n@7
	run -6 blk-get -e "$id"
	[ "$(left n)" = "2 " ]
	[ "$(blk-ls --log --count)" -eq $((before + 1)) ]
}

@test "what is named twice is dropped once" {
	versions n 2
	run -0 blk-rm n@1 n@1 --json
	[ "$(jq -r 'select(.type == "summary").versions' <<<"$output")" = 1 ]
}

@test "-f with nothing to do makes no commit" {
	before=$(blk-ls --log --count)
	run -0 blk-rm -f nope
	[ "$(blk-ls --log --count)" -eq "$before" ]
	run -2 blk-rm -f 'no@such@ref'
}

@test "-T reads REFs, one a line, or NUL-terminated with -0" {
	versions n 4
	id=$(echo one | blk-put)
	printf 'n@1\n\n%s\n' "$id" >refs
	run -0 blk-rm -q -T refs
	[ "$(left n)" = "2 3 4 " ]
	run -6 blk-get -e "$id"
	printf 'n@2\0n@3' | blk-rm -q -0 -T -
	[ "$(left n)" = "4 " ]
	run -1 blk-rm -T no-such-file
	run -0 blk-rm -T /dev/null
	run -1 blk-rm -T /
}

@test "-n only says what would be dropped, and what would become free" {
	random_file 100000 rm big
	blk-put -N big big >/dev/null
	run -0 --separate-stderr blk-rm -n big
	[ "$output" = big@1 ]
	[[ $stderr == *"would be dropped"*"become free"* ]] || fail "$stderr"
	run -0 blk-get -e big
}

@test "what becomes free is exact" {
	random_file 300000 rm a
	{ random_file 1000 rm-more more && cat a more; } >b
	blk-put -N a a >/dev/null
	blk-put -N b b >/dev/null
	live() { blk-stat --json | jq 'select(.type == "summary").live_bytes'; }
	before=$(live)
	free=$(blk-rm -n --json a | jq 'select(.type == "summary").freed_bytes')
	both=$(blk-rm -n --json a b | jq 'select(.type == "summary").freed_bytes')
	[ "$both" -eq "$before" ]
	said=$(blk-rm --json a | jq 'select(.type == "summary").freed_bytes')
	[ "$said" -eq "$free" ]
	[ "$(live)" -eq $((before - free)) ]
	blk-rm -q b
	[ "$(live)" -eq 0 ]
}

@test "what other versions refer to stays" {
	random_file 100000 rm big
	id=$(blk-put -N a big)
	blk-put -N b big >/dev/null
	blk-rm -q a
	blk-get b | cmp - big
	blk-get "$id" | cmp - big
	echo y | blk-put -N linker -l to=b >/dev/null
	blk-rm -q b
	blk-get "$id" | cmp - big
	blk-rm -q linker
	run -6 blk-get -e "$id"
}

@test "an id that only names hold is not dropped by it" {
	id=$(echo x | blk-put -N named)
	run -6 blk-rm "$id"
	[[ $output == *"only names hold it"* ]] || fail "$output"
	random_file 100000 rm big
	blk-put -N big big >/dev/null
	chunk=$(blk-ls --chunks big | sed -n '1s/.* //p')
	run -6 blk-rm "$chunk"
	[[ $output == *"part of something else"* ]] || fail "$output"
}

@test "what is malformed or does not fit together is a usage error" {
	versions n 2
	run -2 blk-rm
	run -2 blk-rm 'n@'
	run -2 blk-rm n:x
	run -2 blk-rm --all-versions --keep-last 1 n
	run -2 blk-rm --all-versions n@1
	run -2 blk-rm --all-versions "$(blk-ls --format '%(id)' n@1)"
	run -2 blk-rm --nonsense n@1
	run -2 blk-rm --keep-last x n
	[[ $output == "blk-rm: --keep-last: 'x' is not a number"* ]] || fail "$output"
	[ "$(left n)" = "1 2 " ]
	run -6 blk-rm --all-versions nope
	run -6 blk-rm -s "$PWD/none" n@1
}

@test "success says one line, and with -q nothing" {
	versions n 3
	run -0 --separate-stderr blk-rm n@1
	[ -z "$output" ]
	[[ $stderr == "blk-rm: 1 version dropped; "*"become free"* ]] || fail "$stderr"
	run -0 blk-rm -q n@2
	[ -z "$output" ]
}

@test "--json lists what was dropped, and sums it up" {
	versions n 2
	blk-rm --json --all-versions n >got
	[ "$(jq -r 'select(.type == "version").ref' got | tr '\n' ' ')" = "n@1 n@2 " ]
	[ "$(tail -n 1 got | jq -r '[.type, .versions, .dry_run, .commit] | map(tostring) | join(" ")')" = "summary 2 false 3" ]
	blk-rm --json -f n | jq -e '.type == "summary" and .versions == 0' >/dev/null
}

@test "two that drop the same at once: one wins, the other finds it gone" {
	for i in 1 2 3 4 5; do
		echo "$i" | blk-put -N n >/dev/null
		version=$(blk-ls --format 'n@%(index)' n)
		blk-rm -q "$version" 2>/dev/null 3>&- &
		first=$!
		second_status=0
		blk-rm -q "$version" 2>/dev/null || second_status=$?
		first_status=0
		wait "$first" || first_status=$?
		[ "$((first_status + second_status))" -eq 6 ]
	done
}

@test "the examples of blk-rm run" {
	id=$(echo one | blk-put)
	run -0 blk-rm "$id"
	for n in 1 2 3 4; do echo $n | blk-put -N counter; done
	run -0 blk-rm counter@1
	run -0 blk-rm -n --keep-last 1 counter
	run -0 blk-rm --keep-last 1 counter
	run -0 blk-rm --all-versions counter
	run -0 blk-rm -f counter
}
