#!/bin/sh
# blk-extract.sh - get an object out of a blk store without blk.
#
#	sh blk-extract.sh STORE ID >FILE
#
# Writes the bytes of the object with this id (64 hex digits); of a tree,
# snapshot or version its text.  Needs sh, awk, od, dd, tail, sha256sum and,
# by what the store holds, zstd, lz4 or gzip.  blk-store(5) explains the
# formats and the steps.  Keeps a catalogue of the store in TMPDIR, some 200
# bytes for each object.
#
# Exit status: 0 the bytes hash to the id; 1 failed; 2 usage; 4 damaged or
# incomplete; 6 no such object.
set -eu
LC_ALL=C
export LC_ALL

say() {
	echo "blk-extract.sh: $*" >&2
}

die() {
	status=$1
	shift
	say "$*"
	exit "$status"
}

usage="usage: blk-extract.sh STORE ID >FILE"
[ $# -eq 2 ] || die 2 "$usage"
store=$1
id=$2
case $id in
*[!0-9a-f]*) die 2 "$id: an id has 64 lower-case hex digits" ;;
esac
[ ${#id} -eq 64 ] || die 2 "$id: an id has 64 lower-case hex digits"
[ -d "$store/segments" ] || die 6 "$store: no such store"
store=$(cd -- "$store" && pwd)

tmp=$(mktemp -d "${TMPDIR:-/tmp}/blk-extract.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# part FILE OFFSET LENGTH: these bytes of the file.  The first dd only moves
# the position that both share.
part() {
	[ "$3" -gt 0 ] || return 0
	{
		[ "$2" -eq 0 ] || dd bs="$2" skip=1 count=0 2>/dev/null
		dd bs="$3" count=1 2>/dev/null
	} <"$1"
}

# The decimal values of the bytes on stdin.
bytes() {
	od -A n -v -t u1
}

hash_of() {
	sha256sum | cut -c 1-64
}

# Step 1: where is the table?  Prints offset and length, or fails.
trailer() {
	tail -c 64 "$1" | bytes | awk -v size="$2" '
		{ for (i = 1; i <= NF; i++) b[n++] = $i }
		function number(at, v, i) {
			for (i = 7; i >= 0; i--)
				v = v * 256 + b[at + i]
			return v
		}
		END {
			split("66 76 75 84 65 73 76 10", magic, " ")
			for (i = 0; i < 8; i++)
				if (b[56 + i] != magic[i + 1])
					exit 1
			offset = number(0)
			length_ = number(8)
			if (n != 64 || offset < 96 ||
			    offset + length_ + 64 != size)
				exit 1
			printf "%.0f %.0f\n", offset, length_
		}'
}

# Step 2: the objects of a table, one a line: id, kind, file, then of the
# frame its place, stored length and codec, then the object's place in the
# decoded frame and its length.
table() {
	part "$store/$1" "$2" "$3" | bytes | awk -v file="$1" -v end="$2" '
		{ for (i = 1; i <= NF; i++) b[n++] = $i }
		function byte() {
			if (at >= n)
				exit bad = 1
			return b[at++]
		}
		function varint(v, scale, c) {
			scale = 1
			do {
				c = byte()
				v += (c % 128) * scale
				scale *= 128
			} while (c >= 128)
			return v
		}
		function hex(len, s) {
			while (len-- > 0)
				s = s sprintf("%02x", byte())
			return s
		}
		END {
			frames = varint()
			place = 96
			for (f = 0; f < frames; f++) {
				start[f] = place
				stored[f] = varint()
				plain[f] = varint()
				codec[f] = byte()
				count[f] = varint()
				at += 8
				place += stored[f]
			}
			if (place != end)
				exit bad = 1
			for (f = 0; f < frames; f++) {
				inner = 0
				while (count[f]-- > 0) {
					id = hex(32)
					kind = byte()
					len = varint()
					print id, kind, file, start[f],
					    stored[f], codec[f], inner, len
					inner += len
				}
				if (inner != plain[f])
					exit bad = 1
			}
			exit bad || at != n
		}'
}

# Step 3: the same for all segment files; commits are segment files too.
catalogue() {
	(cd "$store" && find segments log -type f) | sort |
	while IFS= read -r file; do
		case ${file##*/} in
		*[!0-9a-f]*) continue ;;
		esac
		size=$(wc -c <"$store/$file")
		if place=$(trailer "$store/$file" "$((size))") &&
		    table "$file" "${place% *}" "${place#* }" >"$tmp/rows"; then
			cat "$tmp/rows"
		else
			say "$file: not a sound segment, left out"
		fi
	done
}

# Step 4: choose KINDS FILE: the row of a copy, of one of these kinds, for
# each id in the file, in order.  Where there is none: its id, and failure.
choose() {
	awk -v kinds=" $1 " '
		wanted { want[++n] = $1; need[$1] = 1; next }
		index(kinds, " " $2 " ") && $1 in need { row[$1] = $0 }
		END {
			for (i = 1; i <= n; i++)
				if (!(want[i] in row)) {
					print want[i]
					exit 1
				}
			for (i = 1; i <= n; i++)
				print row[want[i]]
		}' wanted=1 "$2" wanted=0 "$tmp/catalogue"
}

# A segment is named by its hash.  Drop from the catalogue those files on
# stdin that are not; fails when there was one.
scrub() {
	sound=0
	while read -r file; do
		grep -Fqx "$file" "$tmp/scrubbed" && continue
		echo "$file" >>"$tmp/scrubbed"
		case $file in
		segments/*) ;;
		*) continue ;;	# the next commit knows the hash of this one
		esac
		[ "$(hash_of <"$store/$file")" = "${file##*/}" ] && continue
		say "$file: damaged, left out"
		: >"$tmp/damage"
		awk -v file="$file" '$3 != file' "$tmp/catalogue" >"$tmp/less"
		mv "$tmp/less" "$tmp/catalogue"
		sound=1
	done
	return $sound
}

# The plain bytes of a frame: FILE PLACE STORED CODEC.
decode() {
	part "$store/$1" "$2" "$3" | case $4 in
	0) cat ;;
	1) zstd -q -d -c ;;
	2) lz4 -q -d -c ;;
	3) gzip -d -c ;;
	*) die 1 "$1: codec $4 needs a newer blk-extract.sh" ;;
	esac
}

# Step 5: the rows on stdin as bytes, in order.  Runs that lie side by side in
# one frame are taken at once; a frame is decoded once for a run of rows.
emit() {
	awk '
		$3 == file && $4 == place && $7 == from + len { len += $8; next }
		NR > 1 { print file, place, stored, codec, from, len }
		{
			file = $3; place = $4; stored = $5; codec = $6
			from = $7; len = $8
		}
		END { if (NR) print file, place, stored, codec, from, len }' |
	(
		have=
		while read -r file place stored codec from len; do
			if [ "$have" != "$file $place" ]; then
				decode "$file" "$place" "$stored" "$codec" \
				    </dev/null >"$tmp/frame"
				have="$file $place"
			fi
			part "$tmp/frame" "$from" "$len"
		done
	)
}

# As emit for texts whose bytes hash to their ids, which is compared.
emit_checked() {
	while read -r row; do
		echo "$row" | emit >"$tmp/text"
		[ "$(hash_of <"$tmp/text")" = "${row%% *}" ] ||
			die 4 "${row%% *}: damaged"
		cat "$tmp/text"
	done
}

# rows_for KINDS FILE: choose a copy for each id in the file, from segments
# that are sound; into $tmp/chosen, or the id that has none.
rows_for() {
	while :; do
		choose "$1" "$2" >"$tmp/chosen" || return 1
		awk '{ print $3 }' "$tmp/chosen" | sort -u >"$tmp/used"
		scrub <"$tmp/used" && return 0
	done
}

# Step 6: replace $tmp/whole, while it is a head of p lines, by its pieces.
join_pieces() {
	level=0
	while [ "$(part "$tmp/whole" 0 2)" = "p " ]; do
		level=$((level + 1))
		[ "$level" -le 8 ] || die 4 "$id: too many levels of pieces"
		awk '{ print $2 }' "$tmp/whole" >"$tmp/wanted"
		rows_for 3 "$tmp/wanted" ||
			die 4 "$(cat "$tmp/chosen"): piece not found"
		emit_checked <"$tmp/chosen" >"$tmp/joined"
		mv "$tmp/joined" "$tmp/whole"
	done
}

# Write what the rows on stdin hold, and compare its hash with the id.
emit_object() {
	mkfifo "$tmp/pipe"
	hash_of <"$tmp/pipe" >"$tmp/hash" &
	emit | tee "$tmp/pipe"
	wait $!
	[ "$(cat "$tmp/hash")" = "$id" ] || die 4 "$id: damaged"
}

: >"$tmp/scrubbed"
catalogue >"$tmp/catalogue"
echo "$id" >"$tmp/id"
if rows_for 1 "$tmp/id"; then
	emit_object <"$tmp/chosen"
elif rows_for 2 "$tmp/id"; then
	emit <"$tmp/chosen" >"$tmp/whole"
	join_pieces
	awk '{ print $2 }' "$tmp/whole" >"$tmp/chunks"
	rows_for 1 "$tmp/chunks" ||
		die 4 "$(cat "$tmp/chosen"): chunk not found"
	emit_object <"$tmp/chosen"
elif rows_for "3 4 5 6 7" "$tmp/id"; then
	emit_checked <"$tmp/chosen" >"$tmp/whole"
	join_pieces
	cat "$tmp/whole"
elif [ -e "$tmp/damage" ]; then
	die 4 "$id: every copy is damaged"
else
	die 6 "$id: no such object"
fi
