# Ids are what sha256sum prints, and the same bytes come back, with blk and
# without it, whatever codec, chunks and engine.  BLK_SOAK=1 takes 5 GiB too.
load helper
load faults

sizes='0 1 4095 4096 4097 65535 65536 65537 1048575 1048576 1048577'

# Halves of noise and of text, so that both kinds of frames come about.
some() { # SIZE
	{
		noise | head -c $(($1 / 2))
		seq 200000
	} | head -c "$1"
}

# objects SIZE...: files of these sizes, and what a batch has to answer.
objects() {
	local size

	for size; do
		some "$size" >"in.$size"
		[ "$(stat -c %s "in.$size")" -eq "$size" ]
		printf '%s\n' "$size"
		cat "in.$size"
		echo
	done >requests
	for size; do
		sha "in.$size"
	done >ids
	sed 's/^/get /' ids >>requests
	{
		cat ids
		for size; do
			printf '%s %s\n' "$(sha "in.$size")" "$size"
			cat "in.$size"
			echo
		done
	} >answers
}

@test "ids are those of sha256sum for each codec and chunk size" {
	objects $sizes
	for codec in none lz4 gzip zstd; do
		for chunks in 64:128:256 4K:16K:64K 256K:1M:4M; do
			rm -rf store
			blk-init --compression "$codec" --chunk-size "$chunks"
			blk-put --batch <requests | cmp - answers ||
				fail "$codec $chunks"
			blk-get --batch <ids | cmp - <(sed "1,$(wc -l <ids)d" answers) ||
				fail "$codec $chunks, another process"
		done
	done
}

@test "a shell reads the same bytes out of a store without blk" {
	objects 0 1 4096 4097 70000 1100000
	for codec in none gzip lz4 zstd; do
		[ "$codec" = none ] || command -v "$codec" >/dev/null || continue
		rm -rf store
		blk-init --compression "$codec"
		blk-put in.* >/dev/null
		rm -rf store/index-1.db*
		while read -r id; do
			sh "$SRC/contrib/blk-extract.sh" store "$id" >got
			[ "$(sha got)" = "$id" ] || fail "$codec $id"
		done <ids
	done
	run -6 sh "$SRC/contrib/blk-extract.sh" store "$(sha requests)"
}

@test "a very large hole has the id of sha256sum, too" {
	size=64M
	[ -z "$soak" ] || size=5G
	truncate -s "$size" hole
	blk-init
	id=$(sha hole)
	[ "$(blk-put hole)" = "$id" ]
	[ "$(blk-put --no-dedup <hole)" = "$id" ]
	blk-get "$id" | cmp - hole
	[ "$(stat -c %b hole)" -lt 100 ]
}
