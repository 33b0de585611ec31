# What blk-init(1) promises.
# shellcheck disable=SC2154  # stderr_lines is run's
load helper

# conf KEY: the value of a line of STORE/config
conf() {
	sed -n "s/^$1 //p" store/config
}

@test "blk-init makes a store and says nothing" {
	run -0 --separate-stderr blk-init
	[ -z "$output$stderr" ]
	[ -f store/config ]
	[ -f store/log/000000000/000000000000 ]
	[ "$(find store/segments -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 256 ]
	blk-put -N a "$SRC/README" >id
	blk-get a | cmp - "$SRC/README"
}

@test "blk-init fails where a store stands already, and leaves it alone" {
	blk-init --chunk-size 8K:32K:128K
	cp store/config before
	run -1 --separate-stderr blk-init
	[ -z "$output" ]
	[[ $stderr == "blk-init: "*"/store: is a store already" ]] || fail "$stderr"
	cmp before store/config
	run -1 blk-init -n
}

@test "blk-init --if-missing succeeds, changing nothing, where there is a store" {
	blk-init --if-missing --compression lz4
	cp store/config before
	run -0 --separate-stderr blk-init --if-missing --compression zstd:9
	[ -z "$output$stderr" ]
	cmp before store/config
	[ "$(blk-config get compression)" = lz4 ]
}

@test "blk-init --chunk-size fixes the sizes for ever" {
	blk-init --chunk-size 256K:1M:4M
	grep -q '262144' store/config
	grep -q '4194304' store/config
	random_file 3000000 1 in
	blk-put in >id
	blk-get "$(cat id)" | cmp - in
}

@test "blk-init refuses chunk sizes that make no sense, and makes nothing" {
	for sizes in '' 4K 4K:16K 16K:4K:64K 0:0:0 4K:16K:1G 4K:16K:64K:1 x:y:z '4K:16K:64K,'; do
		run -2 --separate-stderr blk-init --chunk-size "$sizes"
		[[ ${stderr_lines[0]} == "blk-init: --chunk-size: "* ]] || fail "$stderr"
	done
	[ ! -e store ]
}

@test "blk-init --compression and --segment-size become settings" {
	blk-init --compression zstd:7 --segment-size 4M
	[ "$(blk-config get compression)" = zstd:7 ]
	[ "$(blk-config get segment-size)" = 4M ]
	for codec in zstd lz4 gzip none; do
		rm -rf store
		blk-init --compression "$codec"
		id=$(blk-put "$SRC/README")
		blk-get "$id" | cmp - "$SRC/README"
	done
}

@test "blk-init refuses codecs and segment sizes that it does not know" {
	for args in --compression=rot13 --compression=zstd:99 --compression= \
		--compression=none:3 --segment-size=1 --segment-size=1T \
		--segment-size= --segment-size=16X; do
		run -2 --separate-stderr blk-init "$args"
		[[ ${stderr_lines[0]} == "blk-init: ${args%%=*}: "* ]] || fail "$stderr"
	done
	[ ! -e store ]
}

@test "a store is its owner's alone, whatever the umask" {
	umask 000
	blk-init
	blk-put "$SRC/README" >id
	[ -z "$(find store -type d ! -perm 0700)" ]
	[ -z "$(find store -type f -perm /077)" ]
	[ -z "$(find store/log store/segments store/config -type f ! -perm 0400)" ]
}

@test "blk-init --shared=group lets the group in, whatever the umask" {
	umask 077
	blk-init --shared=group
	blk-put "$SRC/README" >id
	[ -z "$(find store -type d ! -perm 2770)" ]
	[ -z "$(find store/log store/segments -type f ! -perm 0440)" ]
	[ -z "$(find store -type f -name 'index-*' ! -perm 0660)" ]
	run -2 --separate-stderr blk-init -s other --shared=all
	[[ ${stderr_lines[0]} == "blk-init: --shared: 'all' is not group" ]]
	[ ! -e other ]
}

@test "a store says by itself how to get an object out" {
	blk-init
	[ -z "$(find store/README ! -perm 0400)" ]
	[ "$(wc -l <store/README)" -eq 20 ]
	for word in segments/ sha256sum dd zstd blk-extract.sh 'blk-store(5)'; do
		grep -qF "$word" store/README
	done
	[ -z "$(ls -A store/tmp)" ]
	# what an interrupted init left is no foreign file
	rm -rf store/log store/config store/index-1.db* store/reserve
	blk-init
	echo x | blk-put
	# that of somebody else is
	mkdir other
	echo mine >other/README
	run -1 --separate-stderr blk-init -s "$PWD/other"
	[ "$(cat other/README)" = mine ]
}

@test "blk-init --single-writer is written down" {
	blk-init --single-writer
	blk-init -s plain
	run ! diff <(grep -v '^store ' store/config) <(grep -v '^store ' plain/config)
}

@test "blk-init -n makes nothing and says what it would make" {
	run -0 --separate-stderr blk-init -n
	[ -z "$output" ]
	[ "$stderr" = "blk-init: would make $BLK_STORE" ]
	[ ! -e store ]
	run -0 --separate-stderr blk-init -n -q
	[ -z "$output$stderr" ]
}

@test "without --store and BLK_STORE blk-init makes the default store" {
	unset BLK_STORE
	blk-init
	[ -f home/.local/share/blk/config ]
	XDG_DATA_HOME=$PWD/data blk-init
	[ -f data/blk/config ]
}

@test "the help of blk-init lists the engines that are built in" {
	blk-init --help | sed -n '/^Engines:/,/^$/p' >engines
	grep -q '^  file  ' engines
	grep -q '^  mem  ' engines
}

@test "blk-init names an engine that it does not know" {
	run -2 --separate-stderr blk-init -s nonsense:place
	[[ $stderr == *nonsense* ]] || fail "$stderr"
	run -2 blk-init operand
}

@test "a file or a full directory in the way is a failure, and stays as it is" {
	echo mine >store
	run -1 --separate-stderr blk-init
	[[ $stderr == "blk-init: "*store* ]] || fail "$stderr"
	[ "$(cat store)" = mine ]
	mkdir full
	echo mine >full/file
	run -1 --separate-stderr blk-init -s full
	[ "$(ls full)" = file ]
}

@test "blk-init finishes a store whose making was interrupted" {
	blk-init
	grep '^store ' store/config >before
	blk-put -N a "$SRC/README"
	rm -f store/config
	blk-init --if-missing
	grep '^store ' store/config | cmp - before
	blk-get a | cmp - "$SRC/README"
}

@test "several processes that make one store make one" {
	for _ in 1 2 3 4; do
		blk-init --if-missing 3>&- &
	done
	wait
	blk-put -N a "$SRC/README"
	blk-get a | cmp - "$SRC/README"
}

@test "blk-init --json ends in a summary" {
	run -0 --separate-stderr blk-init --json
	[ "$output" = "{\"type\":\"summary\",\"store\":\"$BLK_STORE\",\"made\":true}" ]
	run -0 --separate-stderr blk-init --json --if-missing
	[ "$output" = "{\"type\":\"summary\",\"store\":\"$BLK_STORE\",\"made\":false}" ]
}
