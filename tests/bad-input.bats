# What cannot be done is said in one clear line, with the exit status of the
# manual; nothing is stored by it and nothing lost.
load helper

setup() {
	blk_setup
	blk-init
	echo kept >kept
	id=$(blk-put -N kept kept)
	cp -a store before
}

# refused STATUS WORDS COMMAND...: a line that holds the words, and no more
# than the hint at --help behind it; the store is as it was.
refused() {
	local status=$1 words=$2

	shift 2
	run "-$status" --separate-stderr "$@"
	[ -z "$output" ] || fail "$*: printed: $output"
	# shellcheck disable=SC2154
	[[ $stderr == *"$words"* ]] || fail "$*: said: $stderr"
	[ "$(grep -vc "^Try 'blk-" <<<"$stderr")" -eq 1 ] || fail "$*: $stderr"
	same
}

same() {
	diff -r -x 'index-1.db*' store before || fail 'the store was changed'
	[ "$(blk-get "$id")" = kept ]
}

commands='init config put get ls rm stat'

@test "an unknown option is a usage error" {
	for command in $commands; do
		refused 2 --bogus "blk-$command" --bogus
	done
}

@test "an option without its value is a usage error" {
	for command in $commands; do
		refused 2 --store "blk-$command" --store
	done
	refused 2 -- blk-put -N
	refused 2 --range blk-get kept --range
	refused 2 --sort blk-ls --sort
	refused 2 --keep-last blk-rm kept --keep-last
}

@test "a file that cannot be read is exit 3, and alone stores nothing" {
	need bound
	echo secret >secret
	chmod 0 secret
	refused 3 'secret: Permission denied' bound blk-put secret
	refused 3 'none: No such file or directory' blk-put none
	refused 3 'none: No such file or directory' blk-put -N name none
}

@test "a directory is no file to put" {
	mkdir dir
	refused 3 'dir: Is a directory' blk-put dir
	refused 3 'standard input' blk-put <dir
}

@test "a list of files that cannot be read is exit 1" {
	refused 1 'none: No such file or directory' blk-put -T none
}

@test "a full standard output is exit 1" {
	for command in 'blk-get kept' blk-ls 'blk-ls --objects' blk-stat \
		'blk-config list' 'blk-put -n kept'; do
		refused 1 'No space left on device' sh -c "$command >/dev/full"
	done
}

@test "a closed standard input is exit 3, and stores nothing" {
	refused 3 'standard input' sh -c 'exec blk-put <&-'
	refused 3 'standard input' sh -c 'exec blk-put -N name <&-'
}

@test "a store that does not exist is exit 6, and none is made" {
	for command in 'config list' 'put kept' 'put -N name kept' 'get kept' \
		'get -e kept' ls 'ls --objects' 'rm kept' stat; do
		refused 6 "$PWD/none: no store here" blk-${command%% *} \
			-s "$PWD/none" ${command#"${command%% *}"}
	done
	[ ! -e none ]
}

@test "a place that is no store is exit 6, and stays as it is" {
	mkdir place
	touch file
	refused 6 place blk-put -s "$PWD/place" kept
	refused 6 file blk-put -s "$PWD/file" kept
	[ -z "$(ls place)" ]
	[ ! -s file ]
}

@test "a prefix of several ids is a usage error that lists them" {
	one=$(printf 69235 | blk-put)
	two=$(printf 95303 | blk-put)
	rm -rf before
	cp -a store before
	for command in get 'get -e' ls rm stat 'put -N name --ref'; do
		run -2 --separate-stderr blk-${command%% *} \
			${command#"${command%% *}"} c11eb5e6
		[ -z "$output" ] || fail "$command: $output"
		[[ $stderr == *"$one"*"$two"* ]] || fail "$command: $stderr"
		same
	done
}

@test "a malformed REF is a usage error, for whoever reads REFs" {
	for ref in : @ kept@ kept@0 kept@x 'kept@{' 'kept@{soon}' a//b /a; do
		refused 2 "$ref" blk-get "$ref"
		refused 2 "$ref" blk-get -e "$ref"
		refused 2 "$ref" blk-rm "$ref"
		refused 2 "$ref" blk-stat "$ref"
		refused 2 "$ref" blk-put -N name --ref "$ref"
		refused 2 "$ref" blk-put -N name -l "rel=$ref" kept
	done
}

@test "a range outside of the object is a usage error" {
	for range in 6- 5:1 0:6 3:3 99:0 18446744073709551615:1 -1 1 x:y :; do
		refused 2 '' blk-get --range "$range" kept
	done
}

# The options of a command that take a number of some sort, "OPTION SORT" each;
# those that all have are asked for once.
numeric() {
	local common='^(lock-wait|jobs|max-memory) '

	[ "$1" != stat ] || common='^$'
	blk-$1 --help | sed -nE \
		's/^ +(-.,)? +--([a-z-]+)(\[=| )(N|SIZE|DURATION|TIME|PERCENT|SHARE|CODEC|MIN)\b.*/\2 \4/p' |
		grep -vE "$common"
}

# What makes the command complete but for the option.
rest_of() {
	case $1 in
	init) echo -s new ;;
	config) echo list ;;
	put | 'backup create') echo -n kept ;;
	get) echo kept ;;
	rm) echo -n kept ;;
	'backup restore') echo snap -t out ;;
	'backup show' | 'backup verify') echo snap ;;
	'backup diff') echo snap snap ;;
	'backup find') echo x ;;
	'backup status') echo --max-age 1d ;;
	'backup prune') echo -n --keep-last 1 ;;
	'backup export') echo -o out snap ;;
	'backup import') echo -N archive /dev/null ;;
	esac
}

every_number_is_checked() { # AT-LEAST COMMANDS
	local command option sort rest options=0 none least=$1

	shift
	mkdir dir
	blk-backup create -q -N snap dir >/dev/null
	rm -rf before
	cp -a store before
	for command in "$@"; do
		read -ra rest < <(rest_of "$command") || :
		while read -r option sort; do
			options=$((options + 1))
			case $sort in
			DURATION) none='1 1d2x d 99999999999999999999d 1.5d' ;;
			TIME) none='1 2024-13-01 2024-02-30 @1x @99999999999999999999' ;;
			*) none='1x 1.5 0x10 +1 -0 99999999999999999999 1KK K' ;;
			esac
			# shellcheck disable=SC2086
			for value in -1 '' ' 7' x $none; do
				run -2 --separate-stderr blk-$command \
					"--$option=$value" "${rest[@]}" </dev/null
				[ -z "$output" ] || fail "$command --$option=$value: $output"
				[[ $stderr == "blk-${command%% *}: --$option: "* ]] ||
					fail "$command --$option=$value: $stderr"
				[[ $stderr != *"--$option: $option"* ]] || fail "$stderr"
				[ "$(grep -vc "^Try 'blk-" <<<"$stderr")" -eq 1 ] ||
					fail "$command --$option=$value: $stderr"
			done
		done < <(numeric "$command")
	done
	[ "$options" -ge "$least" ]
	[ ! -e new ] && [ ! -e out ]
	same
}

@test "no command takes a number that is none, says which option, and once" {
	every_number_is_checked 25 init config put get ls rm stat gc check dedup
}

@test "nor does blk-backup" {
	every_number_is_checked 10 'backup create' 'backup restore' 'backup list' \
		'backup show' 'backup diff' 'backup find' 'backup verify' \
		'backup status' 'backup prune' 'backup export' 'backup import'
}

@test "an empty word is no name of a store, a host or an object" {
	for command in $commands gc check dedup; do
		refused 2 '--store: the path' "blk-$command" --store ''
	done
	refused 2 '--host: ' blk-ls --host ''
	for option in versions chunks refs links; do
		refused 2 "--$option: " blk-ls "--$option" ''
	done
}

@test "a name with control characters is a usage error" {
	for name in $'a\nb' $'a\tb' $'a\x1bb' $'a\x7f' $'\xc2\x85'; do
		refused 2 '--name: a name has no control characters' \
			blk-put -N "$name" kept
		refused 2 'no control characters' \
			sh -c "printf '1 %s' '${name//$'\n'/$'\t'}' | blk-put --batch"
	done
}

@test "a name of 255 bytes is taken, a longer one is a usage error" {
	refused 2 'at most 255 bytes' blk-put -N "$(printf '%0256d' 0)" kept
	refused 2 'at most 255 bytes' blk-put -N "$(printf '%04000d' 0)" kept
	refused 2 'at most 255 bytes' sh -c \
		"printf '1 %0256d\nx\n' 0 | blk-put --batch"
	blk-put -N "$(printf '%0255d' 0)" kept
	[ "$(blk-get "$(printf '%0255d' 0)")" = kept ]
}

@test "a broken line of a batch is a usage error, and nothing of it is stored" {
	for line in x -1 '1x' '01' '+1' '18446744073709551616' ' 1' get rm ref \
		'ref a' 'commit x' 'abort x' 'put 1' '1 a:b'; do
		refused 2 'standard input: request 1:' \
			sh -c "printf '%s\nx\n' '$line' | blk-put --batch"
	done
	printf '4\nsome\n9\nfew\n' >short
	run -2 --separate-stderr sh -c 'blk-put --batch <short'
	[ "$stderr" = 'blk-put: standard input: request 2: the input ends before its bytes do' ] ||
		fail "$stderr"
	same
}

@test "a config that is damaged is exit 4" {
	cp store/config config
	chmod u+w store/config
	for edit in '1s/.*/nonsense/' '1s/1/one/' '2d' '$d' 's/^chunker.*/chunker 1 0 0 0/' \
		's/^store.*/store 12/' 's/^mode.*/mode public/' '3s/0/00/' '$s/$/\nmore/'; do
		sed "$edit" config >store/config
		for command in 'get kept' ls 'put kept' 'rm kept' stat 'config list'; do
			run -4 --separate-stderr blk-$command
			[ -z "$output" ] || fail "$edit: $command: $output"
			[[ $stderr == *config:* ]] || fail "$edit: $command: $stderr"
			[ "$(wc -l <<<"$stderr")" -eq 1 ] || fail "$edit: $stderr"
		done
	done
	cat config >store/config
	same
}
