# Trees that no command writes (another program may have, or somebody with a
# grudge): whoever reads one says which it is, exit 4; nobody takes a guess.
load helper

setup() {
	blk_setup
	blk-init
	printf hi >hi
	hi=$(sha hi)
	mkdir dir
	printf hi >dir/a
	blk-backup create -q -N good dir
}

# craft NAME FORMAT...: the snapshot of a tree of these lines becomes a version
# of the name; $tree is the id of the tree.
craft() {
	local name=$1 format=$2

	shift 2
	# shellcheck disable=SC2059  # it is a format
	printf "$format" "$@" >text
	tree=$(sha text)
	cat >snapshot <<-END
		snapshot 1
		tree $tree
		root 755 0 0 0
		name $name
		host here
		path /src
		start 1700000000000000000
		end 1700000000000000000
		files 2
		dirs 1
		others 0
		bytes 4
	END
	"$BUILD/tests/crafted" store "$name" data hi tree text snapshot snapshot
}

# refused COMMAND...: exit 4, nothing printed, a line that names the tree.
refused() {
	run -4 --separate-stderr "$@"
	[ -z "$output" ] || fail "$*: printed: $output"
	told "$@"
}

told() {
	# shellcheck disable=SC2154
	[[ $stderr == *"tree $tree: "* ]] || fail "$*: said: $stderr"
	[[ $stderr != *': : '* ]] || fail "$*: said: $stderr"
	[ "$(wc -l <<<"$stderr")" -le 2 ] || fail "$*: said: $stderr"
}

# Whatever looks for one path in NAME: is it there, or not, or is it twice?
looks() { # NAME PATH...
	local name=$1 path

	shift
	for path in "$@"; do
		refused blk-get "$name:$path"
		refused blk-get -e "$name:$path"
		refused blk-get --range 0:1 "$name:$path"
		refused blk-stat "$name:$path"
		refused blk-ls --chunks "$name:$path"
		refused blk-ls --refs "$name:$path"
		refused blk-put -N other --ref "$name:$path"
		refused blk-put -N other -l "rel=$name:$path" hi
		refused blk-backup export "$name:$path"
		refused blk-backup restore -t out "$name:$path"
		refused blk-backup diff "$name:$path" good:
		for batch in 'blk-get --batch' 'blk-get --batch-check' 'blk-put --batch'; do
			[ "$batch" != 'blk-put --batch' ] || batch='sed s/^/get\ / | blk-put --batch'
			refused bash -c "echo '$name:$path' | $batch"
		done
	done
	[ ! -e out ]
	run -6 blk-ls other
}

# Whatever reads all of it may have printed what stands before the bad line.
walks() { # NAME
	for command in "blk-ls $1:" "blk-ls -R $1:" "blk-ls --json $1:" \
		"blk-backup restore -t out $1" "blk-backup export -o out.tar $1" \
		"blk-backup diff $1 good" "blk-backup diff good $1" \
		'blk-backup find [ab]' "blk-backup verify $1"; do
		# shellcheck disable=SC2086
		run -4 --separate-stderr $command
		# shellcheck disable=SC2086
		told $command
		[[ $output != *summary* ]] || fail "$command: $output"
	done
	[ ! -e out.tar ]
	run -4 blk-check
	[[ $output == *"$tree"* ]] || fail "$output"
	[ "$(blk-get good:a)" = hi ]
}

@test "names out of order: no path is found or missed, exit 4" {
	craft bad 'F 644 0 0 0 2 %s b\nF 644 0 0 0 2 %s a\n' "$hi" "$hi"
	looks bad a b c /a
	walks bad
}

@test "a name that is there twice is neither of the two, exit 4" {
	craft bad 'F 644 0 0 0 2 %s a\nF 600 0 0 0 2 %s a\n' "$hi" "$hi"
	looks bad a z
	walks bad
}

@test "a tree below one that is well is refused as well" {
	craft bad 'F 644 0 0 0 2 %s b\nF 644 0 0 0 2 %s a\n' "$hi" "$hi"
	below=$tree
	craft above 'D 755 0 0 0 %s sub\nF 644 0 0 0 2 %s x\n' "$below" "$hi"
	[ "$(blk-get above:x)" = hi ]
	[ "$(blk-ls above:)" = 'sub
x' ]
	tree=$below
	looks above sub/a sub/b
	run -4 --separate-stderr blk-ls -R above:
	told
	run -4 --separate-stderr blk-backup restore -t out above
	told
	[ "$(cat out/x)" = hi ]
	[ ! -e out/sub/a ]
}

@test "lines in another spelling are refused, wherever they stand" {
	crafted=0
	for line in 'F 0644 0 0 0 2 %s b' 'F 17777 0 0 0 2 %s b' 'F 644 00 0 0 2 %s b' \
		'F 644 0 0 0 02 %s b' 'F 644 0 0 0 2 %s ..' 'F 644 0 0 0 2 %s .' \
		'F 644 0 0 0 2 %s b%%2Fc' 'F 644 0 0 0 2 %s %%62' 'F 644 0 0 0 2 %s b%%00' \
		'F 644 0 0 0 2 %s b\r' 'F 644 0 0 0 2 %s x=y b' 'F 644 0 0 0 2 %s b/c' \
		'F 644 0 0 99999999999999999999 2 %s b' 'F 644 4294967296 0 0 2 %s b'; do
		# what holds no reference where one should be is in no store
		craft bad "F 644 0 0 0 2 %s a\n$line\n" "$hi" "$hi" 2>err || {
			grep -q 'line 2 is none' err
			continue
		}
		crafted=$((crafted + 1))
		refused blk-get bad:a
		refused blk-get bad:b
		run -4 --separate-stderr blk-ls bad:
		told
		run -4 --separate-stderr blk-backup restore -t out bad
		told
		[ "$(ls out)" = a ]
	done
	[ "$crafted" -ge 10 ]
}

@test "a line without its end, or that is none, is not taken into a store" {
	for text in 'F 644 0 0 0 2 %s a' 'F 644 0 0 0 2 %s a\njunk\n' 'Q 644 0 0 0 2 %s a\n' \
		'F 644 0 0 0 2 %s \n' 'F 644 0 0 0 2 %.63s a\n' '\nF 644 0 0 0 2 %s a\n'; do
		run ! craft bad "$text" "$hi"
		run -6 blk-ls bad
	done
	[ "$(blk-get good:a)" = hi ]
}

@test "a file that is not as long as its tree says is not restored, exit 4" {
	for size in 0 1 3 5000000; do
		craft bad "F 644 0 0 0 $size %s a\nF 644 0 0 0 2 %s b\n" "$hi" "$hi"
		run -4 --separate-stderr blk-backup restore -t out bad
		[[ $stderr == *'a: '*'than its tree says'* ]] || fail "$stderr"
		[ ! -e out/a ]
		[ "$(cat out/b)" = hi ]
		rm -r out
		run -4 --separate-stderr blk-backup export -o out.tar bad
		[[ $stderr == *'not as long as said'* ]] || fail "$stderr"
		[ ! -e out.tar ]
		[ "$(blk-get bad:a)" = hi ]
	done
}
