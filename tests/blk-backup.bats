# blk-backup: snapshots made, compared, verified and pruned.
# shellcheck disable=SC2154  # stderr is run's
load backup

# --- create ---

@test "create prints the id of the snapshot, which is a version of the name" {
	make_tree src
	run -0 --separate-stderr blk-backup create src
	[[ $output =~ ^[0-9a-f]{64}$ ]] || fail "$output"
	[ -z "$stderr" ]
	[ "$(blk-backup show --json "$output" | field name)" = src ]
	blk-get src:/numbers | cmp - src/numbers
	blk-get "src:/sub/deeper/random" | cmp - src/sub/deeper/random
}

@test "the summary counts the chunks and trees that are new, by restic's names" {
	mkdir -p src/sub/empty
	echo one >src/one
	echo one >src/same
	echo two >src/sub/two
	run -0 blk-backup create --json src
	[ "$(field data_blobs <<<"$output")" = 2 ]
	[ "$(field tree_blobs <<<"$output")" = 3 ]
	run -0 blk-backup create --json src
	[ "$(field data_blobs <<<"$output")" = 0 ]
	[ "$(field tree_blobs <<<"$output")" = 0 ]
	echo three >src/sub/two
	run -0 blk-backup create --json src
	[ "$(field data_blobs <<<"$output")" = 1 ]
	[ "$(field tree_blobs <<<"$output")" = 2 ]
	run -0 blk-backup create --json -N other src
	[ "$(field data_blobs <<<"$output")" = 0 ]
	for key in files_new files_changed files_unmodified dirs_new dirs_changed \
		dirs_unmodified data_added data_added_packed total_duration \
		total_files_processed total_bytes_processed snapshot_id; do
		[[ $output == *"\"$key\":"* ]] || fail "$key is missing"
	done
}

@test "an unchanged tree gives the same tree id, and no new data" {
	make_tree src
	settle src
	one=$(blk-backup create --json src)
	two=$(blk-backup create --json src)
	[ "$(field tree_id <<<"$one")" = "$(field tree_id <<<"$two")" ]
	[ "$(field files_unmodified <<<"$two")" = 5 ]
	[ "$(field files_new <<<"$two")" = 0 ]
	[ "$(field files_changed <<<"$two")" = 0 ]
	# the record of the snapshot alone
	[ "$(field data_added <<<"$two")" -lt 1000 ]
	[ "$(blk-backup list --json | field snapshots)" = 2 ]
}

@test "an unchanged tree is backed up without opening a file" {
	need plain ptrace
	make_tree src
	settle src
	blk-backup create src
	strace -f -qq -e trace=open,openat,openat2 -o trace blk-backup create src
	grep -q '"sub"' trace # it sees what it should
	run ! grep -E '"(numbers|x|random|hard)"' trace
}

@test "create counts what is new and what changed" {
	make_tree src
	settle src
	blk-backup create src
	echo more >>src/numbers
	echo new >src/new
	out=$(blk-backup create --json src)
	[ "$(field files_new <<<"$out")" = 1 ]
	[ "$(field files_changed <<<"$out")" = 2 ] # it has two names
	[ "$(field files_unmodified <<<"$out")" = 3 ]
	[ "$(field total_files_processed <<<"$out")" = 6 ]
	[ "$(field dirs_unmodified <<<"$out")" = 2 ]
	[ "$(field dirs_new <<<"$out")" = 0 ]
}

@test "two copies of a directory have the same tree" {
	make_tree src
	mkdir -p far/away
	cp -a src far/away/copy
	a=$(blk-backup create --json -N a src | field tree_id)
	b=$(blk-backup create --json -N b far/away/copy | field tree_id)
	[ -n "$a" ]
	[ "$a" = "$b" ]
	run -0 --separate-stderr blk-backup diff a b
	[ -z "$output" ]
}

@test "what prune and gc took from under the scan cache is stored again" {
	make_tree src
	settle src
	blk-backup create src
	blk-backup prune -q --keep-tag none --unsafe-allow-remove-all
	blk-gc -q
	run -0 --separate-stderr blk-backup create src
	blk-backup verify src
	blk-check --read-data
}

@test "what is excluded is not in the snapshot" {
	make_tree src
	mkdir src/cache src/marked
	printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >src/cache/CACHEDIR.TAG
	touch src/cache/c src/marked/.nobackup src/marked/m src/a.o src/sub/b.o
	printf '# objects\n*.o\n' >patterns
	blk-backup create -q --exclude-from patterns --exclude /src/sub/x \
		--exclude-caches --exclude-if-present .nobackup \
		--exclude-larger-than 1M --exclude '/empty' src
	blk-ls -R src: | sort >list
	printf '%s\n' cache cache/CACHEDIR.TAG fifo link marked marked/.nobackup \
		numbers sub $'sub/a\nb' sub/deeper sub/hard | sort >want
	sed -i '/^sub\/x$/d' list
	diff want list
}

@test "several paths stand in the snapshot under their own" {
	mkdir -p one/a two
	echo 1 >one/a/f
	echo 2 >two/g
	run -2 --separate-stderr blk-backup create one/a two
	[[ $stderr == *'-N NAME'* ]] || fail "$stderr"
	blk-backup create -q -N both one/a two/g
	[ "$(blk-get "both:$PWD/one/a/f")" = 1 ]
	[ "$(blk-get "both:$PWD/two/g")" = 2 ]
	printf '%s\0' one/a two/g >paths
	a=$(blk-backup create --json -N zero -0 --files-from paths | field tree_id)
	[ "$a" = "$(blk-backup show --json both | field tree)" ]
}

# as_user COMMAND...: without the rights of root
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 . .. "$BATS_RUN_TMPDIR"
		chown -R 65534:65534 .
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

@test "what cannot be read is named, all else is stored, exit 3" {
	need setpriv
	mkdir -p src/dir
	echo ok >src/ok
	echo secret >src/secret
	echo in >src/dir/in
	chmod 0 src/secret src/dir
	# the directories above must let another user through
	run -3 --separate-stderr as_user blk-backup create src
	[[ $output =~ ^[0-9a-f]{64}$ ]] || fail "$output" "$stderr"
	[[ $stderr == *"src/secret: not stored: "* ]] || fail "$stderr"
	[[ $stderr == *"src/dir: not stored: "* ]] || fail "$stderr"
	[ "$(blk-get src:/ok)" = ok ]
	run -6 blk-get src:/secret
	blk-backup show src | grep -q "error .*src/secret"
}

teardown() {
	[ -z "${places:-}" ] || rm -rf "${places[@]}"
}

@test "copies on memory and on disk have the same tree, whoever makes the snapshot" {
	need setpriv
	places=()
	for in in /dev/shm /var/tmp; do
		[ -w "$in" ] || in=$PWD
		places+=("$(mktemp -d "$in/blk-copy.XXXXXX")")
	done
	chmod 755 "${places[@]}"
	mkdir -p "${places[0]}/src/sub" "${places[0]}/src/empty"
	seq 100000 >"${places[0]}/src/numbers"
	random_file 300000 copies "${places[0]}/src/sub/random"
	ln "${places[0]}/src/numbers" "${places[0]}/src/sub/hard"
	ln -s numbers "${places[0]}/src/link"
	[ "$(id -u)" -ne 0 ] || chown -hR 1:2 "${places[0]}/src"
	cp -a "${places[0]}/src" "${places[1]}"
	blk-init -s other
	a=$(blk-backup create --json "${places[0]}/src" | field tree_id)
	b=$(as_user blk-backup create --json -s other "${places[1]}/src" | field tree_id)
	[ -n "$a" ]
	[ "$a" = "$b" ]
}

@test "an only path that is not there or closed is exit 3, and makes no snapshot" {
	need bound
	mkdir closed
	chmod 0 closed
	ln -s loop loop
	for path in missing closed closed/below loop/x; do
		run -3 --separate-stderr bound blk-backup create -N name "$path"
		[ -z "$output" ]
		[[ $stderr == "blk-backup: $PWD/$path: "* ]] || fail "$stderr"
		run -3 --separate-stderr bound blk-backup create -n -N name "$path"
	done
	run -0 blk-ls
	[ -z "$output" ]
	run -6 blk-backup create -s none -N name missing
}

@test "a dry run stores nothing" {
	make_tree src
	run -0 --separate-stderr blk-backup create -n src
	[ -z "$output" ]
	[[ $stderr == *'would read 5 of 5 files'* ]] || fail "$stderr"
	run -0 blk-ls
	[ -z "$output" ]
}

@test "--skip-if-unchanged makes no snapshot of the same tree, cache or none" {
	make_tree src
	blk-backup create -q src
	rm -rf home/.cache
	run -0 --separate-stderr blk-backup create --skip-if-unchanged src
	[ -z "$output" ]
	[ "$(blk-ls --versions src | wc -l)" = 1 ]
	echo more >>src/numbers
	run -0 --separate-stderr blk-backup create --skip-if-unchanged src
	[ -n "$output" ]
	[ "$(blk-ls --versions src | wc -l)" = 2 ]
}

@test "a run that is killed harms nothing, and the next one works" {
	make_tree src
	blk-backup create -q src
	random_file 200000000 big src/big
	for signal in KILL TERM INT; do
		blk-backup create -q src 3>&- &
		sleep 0.4
		kill -"$signal" $! 2>/dev/null || true
		code=0
		wait $! || code=$?
		# 0: it was faster
		case $signal:$code in
		*:0 | KILL:137 | TERM:143 | INT:130) ;;
		*) fail "$signal: $code" ;;
		esac
		blk-backup verify src@1
	done
	blk-backup create -q src
	blk-get src:/big | cmp - src/big
	blk-check
}

# --- list, show, status ---

@test "list and show say what a snapshot says of itself" {
	make_tree src
	blk-backup create -q --tag b --tag a src
	run -0 blk-backup list
	[[ ${lines[0]} == NAME*VERSION*TIME* ]] || fail "$output"
	[[ ${lines[1]} == src*"a,b"*"$PWD/src" ]] || fail "$output"
	run -0 blk-backup list 'no*'
	[ "${#lines[@]}" -le 1 ]
	run -0 blk-backup show src
	[[ $output == *"path"*"$PWD/src"* ]] || fail "$output"
	run -6 blk-backup show nothing
	echo data | blk-put -N data
	run -2 blk-backup show data
}

@test "list says what it was asked for and is not there, as blk-ls does" {
	make_tree src
	blk-backup create -q src
	echo data | blk-put -N data
	for name in typo data; do
		run -6 --separate-stderr blk-backup list "$name"
		[ -z "$output" ]
		[ "$stderr" = "blk-backup: $name: no such snapshot" ] || fail "$stderr"
	done
	run -3 --separate-stderr blk-backup list typo src
	[[ ${lines[1]} == src* ]] || fail "$output"
	[[ $stderr == *"typo: no such snapshot"* ]] || fail "$stderr"
	run -0 blk-backup list 'typo*' src
}

@test "no snapshot of the future satisfies status" {
	need plain faketime
	mkdir src other
	echo x >src/x
	faketime '+400 days' blk-backup create -q src
	run -1 blk-backup status --max-age 1h
	[[ $output == src:*' still to come' ]] || fail "$output"
	run -1 blk-backup status --json --max-age 1h
	[[ $output == *'"young":false,"future":true'* ]] || fail "$output"
	blk-backup create -q src
	run -0 blk-backup status --max-age 1h
	blk-backup create -q -N other src
	faketime '+3 days' blk-backup create -q -N other src
	run -0 blk-backup status --max-age 1h
	run -1 faketime '+2 days' blk-backup status --max-age 1h other
	[[ $output == other:*' beside some of the future' ]] || fail "$output"
}

@test "status fails where there is no snapshot that young" {
	mkdir src
	run -1 blk-backup status --max-age 1h
	blk-backup create -q src
	run -0 --separate-stderr blk-backup status --max-age 1h
	[ -z "$output$stderr" ]
	sleep 1.1
	run -1 --separate-stderr blk-backup status --max-age 1s
	[[ $output == 'src: the newest snapshot is of '* ]] || fail "$output"
	run -1 blk-backup status --max-age 1h other
	run -2 blk-backup status
	run -2 blk-backup status --max-age soon
}

# --- diff, find ---

@test "diff names what was added, removed, changed" {
	make_tree src
	blk-backup create -q src
	mkdir src/new
	echo n >src/new/n
	rm src/link
	mkdir src/link
	touch src/link/l
	rm -r src/sub/deeper
	echo y >>src/sub/x
	chmod 600 src/numbers
	touch -d '2026-01-01' src/empty
	blk-backup create -q src
	blk-backup diff -q src@1 src >out
	cat >want <<-'END'
		U empty/
		T link/
		+ link/l
		+ new/
		+ new/n
		U numbers
		U sub/
		- sub/deeper/
		- sub/deeper/random
		U sub/hard
		M sub/x
	END
	diff want out
	blk-backup diff --json src@1 src | tail -n 1 >summary
	grep -q '"added":{"files":2,"dirs":1,' summary
	grep -q '"removed":{"files":1,"dirs":1,"others":0,"bytes":3000000}' summary
	# directories in snapshots, and the other way round
	[ "$(blk-backup diff -q src@1:/sub src:/sub)" = "$(sed -n 's, sub/\(.\), \1,p' want)" ]
	blk-backup diff -q src src@1 | grep -qx -- '+ sub/deeper/random'
}

@test "diff takes snapshots and directories only" {
	make_tree src
	blk-backup create -q src
	run -2 blk-backup diff src
	run -2 blk-backup diff src src src
	run -2 blk-backup diff src src:/numbers
	run -6 blk-backup diff src src@7
	run -6 blk-backup diff src src:/none
}

@test "find names matches in every snapshot, as references" {
	make_tree src
	blk-backup create -q src
	blk-backup create -q src
	rm src/sub/x
	blk-backup create -q src
	blk-backup find x >out
	printf 'src@1:/sub/x\nsrc@2:/sub/x\n' | diff - out
	[ "$(blk-get "$(head -n 1 out)")" = x ]
	[ "$(blk-backup find 'deep*' | wc -l)" = 3 ]
	[ "$(blk-backup find -0 $'a\nb' | tr '\0' '\n' | wc -l)" = 6 ]
	run -0 blk-backup find nothing
	[ -z "$output" ]
	run -2 blk-backup find a/b
	run -2 blk-backup find ''
	run -2 blk-backup find
}

# --- verify ---

@test "verify reads all data, and names what is damaged with exit 4" {
	make_tree src
	blk-backup create -q src
	cp -a src/sub src/again
	blk-backup create -q src
	run -0 --separate-stderr blk-backup verify --json src src@1
	[ "$(field files <<<"$output")" = 4 ] # each content once
	damage
	run -4 --separate-stderr blk-backup verify src
	[[ $stderr == *'src:/again/deeper/random: '* ]] || fail "$stderr"
	[[ $stderr == *'src:/sub/deeper/random: '* ]] || fail "$stderr"
	[[ $stderr != *numbers* ]] || fail "$stderr"
	run -4 --separate-stderr blk-backup verify src src@1
	[[ $stderr == *'src@1:/sub/deeper/random: '* ]] || fail "$stderr"
	run -6 blk-backup verify nothing
	run -2 blk-backup verify
}

@test "verify says so when a segment is gone" {
	make_tree src
	blk-backup create -q src
	find store/segments -type f -delete
	run -4 --separate-stderr blk-backup verify src
	[ -n "$stderr" ]
}

# --- prune ---

@test "prune keeps what a rule keeps, and says which" {
	mkdir src
	for i in 1 2 3 4; do
		echo "$i" >src/f
		blk-backup create -q --tag "t$i" src
	done
	run -0 --separate-stderr blk-backup prune -n --keep-last 1 --keep-tag t2
	[[ ${lines[0]} == ACTION*NAME*REASONS ]] || fail "$output"
	[[ ${lines[1]} == drop*src*1* ]] || fail "$output"
	[[ ${lines[2]} == keep*src*2*t2*'tag t2' ]] || fail "$output"
	[[ ${lines[4]} == keep*src*4*'last snapshot' ]] || fail "$output"
	[[ $stderr == *'2 snapshots would be dropped, 2 kept' ]] || fail "$stderr"
	[ "$(blk-ls --versions src | wc -l)" = 4 ]
	run -0 --separate-stderr blk-backup prune --json --keep-last 1 --keep-tag t2
	[ "$(field dropped <<<"$output")" = 2 ]
	[[ $output == *'"reasons":"last snapshot"'* ]] || fail "$output"
	[ "$(blk-ls --versions src | wc -l)" = 2 ]
	[ "$(blk-get src@2:/f)" = 2 ]
	run -6 blk-get src@3:/f
	run -0 blk-backup prune -q --keep-last 2
	[ "$(blk-ls --versions src | wc -l)" = 2 ]
}

@test "a time that cannot be held is said, and the file is taken" {
	mkdir tree
	echo a >tree/far
	touch -d '2400-01-01 UTC' tree/far
	[ "$(stat -c %Y tree/far)" -gt 9223372036 ] ||
		skip 'no such times on this file system'
	for i in 1 2; do
		run -3 --separate-stderr blk-backup create -q -N n tree
		[[ $stderr == *far:*'after 2262'* ]] || fail "$i: $stderr"
	done
	[ "$(blk-get n:far)" = a ]
}

@test "a tag that would break a list is refused" {
	mkdir tree
	for tag in $'a\nb' $'a\tb' $'a\177' $'a\xc2\x85'; do
		run -2 --separate-stderr blk-backup create -q --tag "$tag" -N n tree
		[[ $stderr == *'--tag: '* ]] || fail "$stderr"
	done
	blk-backup create -q --tag 'ä b' -N n tree
}

@test "prune says which name has no snapshot, and prunes the others" {
	mkdir tree
	blk-backup create -q -N one tree
	blk-backup create -q -N one tree
	run -3 --separate-stderr blk-backup prune -q --keep-last 1 one typo
	[ "$stderr" = 'blk-backup: typo: no such snapshot' ]
	[ "$(blk-backup list one | wc -l)" -eq 2 ]
	run -0 --separate-stderr blk-backup prune -q --keep-last 1 one 'no*'
	[ -z "$stderr" ]
	run -6 --separate-stderr blk-backup prune -q --keep-last 1 typo
	[ "$stderr" = 'blk-backup: typo: no such snapshot' ]
	run -6 --separate-stderr blk-backup prune -q --keep-last 1 typo other
	[ "$(wc -l <<<"$stderr")" -eq 2 ]
}

@test "prune keeps the newest of a day, week, month and year" {
	mkdir src
	for tag in a b c; do
		blk-backup create -q --tag "$tag" src
	done
	for rule in daily weekly monthly yearly; do
		run -0 blk-backup prune -n -q "--keep-$rule" 1
		[ "$(grep -c '^keep' <<<"$output")" = 1 ]
		[[ ${lines[3]} == keep*"$rule snapshot" ]] || fail "$output"
	done
	run -0 blk-backup prune -n -q --keep-within 1d
	[ "$(grep -c '^keep.*within 1d$' <<<"$output")" = 3 ]
	run -0 blk-backup prune -n -q --keep-daily unlimited
	[[ $output == *'oldest daily snapshot'* ]] || fail "$output"
}

@test "prune works on each name, or each host and paths, on its own" {
	mkdir src other
	for name in a a b b; do
		blk-backup create -q -N "$name" src
	done
	blk-backup create -q -N b other
	run -0 blk-backup prune -n --keep-last 1
	[ "$(grep -c '^keep' <<<"$output")" = 2 ]
	run -0 blk-backup prune -n --keep-last 1 --group-by host,paths
	[ "$(grep -c '^keep' <<<"$output")" = 2 ]
	[[ $output == *"$PWD/other"* ]] || fail "$output"
	run -0 blk-backup prune -q --keep-last 1 a
	[ "$(blk-ls --versions a | wc -l)" = 1 ]
	[ "$(blk-ls --versions b | wc -l)" = 3 ]
}

@test "prune refuses to drop all of a group, and rules that say nothing" {
	mkdir src
	blk-backup create -q src
	blk-backup create -q --tag good -N two src
	run -2 --separate-stderr blk-backup prune --keep-tag good
	[[ $stderr == *'no snapshot of src would stay'* ]] || fail "$stderr"
	[ "$(blk-ls | wc -l)" = 2 ]
	run -0 blk-backup prune --keep-tag good --unsafe-allow-remove-all
	[ "$(blk-ls --format '%(name)')" = two ]
	run -2 blk-backup prune
	run -2 blk-backup prune --keep-last 0
	run -2 blk-backup prune --keep-last many
	run -2 blk-backup prune --keep-daily -2
	run -2 blk-backup prune --keep-within 5m
	run -2 blk-backup prune --keep-last 1 --group-by host
	run -2 blk-backup prune --keep-last
	run -6 blk-backup prune --keep-last 1 'no*'
	[ "$(blk-ls --format '%(name)')" = two ]
}

@test "prune drops nothing when what stays is not there" {
	make_tree src
	blk-backup create -q src
	echo 2 >>src/numbers
	blk-backup create -q src
	cp -a store before
	damage
	run -0 blk-backup prune -n -q --keep-last 1
	run -4 --separate-stderr blk-backup prune --verify-data --keep-last 1
	[[ $stderr == *'sub/deeper/random'* ]] || fail "$stderr"
	[[ $stderr == *'nothing is dropped'* ]] || fail "$stderr"
	[ "$(blk-ls --versions src | wc -l)" = 2 ]
	rm -rf store
	mv before store
	file=$(find store/segments -type f -size +1000k)
	chmod u+w "$file"
	truncate -s -1 "$file"
	run -4 --separate-stderr blk-backup prune --keep-last 1
	[[ $stderr == *'nothing is dropped'* ]] || fail "$stderr"
	rm -f "$file"
	run -4 --separate-stderr blk-backup prune --keep-last 1
	[[ $stderr == *'nothing is dropped'* ]] || fail "$stderr"
	[ "$(blk-ls --versions src | wc -l)" = 2 ]
}

# --- restore ---

@test "a restored tree is the one that was stored, odd things and all" {
	need rsync
	make_odd_tree src
	blk-backup create -q src
	run -0 --separate-stderr blk-backup restore -t out --verify src
	[ -z "$output$stderr" ]
	same src out
	[ "$(du -k out/sparse | cut -f 1)" -lt 1000 ]
	cmp src/sparse out/sparse
	[ "$(stat -c %i out/numbers)" = "$(stat -c %i out/sub/hard)" ]
	# and it gives the same tree again
	a=$(blk-backup create --json -N again out | field tree_id)
	[ "$a" = "$(blk-backup show --json src | field tree)" ]
	chmod 755 src/closed out/closed
}

@test "restore writes only what differs, and removes with --delete" {
	need rsync
	make_tree src
	blk-backup create -q src
	blk-backup restore -t out src
	run -0 blk-backup restore --json -t out src
	[ "$(field bytes_written <<<"$output")" = 0 ]
	echo junk >out/junk
	echo more >>out/sub/x
	rm out/link
	run -0 blk-backup restore -n --delete -t out src
	[ "$(sort <<<"$output")" = "deleted junk
made link
replaced sub/x" ] || fail "$output"
	[ -e out/junk ]
	run -0 blk-backup restore -t out src
	[ -e out/junk ]
	[ -L out/link ]
	blk-backup restore --delete -t out src
	same src out
}

@test "restore takes what stands at a path, and what matches" {
	make_tree src
	blk-backup create -q src
	echo newer >src/sub/x
	blk-backup create -q src
	blk-backup restore -t dir src@1:/sub
	[ "$(cat dir/x)" = x ]
	blk-backup restore -t files src:/link src:/sub/x
	[ "$(readlink files/link)" = numbers ]
	[ "$(cat files/x)" = newer ]
	blk-backup restore -t some --include 'sub/x' src
	[ "$(cd some && find . ! -type d)" = ./sub/x ]
	blk-backup restore -t rest --exclude sub src
	[ ! -e rest/sub ]
	[ -e rest/numbers ]
}

@test "what becomes of files that are there is said by --overwrite" {
	make_tree src
	touch -d 2020-01-01 src/sub/x
	blk-backup create -q src
	for how in never if-newer if-changed always; do
		rm -rf out
		mkdir -p out/sub
		echo mine >out/sub/x
		blk-backup restore --overwrite "$how" -t out src
		cat out/sub/x
	done >got
	printf 'mine\nmine\nxx' | diff - got
}

@test "restore does without what is damaged, exit 4" {
	make_tree src
	blk-backup create -q src
	damage
	run -4 --separate-stderr blk-backup restore -t out src
	[[ $stderr == *'sub/deeper/random'* ]] || fail "$stderr"
	[ ! -e out/sub/deeper/random ]
	cmp src/numbers out/numbers
}

@test "what restore cannot make is named, exit 3" {
	need root
	mkdir src
	mknod src/null c 1 3
	echo x >src/x
	blk-backup create -q src
	run -3 --separate-stderr blk-backup restore -t out src
	[[ $stderr == *null* ]] || fail "$stderr"
	[ -e out/x ]
	run -0 --separate-stderr blk-backup restore --devices -t out src
	[ "$(stat -c '%F %t %T' out/null)" = 'character special file 1 3' ]
}

@test "bad input of restore" {
	make_tree src
	blk-backup create -q src
	echo data | blk-put -N data
	run -2 blk-backup restore src
	run -2 blk-backup restore -t out
	run -2 blk-backup restore -t out --overwrite maybe src
	run -2 blk-backup restore -t out --include '[a' src
	run -2 blk-backup restore -t out --delete src:/sub src:/empty
	run -2 blk-backup restore -t out data
	run -6 blk-backup restore -t out none
	run -6 blk-backup restore -t out src:/none
	run -6 blk-backup restore -t out src:/numbers/x
	[ ! -e out ]
	run -2 blk-backup restore -t src/numbers src
	cmp src/numbers src/sub/hard
}

# --- bad input ---

@test "common options may stand before a subcommand of blk-backup" {
	blk-init -s other
	mkdir src
	blk-backup -s other -q create src
	blk-backup create -q -N here src
	[ "$(blk-backup -s other list --json | head -n 1 | jq -r .name)" = src ]
	[ "$(blk-backup --json list -s other | head -n 1 | jq -r .name)" = src ]
	[ "$(blk-backup --json list | head -n 1 | jq -r .name)" = here ]
	run -0 blk-backup -n prune --keep-last 1 here
	[[ $output == *'would be dropped'* ]] || fail "$output"
	run -2 --separate-stderr blk-backup -n list
	[ "${stderr%%$'\n'*}" = "blk-backup: unknown option '-n'" ] || fail "$stderr"
	run -2 --separate-stderr blk-backup --json --bogus
	[ "$(jq -r .message <<<"$stderr")" = "unknown option '--bogus'" ]
	run -2 --separate-stderr blk-backup --store
	[ "${stderr%%$'\n'*}" = "blk-backup: option '--store' needs an argument" ]
}

@test "bad input of each subcommand is a usage error or names what is absent" {
	run -2 blk-backup
	run -2 blk-backup bogus
	run -2 blk-backup create
	run -2 blk-backup create --exclude '[a' home
	run -2 blk-backup create --exclude-larger-than big home
	run -2 blk-backup create -N 'a:b' home
	run -2 blk-backup create /
	run -1 blk-backup create --exclude-from none home
	for sub in list 'show x' 'status --max-age 1h' 'diff x y' 'find x' \
		'verify x' 'prune --keep-last 1' 'create home' 'restore -t out x'; do
		# shellcheck disable=SC2086
		run -6 --separate-stderr blk-backup $sub -s nowhere
		[[ $stderr == *blk-init* ]] || fail "$sub: $stderr"
		# shellcheck disable=SC2086
		run -2 blk-backup $sub --bogus
	done
	[ ! -e nowhere ]
}
