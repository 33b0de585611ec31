# blk-backup export and import: snapshots to and from archives.
# shellcheck disable=SC2154  # stderr is run's
load backup

@test "an exported tar is what tar expects, and comes back as the same tree" {
	need rsync
	make_odd_tree src
	blk-backup create -q src
	blk-backup export src >a.tar
	blk-backup export -o b.tar src
	cmp a.tar b.tar
	mkdir out
	tar -xpf a.tar -C out --xattrs --xattrs-include='*' --acls 2>/dev/null
	diff -r --no-dereference src out | grep -v 'is a fifo' && fail 'they differ'
	[ "$(stat -c '%a %y' out/empty)" = "$(stat -c '%a %y' src/empty)" ]
	a=$(blk-backup import --json -N again a.tar | field tree_id)
	blk-backup diff src again
	[ "$a" = "$(blk-backup show --json src | field tree)" ]
	chmod 755 src/closed out/closed
}

@test "import takes what tar writes, from a pipe and compressed" {
	make_tree src
	id=$(tar -C src -cf - . | blk-backup import -N piped)
	[[ $id =~ ^[0-9a-f]{64}$ ]] || fail "$id"
	blk-get piped:/numbers | cmp - src/numbers
	tar -C src -czf etc.tar.gz .
	blk-backup import --tag old -q etc.tar.gz
	run -0 blk-backup list etc
	[[ $output == *old*etc.tar.gz* ]] || fail "$output"
	blk-backup restore -t out etc
	cmp out/sub/deeper/random src/sub/deeper/random
}

@test "export writes zip and cpio, and a directory in a snapshot" {
	need bsdtar
	mkdir -p src/sub
	echo x >src/sub/x
	touch -d 2020-01-01 src/sub/x src/sub src
	blk-backup create -q src
	for format in tar zip cpio; do
		blk-backup export --format "$format" src >"a.$format"
		[ "$(bsdtar -xOf "a.$format" '*sub/x')" = x ]
		blk-backup export --format "$format" -o "s.$format" src:/sub
		[ "$(bsdtar -tf "s.$format" | grep -c sub)" = 0 ]
	done
	run -2 blk-backup import a.zip
	blk-backup import -q --zip a.zip
	[ "$(blk-get a:/sub/x)" = x ]
}

@test "import -n reads all of it, says what it would store, and stores nothing" {
	make_tree src
	random_file 3000000 long src/long
	tar -cf a.tar src
	(cd src && find . | cpio -o --quiet) >a.cpio 2>/dev/null || rm -f a.cpio
	for file in a.tar a.cpio; do
		[ -e "$file" ] || continue
		rm -rf before
		cp -a store before
		run -0 --separate-stderr blk-backup import -n -N name "$file"
		[ -z "$output" ]
		[[ $stderr == 'blk-backup: would store '*' files of '*' bytes as a version of name' ]] ||
			fail "$stderr"
		blk-backup import -n --json -N name "$file" | jq 'del(.dry_run)' >said
		diff -r -x 'index-1.db*' before store
		[ -z "$(blk-ls name 2>&- || :)" ]
		blk-backup import --json -N name "$file" |
			jq 'del(.dry_run, .snapshot_id, .tree_id, .version)' | diff said -
		blk-rm -q name
	done
	head -c 100000 a.tar >cut.tar
	run -2 blk-backup import -n -N name cut.tar
	run -2 blk-backup import -n -N name --max-size 1K a.tar
	tar -C src -cPf evil.tar --transform 's,^numbers,../../evil,' numbers
	run -3 --separate-stderr blk-backup import -n -N name evil.tar
	[[ $stderr == *'../../evil'* ]] || fail "$stderr"
	run -6 blk-backup import -n -s none -N name a.tar
}

@test "what a zip cannot hold is named, once, exit 3" {
	mkdir -p src/sub
	mkfifo src/sub/fifo
	blk-backup create -q src
	run -3 --separate-stderr blk-backup export --format zip -o a.zip src
	[[ $stderr == 'blk-backup: sub/fifo: '*'cannot'* ]] || fail "$stderr"
	[[ $stderr != *fifo*fifo:* ]] || fail "$stderr"
}

@test "attributes and ACLs that cpio and zip cannot hold are named, exit 3" {
	need setfattr
	mkdir -p src/d
	touch src/plain src/f src/d/g src/d/h
	setfattr -n user.a -v 1 src/f 2>/dev/null &&
		setfacl -m u:1234:r src/d/g 2>/dev/null &&
		setfacl -d -m u:1234:r src/d && setfattr -n user.a -v 1 src/d &&
		setfattr -n user.a -v 1 src || skip 'no such attributes here'
	blk-backup create -q src
	for format in zip cpio; do
		run -3 --separate-stderr blk-backup export --json \
			--format "$format" -o "a.$format" src
		[ "$(field problems <<<"$output")" = 4 ]
		sort <<<"$(sed 's/.*"message":"//; s/".*//' <<<"$stderr")" |
			diff - /dev/fd/3 3<<-'END'
				.: attributes, which the format cannot hold
				d/g: an ACL, which the format cannot hold
				d: attributes and an ACL, which the format cannot hold
				f: attributes, which the format cannot hold
			END
		run -3 blk-backup export --format "$format" -o "b.$format" src:/f
		run -0 blk-backup export --format "$format" -o "c.$format" src:/d/h
	done
	run -0 --separate-stderr blk-backup export -o a.tar src
	[ -z "$stderr" ]
}

@test "import leaves out what leads outside, exit 3" {
	mkdir src
	echo evil >src/evil
	echo good >src/good
	tar -C src -cPf evil.tar --transform 's,^evil,../../evil,' evil good
	run -3 --separate-stderr blk-backup import evil.tar
	[[ $stderr == *'../../evil'* ]] || fail "$stderr"
	[ "$(blk-ls -R evil:)" = good ]
}

@test "bad input of export and import" {
	make_tree src
	blk-backup create -q src
	echo text >text
	run -2 blk-backup export
	run -2 blk-backup export src src
	run -2 blk-backup export --format rar src
	run -6 blk-backup export none
	run -6 blk-backup export -o out.tar src:/none
	[ ! -e out.tar ]
	run -1 --separate-stderr bash -c 'blk-backup export src >/dev/full'
	[ "$stderr" = 'blk-backup: standard output: No space left on device' ]
	run -1 --separate-stderr blk-backup export -o /dev/full src
	[ "$stderr" = 'blk-backup: /dev/full: No space left on device' ]
	run -2 --separate-stderr blk-backup import text
	[[ $stderr == 'blk-backup: text: '* ]] || fail "$stderr"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	run -1 blk-backup import missing.tar
	run -2 bash -c 'blk-backup import <text'
	run -2 --separate-stderr bash -c 'blk-backup import -N name - <text'
	[[ $stderr == 'blk-backup: standard input: '* ]] || fail "$stderr"
	run -2 blk-backup import -N a:b text
	run -2 blk-backup import --max-size lots text
	tar -cf src.tar src
	run -2 blk-backup import --max-size 1K src.tar
	head -c 5000 src.tar >cut.tar
	run -2 blk-backup import cut.tar
	[ "$(blk-ls --format '%(name)')" = src ]
}

@test "an archive that cannot be read is a failure, not bad input" {
	need plain
	mkdir src
	random_file 3000000 a src/a
	tar -cf a.tar src
	head -c 3000000 /dev/zero >zeros.tar
	for n in '1:EIO:a.tar' '2:EIO:a.tar' '2:EIO:zeros.tar'; do
		LD_PRELOAD=$BUILD/tests/inject.so INJECT="read:$n" \
			run -1 blk-backup import -N x "${n##*:}"
		[[ $output == *"${n##*:}: read: Input/output error" ]] || fail "$output"
	done
	run -6 blk-get x
}

@test "a zip is the same bytes in every time zone" {
	mkdir -p src/sub
	echo x >src/sub/x
	touch -d '2026-07-01 12:34:56' src/sub/x src/sub src
	blk-backup create -q src
	sleep 1
	now=$(TZ=Asia/Tokyo date '+%F %T')
	TZ=UTC blk-backup export --format zip src >a.zip
	TZ=America/New_York blk-backup export --format zip -o b.zip src
	TZ=Asia/Tokyo blk-backup export --format zip "src@{$now}" >c.zip
	cmp a.zip b.zip
	cmp a.zip c.zip
	run -6 env TZ=America/New_York blk-backup export --format zip \
		'src@{2020-01-01 00:00}'
}

@test "import by several threads comes to the same tree, whatever comes twice or late" {
	need bsdtar
	mkdir -p src/many src/links
	for n in {1..300}; do
		seq "$n" >"src/many/$n"
	done
	: >src/empty
	for size in 524287 524288 524289 1048576 3000000; do
		random_file "$size" "$size" "src/$size"
	done
	ln src/many/7 src/links/7
	ln src/1048576 src/links/large
	ln src/empty src/links/empty
	blk-backup create -q src
	want=$(blk-backup show --json src | field tree)
	# members that others replace, small by large and large by small
	mkdir old
	cp src/3000000 old/empty
	cp src/empty old/3000000
	tar --format=posix -C old -cf twice.tar empty 3000000
	tar --format=posix -C src -rf twice.tar .
	tar --format=posix -C src -cf plain.tar .
	bsdtar -C src --format newc -cf late.cpio .
	for jobs in 1 4; do
		for file in plain.tar twice.tar; do
			[ "$(blk-backup import -j "$jobs" --json -N t "$file" |
				field tree_id)" = "$want" ]
		done
		blk-backup import -q -j "$jobs" -N cpio late.cpio
		blk-backup restore -q -t "out$jobs" cpio
		diff -r src "out$jobs"
		[ out$jobs/links/7 -ef out$jobs/many/7 ]
	done
}

# flip_byte FILE OFFSET
flip_byte() {
	local byte

	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a damaged archive is refused, not taken without what cannot be read" {
	mkdir src
	for n in 1 2 3 4 5; do
		seq "$n" 2000 >"src/$n"
	done
	tar -cf a.tar src
	flip_byte a.tar $((512 + 512 + 9216 + 5))
	run -2 --separate-stderr blk-backup import -N x a.tar
	[ "$stderr" = 'blk-backup: a.tar: Damaged tar archive' ] ||
		fail "$stderr"
	run -2 blk-backup import -n -N x a.tar
	run -6 blk-get x
}

@test "a zip with a byte that its checksum does not fit is refused" {
	need python3
	python3 - <<-'end'
		import zipfile
		with zipfile.ZipFile("a.zip", "w") as z:
		    z.writestr("one", "hello")
	end
	flip_byte a.zip "$(grep -obUa hello a.zip | cut -d: -f1)"
	run -2 --separate-stderr blk-backup import --zip -N x a.zip
	[[ $stderr == 'blk-backup: a.zip: one: ZIP bad CRC'* ]] ||
		fail "$stderr"
}

@test "bytes that belong to no member of a cpio archive are damage" {
	need bsdtar
	mkdir src
	echo one >src/1
	seq 1000 >src/2
	bsdtar -C src --format newc -cf a.cpio 1 2
	{
		head -c 116 a.cpio
		echo stray
		tail -c +117 a.cpio
	} >b.cpio
	run -2 --separate-stderr blk-backup import -N x b.cpio
	[[ $stderr == 'blk-backup: b.cpio: Skipped '* ]] || fail "$stderr"
	run -6 blk-get x
}

@test "zeros are an empty archive, zeros ahead of anything else are none" {
	tar -cf empty.tar -T /dev/null
	blk-backup import -q empty.tar
	[ -z "$(blk-ls empty:)" ]
	{
		tar --format=pax --pax-option=comment=none -cf - -T /dev/null
		head -c 10240 /dev/zero
	} | blk-backup import -q -N empty
	for size in 1024 32768 3000000; do
		{
			head -c "$size" /dev/zero
			echo CD001
			head -c 5000 /dev/zero
		} >image
		run -2 --separate-stderr blk-backup import -N x image
		[ "$stderr" = 'blk-backup: image: no archive that is known' ] ||
			fail "$stderr"
		run -2 blk-backup import --zip -N x image
		run -2 bash -c 'cat image | blk-backup import -N x'
		gzip -k image
		run -2 --separate-stderr blk-backup import -N x image.gz
		[ "$stderr" = 'blk-backup: image.gz: no archive that is known' ] ||
			fail "$stderr"
		rm image.gz
	done
	gzip empty.tar
	blk-backup import -q empty.tar.gz
	head -c -8 empty.tar.gz >cut.gz
	run -2 blk-backup import -N x cut.gz
	run -6 blk-get x
}

@test "a zip from a file keeps types and modes, one from a pipe says it cannot" {
	mkdir -p src
	echo x >src/s
	echo y >src/p
	mkdir -m 700 src/pd
	ln -s s src/l
	chmod 4755 src/s
	chmod 600 src/p
	blk-backup create -q src
	blk-backup export --format zip src >a.zip
	run -0 blk-backup import -q --zip -N x a.zip
	blk-backup restore -q -t out x
	[ "$(readlink out/l)" = s ]
	[ "$(cd out && stat -c %a s p pd | xargs)" = '4755 600 700' ]
	blk-backup import --json --zip -N y - <a.zip >json
	[ "$(field problems <json)" = 0 ]
	blk-backup diff x y
	run -3 --separate-stderr bash -c 'cat a.zip | blk-backup import --zip -N z'
	[[ $stderr == 'blk-backup: standard input: a zip whose end '* ]] ||
		fail "$stderr"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ "$(blk-get z:/p)" = y ]
	# without its end a file is no better
	head -c -22 a.zip >cut.zip
	run -3 --separate-stderr blk-backup import --zip cut.zip
	[[ $stderr == 'blk-backup: cut.zip: a zip whose end '* ]] ||
		fail "$stderr"
	gzip a.zip
	run -3 --separate-stderr blk-backup import --zip a.zip.gz
	[[ $stderr == 'blk-backup: a.zip.gz: a zip whose end '* ]] ||
		fail "$stderr"
}

@test "a zip near the end of an archive is a member of it" {
	need bsdtar
	mkdir d
	echo hi >d/a
	echo z >d/z
	bsdtar --format=zip -cf d/zz.zip d/a
	bsdtar --format=bin -cf bin.cpio d/a d/z d/zz.zip
	blk-backup import -q --zip -N x bin.cpio
	[ "$(blk-get x:d/z)" = z ]
	blk-get x:d/zz.zip | cmp - d/zz.zip
	{ head -c 3000 /dev/zero; cat d/zz.zip; } >zeros
	run -2 --separate-stderr blk-backup import --zip -N y zeros
}

@test "a tar that ends inside of what is refused ends too early, with --zip too" {
	need bsdtar
	mkdir in
	echo a >in/a
	head -c 5000000 /dev/zero | tr '\0' x >in/evil
	bsdtar -C in -s ',^evil,../evil,' --format=ustar -cf s.tar a evil
	head -c 2098688 s.tar >cut.tar
	for zip in '' --zip; do
		# shellcheck disable=SC2086 # or nothing
		run -2 --separate-stderr blk-backup import $zip -N x cut.tar
		[[ $stderr == *'cut.tar: '*runcated* ]] || fail "$zip: $stderr"
	done
	run -6 blk-ls x:
}

@test "a zip that begins where standard input stands in a file" {
	mkdir src
	echo y >src/p
	chmod 600 src/p
	blk-backup create -q src
	blk-backup export --format zip src >a.zip
	{
		echo 'PK: a line ahead of it'
		cat a.zip
	} >b.zip
	{
		head -c 23 >/dev/null
		blk-backup import -q --zip -N x
	} <b.zip
	run -0 blk-ls -l x:
	[[ $output == '-rw------- '* ]] || fail "$output"
}

@test "what is wrong with an archive is said with its name" {
	need bsdtar
	mkdir dir
	seq 100 >dir/1
	run -1 --separate-stderr blk-backup import -N x dir
	[ "$stderr" = 'blk-backup: dir: read: Is a directory' ] ||
		fail "$stderr"
	run -1 --separate-stderr bash -c 'blk-backup import -N x - <dir'
	[ "$stderr" = 'blk-backup: standard input: read: Is a directory' ] ||
		fail "$stderr"
	run -1 --separate-stderr bash -c 'blk-backup import -N x <&-'
	[[ $stderr == 'blk-backup: standard input: '* ]] || fail "$stderr"
	bsdtar --format newc -cf dir.cpio dir
	head -c 120 dir.cpio >cut.cpio
	run -2 --separate-stderr blk-backup import -N x cut.cpio
	[ "$stderr" = 'blk-backup: cut.cpio: it ends too early' ] ||
		fail "$stderr"
}

@test "a directory that comes twice in a cpio archive is no hard link" {
	need bsdtar
	mkdir -p src/sub
	echo one >src/sub/1
	ln src/sub/1 src/2
	(cd src && { find . && find . -type d; } |
		bsdtar --format newc -ncf ../a.cpio -T -)
	run -0 --separate-stderr blk-backup import -N x a.cpio
	[ -z "$stderr" ] || fail "$stderr"
	blk-backup restore -q -t out x
	diff -r src out
	[ out/sub/1 -ef out/2 ]
}
