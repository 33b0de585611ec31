# blk.bash - completes the options of blk's commands, their arguments and
# subcommands.  Written by completions/generate: do not edit.
# shellcheck shell=bash

# What "COMMAND" or "COMMAND SUBCOMMAND" takes: its subcommands, its long
# options, and for options with an argument OPTION=WORD|WORD, OPTION=@ (files)
# or OPTION=.
_blk_facts() {
	case $1 in
	'blk-backup')
		subs='create restore list show status diff find verify prune export import'
		options='--store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup create')
		options='--name --tag --host --exclude --exclude-from --exclude-caches --exclude-if-present --exclude-larger-than --one-file-system --files-from --all-xattrs --force --skip-if-unchanged --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--name= -N= --tag= --host= --exclude= --exclude-from=@ --exclude-if-present= --exclude-larger-than= --files-from=@ --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup restore')
		options='--target --include --exclude --overwrite --delete --same-owner --devices --sparse --verify --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--target=@ -t=@ --include= --exclude= --overwrite=if-changed|always|if-newer|never --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup list')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup show')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup status')
		options='--max-age --store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--max-age= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup diff')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup find')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup verify')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup prune')
		options='--keep-last --keep-hourly --keep-daily --keep-weekly --keep-monthly --keep-yearly --keep-within --keep-tag --group-by --unsafe-allow-remove-all --verify-data --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--keep-last= --keep-hourly= --keep-daily= --keep-weekly= --keep-monthly= --keep-yearly= --keep-within= --keep-tag= --group-by= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup export')
		options='--format --output --sparse --store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--format=tar|zip|cpio --output=@ -o=@ --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-backup import')
		options='--name --tag --host --zip --all-xattrs --max-size --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--name= -N= --tag= --host= --max-size= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-check')
		options='--read-data --max-age --max-time --rebuild-index --repair --from --drop-damaged --accept-loss --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--max-age= --max-time= --from= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-config')
		subs='get set list'
		options='--store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-config get')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-config set')
		options='--store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-config list')
		options='--store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-dedup')
		options='--apply --max-time --estimate --chunk-size --chunks --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--max-time= --chunk-size= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-gc')
		options='--max-unused --max-repack-size --max-time --force-clock --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--max-unused= --max-repack-size= --max-time= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-get')
		options='--output --force --range --exists --batch --batch-check --store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--output=@ -o=@ --range= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-init')
		options='--chunk-size --compression --segment-size --shared --single-writer --if-missing --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--chunk-size= --compression= --segment-size= --shared= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-ls')
		options='--recursive --versions --objects --chunks --segments --refs --links --log --type --since --until --min-index --max-index --attr --host --sort --reverse --limit --offset --count --long --format --store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--versions= --chunks= --refs= --links= --type= --since= --until= --min-index= --max-index= --attr= --host= --sort=name|time|size|index|id --limit= --offset= --format= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-put')
		options='--name --type --attr --link --files-from --exec --ref --if-head --keep-last --expires --tee --id-file --expect-id --min-size --no-dedup --commit-every --batch --atomic --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--name= -N= --type= -t= --attr= -a= --link= -l= --files-from=@ -T=@ --ref= --if-head= --keep-last= --expires= --id-file=@ --expect-id= --min-size= --commit-every= --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-rm')
		options='--all-versions --keep-last --keep-within --older-than --files-from --force --store --dry-run --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--keep-last= --keep-within= --older-than= --files-from=@ -T=@ --store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	'blk-stat')
		options='--engine --health --prometheus --store --null --json --color --progress --no-progress --lock-wait --jobs --max-memory --quiet --verbose --help --version'
		arguments='--store=@ -s=@ --color=auto|always|never --lock-wait= --jobs= -j= --max-memory='
		;;
	*) return 1 ;;
	esac
}

# Complete $2 as the argument of option $1; fails when that takes none.
_blk_argument() {
	local pair
	for pair in $arguments; do
		if [[ ${pair%%=*} == "$1" ]]; then
			pair=${pair#*=}
			if [[ $pair == @ ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$2")
				compopt -o filenames 2>/dev/null
			else
				mapfile -t COMPREPLY < <(compgen -W "${pair//|/ }" -- "$2")
			fi
			return 0
		fi
	done
	return 1
}

# The subcommand among the words before the cursor.
_blk_subcommand() {
	local i word sub
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		for sub in $subs; do
			if [[ $word == "$sub" ]]; then
				printf '%s\n' "$sub"
				return
			fi
		done
	done
}

_blk() { # COMMAND WORD PREVIOUS
	local command=${1##*/} word=${2-} previous=${3-} sub
	local subs='' options='' arguments=''

	COMPREPLY=()
	_blk_facts "$command" || return 0
	if [[ -n $subs ]]; then
		sub=$(_blk_subcommand)
		if [[ -n $sub ]]; then
			subs=''
			_blk_facts "$command $sub"
		fi
	fi
	# readline takes "--option=word" for three words
	if [[ $word == '=' ]]; then
		word=''
	elif [[ $previous == '=' ]] && ((COMP_CWORD > 1)); then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ $previous == -* ]] && _blk_argument "$previous" "$word"; then
		return 0
	fi
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	elif [[ -n $subs ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$subs" -- "$word")
	fi
}

complete -o bashdefault -o default -F _blk \
	blk-backup \
	blk-check \
	blk-config \
	blk-dedup \
	blk-gc \
	blk-get \
	blk-init \
	blk-ls \
	blk-put \
	blk-rm \
	blk-stat
