#!/usr/bin/env bash
# streams.sh - long streams: new, known, of noise, of zeros, with holes.
#
#   BENCH_BYTES    bytes of a new stream (128 MiB)
#   BENCH_STREAM   bytes of the stream that is stored already (1 GiB; the
#                  target means 8 GB)
#   BENCH_IMAGE    bytes of the disk image, a half of it holes (2 GiB; the
#                  target means 10 GiB)
#
# See bench.bash for the rest.  Twice BENCH_STREAM must fit where work is done.
. "$(dirname "$0")/bench.bash"

bytes=${BENCH_BYTES:-134217728}
long=${BENCH_STREAM:-1073741824}
image=${BENCH_IMAGE:-2147483648}

get() { blk-get "$1" >/dev/null; }
export -f get
# What the machine has left for a second thread.
dgst_all() {
	local i

	for ((i = 0; i < $(nproc); i++)); do
		openssl dgst -sha256 "$1" &
	done
	wait
}
export -f dgst_all

new_store() {
	rm -rf "$BLK_STORE"
	blk-init >/dev/null
	sync -f "$work"
}

# Each into a store of its own: what is new is what all writers have to do.
new_streams() {
	local i kind

	"$bin/corpus" text "$bytes" 1 >"$work/text"
	"$bin/corpus" noise "$bytes" 1 >"$work/noise"
	head -c "$bytes" /dev/zero >"$work/zeros"
	truncate -s $((bytes * 16)) "$work/hole"
	for ((i = 0; i < rounds; i++)); do
		for kind in text noise zeros hole; do
			new_store
			sample "stream, $kind" blk-put "$work/$kind"
			[ "$kind" != noise ] ||
				noise_stored=$(sum "$(stored "$BLK_STORE") / $(mb_of "$work/noise")")
		done
		! has zstd || sample 'zstd -3 -T0, text' \
			zstd -q -3 -T0 -f -o "$work/text.zst" "$work/text"
		! has zstd || sample 'zstd -3 -T0, noise' \
			zstd -q -3 -T0 -f -o "$work/noise.zst" "$work/noise"
	done
	for kind in text noise zeros hole; do
		rate_of "stream, $kind" "$(mb_of "$work/$kind")" MB/s \
			"$([ "$kind" = text ] && echo 300 || echo -)"
	done
	result 'noise stored, of its size' "$noise_stored" times 1.01 less
	for kind in text noise; do
		! has zstd || rate_of "zstd -3 -T0, $kind" "$(mb_of "$work/$kind")" MB/s -
	done
	rm "$work"/{text,noise}* "$work"/{zeros,hole}
}

# All of it is looked up, and none of it is stored.
known_stream() {
	local i mb id

	"$bin/corpus" noise "$long" 2 >"$work/long"
	mb=$(mb_of "$work/long")
	new_store
	id=$(blk-put "$work/long")
	sync -f "$work"
	for ((i = 0; i < rounds; i++)); do
		sample 'stream, all there' blk-put "$work/long"
		sample 'openssl dgst -sha256' openssl dgst -sha256 "$work/long"
		sample 'openssl dgst, on all cores' dgst_all "$work/long"
		sample 'stream, got' get "$id"
	done
	rate_of 'stream, all there' "$mb" MB/s 600
	rate_of 'openssl dgst -sha256' "$mb" MB/s -
	versus 'all there / openssl dgst' 'stream, all there' 'openssl dgst -sha256' 1.4
	versus 'dgst on all cores / on one' 'openssl dgst, on all cores' \
		'openssl dgst -sha256' -
	rate_of 'stream, got' "$mb" MB/s -
	rm "$work/long"
}

# Changes are scattered: in runs of 64 KiB, and in single blocks of 4 KiB, each
# of which costs a chunk or two.
changed_image() {
	local i block mb

	"$bin/corpus" image "$work/image" "$image" 3
	mb=$(mb_of "$work/image")
	new_store
	sample 'image, new' blk-put -N image "$work/image"
	for ((i = 0; i < rounds; i++)); do
		for block in 65536 4096; do
			"$bin/corpus" change "$work/image" "$block" 5 $((i + block))
			sync -f "$work"
			sample "image, 5 % of $block" blk-put -N image "$work/image"
			sample 'image, unchanged' blk-put -N image "$work/image"
		done
	done
	rate_of 'image, new' "$mb" MB/s -
	rate_of 'image, 5 % of 65536' "$mb" MB/s 1000
	rate_of 'image, 5 % of 4096' "$mb" MB/s 1000
	rate_of 'image, unchanged' "$mb" MB/s -
	rm "$work/image"
}

results "Streams: $((bytes >> 20)) MiB new, $((long >> 20)) MiB known, a disk of $((image >> 20)) MiB, half of it holes"
new_streams
known_stream
changed_image
rm -rf "$BLK_STORE"
