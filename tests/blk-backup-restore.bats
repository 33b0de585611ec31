# blk-backup restore: every odd thing comes back, and what is there stays.
# shellcheck disable=SC2154  # stderr is run's
load backup

# All that stat, getfattr and getfacl say, but the sizes of directories.
said() { # DIRECTORY
	(
		cd "$1" || exit
		find . ! -type d -printf '%p %y %m %U:%G %s %T@ %n %l\0' | sort -z
		find . -type d -printf '%p %y %m %U:%G %T@\0' | sort -z
		find . ! -type l -print0 | sort -z >../names
		xargs -0 getfattr -hd -m '^(user|security.capability)' -e hex \
			<../names 2>/dev/null
		xargs -0 getfacl -Ppn <../names 2>/dev/null
	)
}

@test "a tree of every odd thing comes back" {
	need rsync
	"$BUILD/tests/oddtree" src >skipped || fail 'oddtree'
	options=()
	rsync=(rsync -aHAXn --delete --itemize-changes)
	if [ "$(id -u)" -eq 0 ]; then
		options+=(--devices)
		rsync+=(--filter='-x trusted.*')
	else
		rm -rf src/modes # of which not all can be read
	fi
	truncate -s 40M src/sparse/large # for its holes would take their time
	rm src/types/socket
	blk-backup create -q src
	run -0 --separate-stderr blk-backup restore "${options[@]}" -t out src
	[ -z "$output$stderr" ] || fail "$output$stderr"
	"${rsync[@]}" src/ out/ >changes
	[ ! -s changes ] || fail "$(cat changes)"
	said src >a
	said out >b
	cmp a b || fail "$(diff <(tr '\0' '\n' <a) <(tr '\0' '\n' <b) | head)"
	diff -r --no-dereference src out | grep -vE 'is a (fifo|block|character)' && fail 'they differ'
	a=$(blk-backup create --json -N again out | field tree_id)
	[ "$a" = "$(blk-backup show --json src | field tree)" ]
	[ "$(du -sk out/sparse | cut -f 1)" -le "$(($(du -sk src/sparse | cut -f 1) + 64))" ]
}

@test "paths beyond PATH_MAX come back, with what is at their end" {
	"$BUILD/tests/oddtree" src deep
	a=$(blk-backup create --json src | field tree_id)
	run -0 --separate-stderr blk-backup restore -t out src
	[ -z "$output$stderr" ]
	[ "$a" = "$(blk-backup create --json -N again out | field tree_id)" ]
	run -0 blk-backup find bottom
	[ "${#lines[0]}" -gt 10000 ]
	[ "$(blk-get "${lines[0]}")" = bottom ]
	blk-backup export src >a.tar
	blk-backup import -q -N tar a.tar
	[ "$a" = "$(blk-backup show --json tar | field tree)" ]
	# and go again: rm can, but not every one
	mkdir empty
	blk-backup create -q empty
	blk-backup restore --delete -t out empty
	[ -z "$(ls out)" ]
}

@test "holes come back as holes, wherever the chunks end" {
	mkdir src
	truncate -s 60M src/f
	random_file 3000000 holes data
	dd if=data of=src/f bs=4K seek=5000 conv=notrunc status=none
	printf x | dd of=src/f bs=1 seek=50000001 conv=notrunc status=none
	sync src/f
	blk-backup create -q src
	for how in '' --sparse --sparse=always --verify; do
		rm -rf out
		blk-backup restore $how -t out src
		cmp src/f out/f
		sync out/f
		[ "$(du -k out/f | cut -f 1)" -le "$(($(du -k src/f | cut -f 1) + 32))" ] ||
			fail "$(du -k src/f out/f)"
	done
	blk-backup restore --sparse=never -t full src
	cmp src/f full/f
	[ "$(du -k full/f | cut -f 1)" -ge 60000 ]
	run -2 blk-backup restore --sparse=maybe -t out src
}

@test "a dry run into a target that is not there says what a run then makes" {
	make_tree src
	blk-backup create -q src
	for ref in src src:/sub src:/numbers '--include sub/deeper/random src'; do
		for target in out out/below; do
			rm -rf out
			# shellcheck disable=SC2086 # options
			blk-backup restore -n -t "$target" $ref | sort >said
			[ ! -e out ]
			# shellcheck disable=SC2086
			blk-backup restore -v -t "$target" $ref 2>err | sort >made
			diff said made || fail "$ref to $target"
			[ -s made ]
		done
	done
}

@test "a dry run counts what a run then has" {
	make_tree src
	ln src/link src/sub/further # the further name of a symbolic link
	blk-backup create -q src
	for how in '' '--include sub/deeper/random' '--exclude sub' \
		'--include none'; do
		for target in new there same; do
			[ "$target" = same ] || rm -rf out
			[ "$target" != there ] || mkdir -p out/sub
			# shellcheck disable=SC2086 # options
			said=$(blk-backup restore -n --json $how -t out src)
			# shellcheck disable=SC2086
			made=$(blk-backup restore --json $how -t out src)
			for what in files dirs others links bytes; do
				[ "$(field $what <<<"$said")" = "$(field $what <<<"$made")" ] ||
					fail "$how, $target, $what:" "$said" "$made"
			done
		done
	done
}

@test "a file with the right bytes is not written again for its time" {
	make_tree src
	blk-backup create -q src
	blk-backup restore -t out src
	touch -d 2020-02-02 out/sub/x out/sub/deeper/random
	inodes=$(stat -c %i out/sub/x out/sub/deeper/random)
	run -0 blk-backup restore -n -t out src
	[ "$(sort <<<"$output")" = "updated sub/deeper/random
updated sub/x" ] || fail "$output"
	run -0 blk-backup restore --json -t out src
	[ "$(field bytes_written <<<"$output")" = 0 ]
	[ "$inodes" = "$(stat -c %i out/sub/x out/sub/deeper/random)" ]
	[ "$(stat -c %y src/sub/x)" = "$(stat -c %y out/sub/x)" ]
	# but other bytes of the same length and another time are
	printf y >out/sub/x
	run -0 blk-backup restore -v -t out src
	[[ $output == *'replaced sub/x'* ]] || fail "$output"
	[ "$(cat out/sub/x)" = x ]
}

@test "each name of a device that was not asked for is one error" {
	need root
	mkdir src
	mknod src/a c 1 3 || skip 'no devices here'
	ln src/a src/b
	blk-backup create -q src
	run -3 --separate-stderr blk-backup restore -q -t out src
	[ "${#stderr_lines[@]}" = 2 ] || fail "$stderr"
	[[ ${stderr_lines[0]} == *'a: a device, which was not asked for' ]]
	[[ ${stderr_lines[1]} == *'b: a device, which was not asked for' ]]
	run -0 blk-backup restore -q --devices -t out src
	[ out/a -ef out/b ]
}
