load helper

setup() {
	blk_setup
	so=$BUILD/tests/inject.so
	printf 0123456789 >file
}

calls=(open openat read pread write writev pwrite fsync fdatasync ftruncate
	close link linkat rename renameat renameat2 unlink unlinkat mkdir
	mkdirat fstatfs)

# inject RULES CALL...: the calls made under these rules.
inject() {
	local rules=$1

	shift
	LD_PRELOAD=$so INJECT=$rules "$BUILD/tests/inject-target" "$@"
}

# said TEXT: the last run printed just these lines.
said() {
	[ "$output" = "$1" ] || fail "said: $output"
}

@test "inject leaves everything as it is without rules" {
	run -0 inject '' "${calls[@]}" malloc calloc realloc
	for line in "${lines[@]}"; do
		[[ $line != *' -1 '* ]] || fail "$line"
	done
	[ "${#lines[@]}" -eq $((${#calls[@]} + 3)) ]
}

@test "inject makes every call that it knows fail, undone" {
	: >before
	for call in "${calls[@]}"; do
		n=1
		case $call in
		rename) ln file linked ;;
		renameat) ln file linkedat ;;
		renameat2) ln file x ;;
		unlink) ln file renamed ;;
		unlinkat) ln file y ;;
		open | openat) n=3 ;; # the program opens two before
		esac
		find . | sort >before
		run -0 inject "$call:$n:ENOSPC" "$call"
		said "$call -1 ENOSPC"
		find . | sort | cmp - before
		[ "$(cat file)" = 0123456789 ]
		rm -f linked linkedat renamed x y
	done
}

@test "inject makes the nth call fail and no other, or every one" {
	run -0 inject fsync:2 fsync fsync fsync
	said "fsync 0 
fsync -1 EIO
fsync 0 "
	run -0 inject 'fsync:*:EDQUOT' fsync fsync fdatasync
	said "fsync -1 EDQUOT
fsync -1 EDQUOT
fdatasync 0 "
	run -0 inject 'fsync:1;fdatasync:2:EROFS' fsync fdatasync fdatasync
	said "fsync -1 EIO
fdatasync 0 
fdatasync -1 EROFS"
}

@test "inject takes only the files that the rule names" {
	mkdir other
	printf 0123456789 >other/file
	run -0 inject "write:1:EIO:$PWD/file" write
	said "write -1 EIO"
	cd other
	run -0 inject "write:1:EIO:${PWD%/other}/file" write
	said "write 10 "
	run -0 inject 'linkat:1:EMFILE:linkedat' linkat
	said "linkat -1 EMFILE"
	run -0 inject 'renameat2:1:EIO:/other/y' renameat2
	said "renameat2 -1 EIO"
}

@test "inject counts the calls that match and not the others" {
	run -0 inject 'write:2:EIO:/file' write write write
	said "write 10 
write -1 EIO
write 10 "
}

@test "inject moves half of the bytes when it is told to be short" {
	run -0 inject 'read:1:short;pread:1:short' read pread pread
	said "read 5 
pread 5 
pread 10 "
	run -0 inject 'write:1:short;writev:1:short;pwrite:1:short' \
		write writev pwrite writev
	said "write 5 
writev 5 
pwrite 5 
writev 10 "
	[ "$(head -c 10 file)" = 0123401201 ] || fail "$(cat file)"
}

@test "inject makes allocations fail from the program's own on" {
	run -0 inject 'malloc:*' malloc calloc realloc
	said "malloc -1 ENOMEM
calloc -1 ENOMEM
realloc -1 ENOMEM"
}

@test "inject shows a file system of the network" {
	run -0 inject 'fstatfs:1:nfs' fstatfs fstatfs
	[ "${lines[0]}" = "fstatfs $((0x6969)) " ] || fail "$output"
	[ "${lines[1]}" != "${lines[0]}" ]
}

@test "inject can take every sync away" {
	command -v strace >/dev/null || skip "needs strace"
	run -0 strace -f -o trace -e trace=fsync,fdatasync \
		-E LD_PRELOAD="$so" -E INJECT=nosync \
		"$BUILD/tests/inject-target" fsync fdatasync
	said "fsync 0 
fdatasync 0 "
	run -1 grep sync trace
	run -0 strace -f -o trace -e trace=fsync,fdatasync \
		-E LD_PRELOAD="$so" "$BUILD/tests/inject-target" fsync fdatasync
	[ "$(grep -c sync trace)" -eq 2 ]
}

@test "inject kills before the nth of all calls, at each n" {
	LD_PRELOAD=$so INJECT_COUNT=count \
		"$BUILD/tests/inject-target" mkdir write fsync mkdirat
	read -r n <count
	[ "$n" -eq 6 ]
	for at in $(seq "$n"); do # run uses i itself
		rm -rf made madeat
		run -137 inject "kill:$at" mkdir write fsync mkdirat
		[ ! -e madeat ]
		[ "$at" -le 3 ] || [ -d made ]
		[ "$at" -gt 3 ] || [ ! -e made ]
	done
	rm -rf made madeat
	run -0 inject "kill:$((n + 1))" mkdir write fsync mkdirat
	[ -d madeat ]
}

@test "inject kills before the call of a rule" {
	run -137 inject 'fsync:2:kill' mkdir fsync mkdirat fsync
	[ -d made ]
	[ -d madeat ]
}

@test "inject logs every call with its paths, and counts them" {
	LD_PRELOAD=$so INJECT_LOG=$PWD/log INJECT_COUNT=$PWD/count \
		"$BUILD/tests/inject-target" fsync linkat rename
	printf '%s\n' 'open .' 'open file' "fsync $PWD/file" \
		"linkat $PWD/file $PWD/linkedat" 'rename linked renamed' >want
	diff want log
	[ "$(cat count)" = 5 ]
}

@test "inject works on programs that were not built here" {
	run -1 env LD_PRELOAD="$so" INJECT=fsync:1 \
		dd if=file of=copy conv=fsync status=none
	[[ $output == *'Input/output error'* ]] || fail "$output"
	run -0 env LD_PRELOAD="$so" INJECT='read:*:short' \
		dd if=file of=copy status=none bs=10 count=1
	[ "$(cat copy)" = 01234 ]
	run -0 env LD_PRELOAD="$so" INJECT='read:*:short' cat file
	[ "$output" = 0123456789 ]
}

@test "inject refuses a rule that it does not understand" {
	for rule in fsync fsync: fsync:0 fsync:-1 fsync:x fsync:1:EWHAT \
		nothing:1 ' :1' kill kill:0 kill:1:EIO 'fsync:1;bad' nosync:1 \
		read:1:short:"$(printf '%0200d' 0)"; do
		run -125 inject "$rule" fsync
		[[ $output == 'inject: not a rule: '* ]] || fail "$rule: $output"
	done
}

@test "inject lets a file grow before it is read" {
	run -0 inject 'pread:1:grow:file' pread
	[ "$(cat file)" = 0123456789+ ]
}
