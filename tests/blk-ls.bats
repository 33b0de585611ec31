# blk-ls lists what is in a store.
# shellcheck disable=SC2154  # stderr is run's
load helper

setup() {
	blk_setup
	blk-init
}

put() { # NAME CONTENT [OPTION...]
	local name=$1 content=$2

	shift 2
	printf '%s' "$content" | blk-put -N "$name" "$@"
}

@test "blk-ls of an empty store prints nothing" {
	run -0 blk-ls
	[ -z "$output" ]
	run -0 blk-ls --count
	[ "$output" = 0 ]
	run -0 blk-ls --objects
	[ -z "$output" ]
}

@test "blk-ls lists each name with its newest version" {
	put b two >/dev/null
	put a one >/dev/null
	id=$(put a three)
	run -0 blk-ls --format '%(name) %(index) %(id) %(size)'
	[ "${lines[0]}" = "a 2 $id 5" ]
	[ "${lines[1]}" = "b 1 $(printf two | sha256sum | cut -c 1-64) 3" ]
	[ "${#lines[@]}" -eq 2 ]
}

@test "blk-ls leaves out objects without a name, which their id lists" {
	id=$(echo alone | blk-put)
	run -0 blk-ls
	[ -z "$output" ]
	run -0 blk-ls --format '%(name) %(index) %(size)' "$id"
	[ "$output" = "$id 1 6" ]
	run -0 blk-ls --format '%(id)' "${id:0:12}"
	[ "$output" = "$id" ]
}

@test "blk-ls of an id lists all versions of that content" {
	id=$(put one same)
	put two same >/dev/null
	run -0 blk-ls --format '%(name)@%(index)' "$id"
	[ "$output" = "$(printf 'one@1\ntwo@1')" ]
}

@test "a PATTERN is a glob over whole names" {
	for n in notes/a notes/b other 'st*r' star; do put "$n" "$n" >/dev/null; done
	run -0 blk-ls --format '%(name)' 'notes/*'
	[ "$output" = "$(printf 'notes/a\nnotes/b')" ]
	run -0 blk-ls --format '%(name)' 'note?'
	[ -z "$output" ]
	run -0 blk-ls --format '%(name)' '[no]*'
	[ "$output" = "$(printf 'notes/a\nnotes/b\nother')" ]
	run -0 blk-ls --format '%(name)' 'st*r'
	[ "$output" = 'st*r' ]
	run -0 blk-ls --format '%(name)' 'sta*'
	[ "$output" = star ]
}

@test "a name and its versions are REFs" {
	first=$(put n 1)
	put n 2 >/dev/null
	run -0 blk-ls --format '%(id)' n@1
	[ "$output" = "$first" ]
	run -0 blk-ls --format '%(index)' n@-1
	[ "$output" = 1 ]
	run -6 blk-ls n@3
	[ "$output" = "blk-ls: n has no version 3" ]
}

@test "what does not exist is exit 6, and 3 among others" {
	put here x >/dev/null
	run -6 --separate-stderr blk-ls nope
	[ -z "$output" ]
	[ "$stderr" = "blk-ls: nope: no such name or object" ]
	run -3 --separate-stderr blk-ls --format '%(name)' nope here
	[ "$output" = here ]
	run -6 blk-ls nope nor-this
	run -6 blk-ls --versions nope
	run -6 blk-ls --chunks nope
	run -6 blk-ls --refs nope
	run -6 blk-ls --links nope
	run -6 blk-ls -s "$PWD/no-store"
}

@test "a malformed REF is a usage error" {
	for ref in 'a@' 'a@0' 'a@{soon}' '' 'a//b'; do
		run -2 --separate-stderr blk-ls "$ref"
		[ -z "$output" ]
		[ -n "$stderr" ]
	done
}

@test "a prefix that begins several ids is exit 2, and lists them" {
	one=$(echo 107899 | blk-put)
	two=$(echo 116507 | blk-put)
	run -2 --separate-stderr blk-ls 80aa1407
	[ -z "$output" ]
	[[ $stderr == *"$one"* && $stderr == *"$two"* ]] || fail "$stderr"
	run -0 blk-ls --format '%(id)' "${one:0:16}"
	[ "$output" = "$one" ]
	run -6 blk-ls "${one:0:7}"
}

@test "--versions lists all versions of a name, oldest first" {
	for i in 1 2 3; do put n "$i" >/dev/null; done
	put nn x >/dev/null
	run -0 blk-ls --versions n --format '%(index) %(size)'
	[ "$output" = "$(printf '1 1\n2 1\n3 1')" ]
	run -0 blk-ls --versions n -r --limit 1 --format '%(index)'
	[ "$output" = 3 ]
	run -0 blk-ls --versions n --offset 1 --limit 1 --format '%(index)'
	[ "$output" = 2 ]
	run -0 blk-ls --versions n --count
	[ "$output" = 3 ]
	run -2 blk-ls --versions n other
	run -2 blk-ls --versions
}

@test "an expired version is not listed" {
	put n old >/dev/null
	put n new --expires 1s >/dev/null
	put gone x --expires 1s >/dev/null
	sleep 1.2
	run -0 blk-ls --format '%(name)@%(index)'
	[ "$output" = n@1 ]
	run -0 blk-ls --versions n --count
	[ "$output" = 1 ]
	run -6 blk-ls --versions gone
	run -6 blk-ls gone
}

@test "--type, --attr, --min-index and --max-index choose versions" {
	put a 1 -t text/plain -a lang=en -a k=v >/dev/null
	put b 2 -t image/png -a lang=de >/dev/null
	put c 3 >/dev/null
	put c 4 >/dev/null
	run -0 blk-ls --format '%(name)' --type text/plain
	[ "$output" = a ]
	run -0 blk-ls --format '%(name)' --attr lang
	[ "$output" = "$(printf 'a\nb')" ]
	run -0 blk-ls --format '%(name)' --attr lang=de
	[ "$output" = b ]
	run -0 blk-ls --format '%(name)' --attr lang=en --attr k=v
	[ "$output" = a ]
	run -0 blk-ls --format '%(name)' --attr lang=
	[ -z "$output" ]
	run -0 blk-ls --format '%(name)' --min-index 2
	[ "$output" = c ]
	run -0 blk-ls --format '%(index)' --versions c --max-index 1
	[ "$output" = 1 ]
}

@test "--since and --until choose by time" {
	put a 1 >/dev/null
	sleep 1.1
	now=$(date +%s)
	put b 2 >/dev/null
	run -0 blk-ls --format '%(name)' --since "@$now"
	[ "$output" = b ]
	run -0 blk-ls --format '%(name)' --until "@$now"
	[ "$output" = a ]
	run -0 blk-ls --format '%(name)' --since 1h
	[ "${#lines[@]}" -eq 2 ]
	run -2 blk-ls --since soon
}

@test "--host chooses commits" {
	put a 1 >/dev/null
	run -0 blk-ls --log --host "$(uname -n)" --count
	[ "$output" = 2 ]
	run -0 blk-ls --log --host elsewhere --count
	[ "$output" = 0 ]
	run -0 blk-ls --host "$(uname -n)" --count
	[ "$output" = 0 ] # a is no snapshot
}

@test "--sort sorts by name, time, size, index and id, and -r turns it round" {
	put b 333 >/dev/null
	put a 22 >/dev/null
	put a 4444 >/dev/null
	put c 1 >/dev/null
	run -0 blk-ls --format '%(name)' --sort=name -r
	[ "${lines[*]}" = "c b a" ]
	run -0 blk-ls --format '%(name)' --sort=time
	[ "${lines[*]}" = "b a c" ]
	run -0 blk-ls --format '%(name)' --sort=size
	[ "${lines[*]}" = "c b a" ]
	run -0 blk-ls --format '%(name)' --sort=index -r
	[ "${lines[0]}" = a ]
	run -0 blk-ls --format '%(id)' --sort=id
	[ "$output" = "$(sort <<<"$output")" ]
	run -0 blk-ls --format '%(name)' --sort=name c a b
	[ "${lines[*]}" = "a b c" ]
	run -0 blk-ls --format '%(name)' c a b
	[ "${lines[*]}" = "c a b" ]
	run -2 blk-ls --sort=colour
	run -2 blk-ls --objects --sort=time
}

@test "--limit bounds what is kept while sorting" {
	for i in $(seq 3000); do echo "$i"; done | while read -r i; do
		printf '%s n%s\n%s\n' "${#i}" "$i" "$i"
	done | blk-put --batch >/dev/null
	run -0 blk-ls --count
	[ "$output" = 3000 ]
	run -0 blk-ls --sort=name -r --limit 3 --format '%(name)'
	[ "${lines[*]}" = "n999 n998 n997" ]
	run -0 blk-ls --sort=size -r --limit 1 --offset 1999 --count
	[ "$output" = 1 ]
	run -0 blk-ls --limit 0
	[ -z "$output" ]
	# More pages than one, in order and each name once.
	blk-ls --format '%(name)' >all
	sort all | cmp - all
	[ "$(sort -u all | wc -l)" -eq 3000 ]
}

@test "sorting more than memory holds fails, and says what to do" {
	for i in $(seq 9000); do echo "$i"; done | while read -r i; do
		printf '%s n%s\n%s\n' "${#i}" "$i" "$i"
	done | blk-put --batch >/dev/null
	run -1 --separate-stderr blk-ls --max-memory 2M --sort=size
	[[ $stderr == *"--limit"* ]] || fail "$stderr"
	run -0 blk-ls --max-memory 2M --sort=size --limit 2 --format '%(size)'
	[ "${lines[*]}" = "1 1" ]
	run -0 blk-ls --max-memory 2M --count
	[ "$output" = 9000 ]
}

@test "--format knows its fields, and lists them for one that it does not" {
	put a 1 >/dev/null
	run -0 blk-ls --format '100%% %(name)'
	[ "$output" = '100% a' ]
	run -2 --separate-stderr blk-ls --format '%(colour)'
	[ -z "$output" ]
	[[ $stderr == *size* ]] || fail "$stderr"
	run -2 blk-ls --count --format '%(name)'
}

@test "-0 ends items with NUL" {
	put a 1 >/dev/null
	put b 1 >/dev/null
	blk-ls -0 --format '%(name)' >got
	printf 'a\0b\0' | cmp - got
}

@test "--json is JSON Lines with a summary last" {
	put a 1 -t text/plain -a lang=en >/dev/null
	blk-ls --json >got
	[ "$(wc -l <got)" -eq 2 ]
	[ "$(head -n 1 got | jq -r '[.type, .name, .index, .size, .content_type,
		.attr.lang, .expires] | map(tostring) | join(" ")')" = \
		"version a 1 1 text/plain en null" ]
	[ "$(tail -n 1 got)" = '{"type":"summary","items":1}' ]
	head -n 1 got | jq -e '.time | test("^20.*Z$")' >/dev/null
}

@test "-l shows more columns" {
	put a 1 -t text/plain -a lang=en >/dev/null
	run -0 blk-ls -l
	[[ $output == *text/plain*lang=en*a ]] || fail "$output"
}

@test "--objects lists every id with a count, and its size" {
	random_file 200000 ls big
	id=$(blk-put -N big big)
	small=$(put small x)
	blk-ls --objects --format '%(id) %(class) %(size)' >got
	grep -qx "$id content 200000" got
	grep -qx "$small content 1" got
	[ "$(grep -c ' version ' got)" -eq 2 ]
	[ "$(grep -c ' data ' got)" -eq "$(blk-ls --chunks big | wc -l)" ]
	sort got | cmp - got
	run -0 blk-ls --objects --count
	[ "$output" -eq "$(wc -l <got)" ]
	blk-rm -q big
	run -0 blk-ls --objects --count
	[ "$output" = 2 ]
}

@test "--objects sorts by size and turns round" {
	random_file 100000 ls big
	blk-put -N big big >/dev/null
	put small x >/dev/null
	run -0 blk-ls --objects --sort=size -r --limit 1 --format '%(size)'
	[ "$output" = 100000 ]
	blk-ls --objects --format '%(id)' >up
	blk-ls --objects -r --format '%(id)' >down
	tac up | cmp - down
}

@test "--chunks prints offset, length and id of each chunk, and they join" {
	random_file 300000 chunks big
	blk-put -N big big >/dev/null
	blk-ls --chunks big >got
	at=0
	while read -r offset length id; do
		[ "$offset" -eq "$at" ]
		[ "$(tail -c +$((offset + 1)) big | head -c "$length" | sha256sum)" = "$id  -" ]
		at=$((at + length))
	done <got
	[ "$at" -eq 300000 ]
	: | blk-put -N empty >/dev/null
	run -0 blk-ls --chunks empty
	[ "$output" = "0 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" ]
}

@test "--segments lists files that stand there" {
	random_file 2000000 segments big
	blk-put -N big big >/dev/null
	blk-ls --segments --format '%(id) %(size) %(state) %(place)' >got
	while read -r id size state place; do
		[ "$state" = live ]
		[ "$place" = segments ] || continue
		[ "$(stat -c %s "store/segments/${id:0:2}/$id")" -eq "$size" ]
	done <got
	grep -q ' segments$' got
	run -0 blk-ls --segments --sort=size -r --limit 1 --format '%(place)'
	[ "$output" = segments ]
}

@test "--refs says who refers to an id" {
	random_file 300000 refs big
	id=$(blk-put -N big big)
	chunk=$(blk-ls --chunks big | sed -n '2s/.* //p')
	run -0 blk-ls --refs "$chunk" --format '%(id) %(class)'
	[ "$output" = "$id content" ]
	run -0 blk-ls --refs "$id" --format '%(class) %(name)@%(index)'
	[ "$output" = "version big@1" ]
	put other x -l part=big >/dev/null
	run -0 blk-ls --refs "$id" --format '%(name)'
	[ "$(sort <<<"$output" | tr '\n' ' ')" = "big other " ]
}

@test "--links lists links from either end" {
	id=$(put image x)
	list=$(put image.sbom y -l describes=image)
	run -0 blk-ls --links image.sbom
	[[ $output == "to"*"describes"*"$id"*"image.sbom"* ]] || fail "$output"
	run -0 blk-ls --links image --format '%(direction) %(rel) %(id) %(name)'
	[ "$output" = "from describes $list image.sbom" ]
	run -0 blk-ls --links "$id" --format '%(name)'
	[ "$output" = image.sbom ]
}

@test "--log lists the commits, and what they did" {
	put a 1 >/dev/null
	put a 2 >/dev/null
	blk-rm -q a@1
	run -0 blk-ls --log --format '%(number) %(versions) %(drops) %(what)'
	[ "${lines[0]}" = "0 0 0 store made" ]
	[ "${lines[1]}" = "1 1 0 a@1" ]
	[ "${lines[3]}" = "3 0 1 1 drop" ]
	run -0 blk-ls --log -r --limit 1 --format '%(number)'
	[ "$output" = 3 ]
	run -0 blk-ls --log --min-index 1 --max-index 2 --format '%(number)'
	[ "${lines[*]}" = "1 2" ]
	run -0 blk-ls --log --limit 1 --offset 2 --format '%(id)'
	[ "$output" = "$(sha store/log/000000000/000000000002)" ]
}

@test "what does not fit together is a usage error" {
	put a 1 >/dev/null
	run -2 blk-ls --objects --segments
	run -2 blk-ls --objects a
	run -2 blk-ls --objects --type x
	run -2 blk-ls -R a
	run -2 blk-ls a a:b
	run -2 blk-ls --attr =x
	run -2 blk-ls --limit -1
	run -2 blk-ls --limit x
	[[ $output == "blk-ls: --limit: 'x' is not a number"* ]] || fail "$output"
	run -2 blk-ls --nonsense
	run -2 blk-ls --min-index
}

@test "a list that cannot be written is exit 1" {
	put a 1 >/dev/null
	run -1 bash -c 'blk-ls >/dev/full'
	[[ $output == "blk-ls: standard output:"* ]] || fail "$output"
	run -1 bash -c 'blk-ls --json >/dev/full'
	run -1 bash -c 'blk-ls >&-'
}

@test "a closed pipe ends a list quietly" {
	for i in $(seq 2000); do printf '1 n%s\nx\n' "$i"; done | blk-put --batch >/dev/null
	run -0 bash -c 'blk-ls --format "%(name)" | head -n 1'
	[ "$output" = n1 ]
}

@test "the path of what is no tree says so" {
	put a 1 >/dev/null
	run -2 blk-ls a:
	[[ $output == *"neither snapshot nor tree"* ]] || fail "$output"
	run -6 blk-ls nope:
}

# --- inside of trees ---

make_tree() {
	mkdir -p dir/sub/deeper dir/empty
	printf 12345 >dir/file
	printf 1 >dir/sub/small
	printf x >dir/sub/deeper/leaf
	printf z >"dir/with space"
	ln -s file dir/symlink
	mkfifo dir/fifo
	chmod 640 dir/file
	chmod 4755 dir/sub/small
	touch -d '2020-01-02 03:04:05' dir/file
	blk-backup create -q -N dir dir >/dev/null
}

@test "REF:PATH lists a directory of a snapshot" {
	make_tree
	run -0 blk-ls dir:
	[ "${lines[*]}" = "empty fifo file sub symlink with space" ]
	run -0 blk-ls dir:/sub
	[ "${lines[*]}" = "deeper small" ]
	run -0 blk-ls dir@1:sub/deeper/
	[ "$output" = leaf ]
	run -0 blk-ls dir:empty
	[ -z "$output" ]
	run -0 blk-ls dir:sub/small
	[ "$output" = small ]
	run -0 blk-ls "$(blk-ls --format '%(id)' dir):sub"
	[ "${lines[*]}" = "deeper small" ]
}

@test "-R lists everything below, parents before children" {
	make_tree
	run -0 blk-ls -R dir:
	[ "${lines[*]}" = "empty fifo file sub sub/deeper sub/deeper/leaf sub/small symlink with space" ]
	run -0 blk-ls -R dir: --count
	[ "$output" = 9 ]
	run -0 blk-ls -R dir: --limit 2 --offset 4
	[ "${lines[*]}" = "sub/deeper sub/deeper/leaf" ]
	run -0 blk-ls -R dir: -r --limit 1
	[ "$output" = "with space" ]
}

@test "entries have kind, mode, size, time, id and target" {
	make_tree
	run -0 blk-ls dir: --format '%(kind) %(mode) %(size) %(path)'
	[ "${lines[1]}" = "fifo prw-r--r--  fifo" ]
	[ "${lines[2]}" = "file -rw-r----- 5 file" ]
	[ "${lines[3]}" = "dir drwxr-xr-x  sub" ]
	run -0 blk-ls dir:sub/small --format '%(mode)'
	[ "$output" = -rwsr-xr-x ]
	run -0 blk-ls dir:file --format '%(id) %(time)'
	[ "$output" = "$(sha dir/file) 2020-01-02T03:04:05Z" ]
	run -0 blk-ls dir:symlink --format '%(target)'
	[ "$output" = file ]
	run -0 blk-ls -l dir:
	[[ $output == *"-rw-r-----"*"5 B"*"file"* ]] || fail "$output"
}

@test "trees are sorted by size and time, and chosen by time" {
	make_tree
	run -0 blk-ls -R --sort=size -r --limit 1 dir:
	[ "$output" = file ]
	run -0 blk-ls --sort=time --limit 1 dir:
	[ "$output" = file ]
	run -0 blk-ls --until 2021-01-01 dir:
	[ "$output" = file ]
	run -2 blk-ls --type x dir:
}

@test "a path that does not exist in a tree is exit 6" {
	make_tree
	run -6 blk-ls dir:nope
	[ "$output" = "blk-ls: dir:nope: no such path" ]
	run -6 blk-ls dir:file/x
	run -6 blk-ls dir:sub/nope/x
	run -3 --separate-stderr blk-ls dir:nope dir:empty dir:file
	[ "$output" = file ]
	run -2 blk-ls dir:../x
}

@test "--host chooses snapshots by where they were made" {
	make_tree
	run -0 blk-ls --host "$(uname -n)" --format '%(name)'
	[ "$output" = dir ]
	run -0 blk-ls --host elsewhere
	[ -z "$output" ]
}

@test "a file of a snapshot is found by its id, and by who refers to it" {
	make_tree
	id=$(sha dir/file)
	run -0 blk-ls --format '%(id) %(class) %(size) %(name)' "$id"
	[ "$output" = "$id content 5 " ]
	run -0 blk-ls --refs "$id" --format '%(class)'
	[ "$output" = tree ]
}

# --- the index is a view ---

fill_store() {
	random_file 500000 index big
	blk-put -N big big >/dev/null
	for i in 1 2 3; do put n "$i" -a "k=$i" >/dev/null; done
	put n@ x 2>/dev/null || true
	echo unnamed | blk-put >/dev/null
	put other y -l see=big >/dev/null
	blk-rm -q n@1
}

listings() {
	blk-ls --objects &&
		blk-ls --objects -l &&
		blk-ls --versions n -l &&
		blk-ls --versions big --json &&
		blk-ls -l &&
		blk-stat &&
		blk-stat --json
}

check_same_after() { # COMMAND...
	listings >before
	"$@"
	blk-ls --count >/dev/null 2>told
	[ -s told ] || fail "nothing was said"
	listings >after 2>quiet
	[ ! -s quiet ] || fail "$(cat quiet)"
	cmp before after || fail "$(diff before after)"
}

remove_index() {
	rm -f store/index-1.db store/index-1.db-wal store/index-1.db-shm
}

@test "without an index the next command makes it again, which is said" {
	fill_store
	check_same_after remove_index
}

@test "without its index and after a collection the listings are the same" {
	fill_store
	blk-gc --max-unused 0 >/dev/null
	put late z >/dev/null
	listings >before
	remove_index
	listings >after 2>/dev/null
	cmp before after || fail "$(diff before after)"
}

@test "a truncated index is made again, which is said" {
	fill_store
	blk-ls >/dev/null
	check_same_after truncate -s 5000 store/index-1.db
}

@test "an index with an overwritten header is made again, which is said" {
	fill_store
	check_same_after dd if=/dev/urandom of=store/index-1.db bs=100 count=1 \
		conv=notrunc status=none
}

@test "an index of rubbish is made again, which is said" {
	fill_store
	remove_index_and_write() { remove_index; head -c 70000 /dev/urandom >store/index-1.db; }
	check_same_after remove_index_and_write
}

@test "the examples of blk-ls run" {
	date >today
	blk-put -N notes/today -a lang=en today
	date >>today
	blk-put -N notes/today -a lang=en today
	run -0 blk-ls
	run -0 blk-ls -l 'notes/*'
	[ "${#lines[@]}" -eq 1 ]
	run -0 blk-ls --versions notes/today
	[ "${#lines[@]}" -eq 2 ]
	run -0 blk-ls --format '%(id) %(size)' --attr lang=en
	[ "$output" = "$(sha today) $(stat -c %s today)" ]
	run -0 blk-ls --sort=time -r --limit 10
	run -0 blk-ls --log
	[ "${#lines[@]}" -eq 3 ]
}
