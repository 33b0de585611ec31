#!/usr/bin/env bash
# layers.sh [TREE] - the walls between the rooms of libcore:
#
#   a room includes only rooms that libcore/README lists above it;
#   libcore never prints, exits, or reads its arguments or the environment;
#   the types of one library stay in one room.
#
# Prints each breach; exit 1 if there was one.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

bad=0
breach() {
	printf '%s\n' "$*"
	bad=1
}

# Room -> its place, from the lines "    room  what it is".
declare -A place
n=0
while read -r room; do
	n=$((n + 1))
	place[$room]=$n
done < <(sed -n 's/^ \{4\}\([a-z]\{1,\}\) .*/\1/p' libcore/README)
if [ "$n" -eq 0 ]; then
	breach 'libcore/README lists no rooms'
fi

room_of() { # FILE: libcore/codec-zstd.c is in codec
	local name=${1##*/}
	printf '%s' "${name%%[-.]*}"
}

includes() { # FILE: what it includes, <a> and "b"
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]+([<"][^>"]+[>"]).*/\1/p' "$1"
}

# Code alone: comments and what stands in quotes are blanked, lines kept.
code() {
	awk '{
		out = ""; line = $0
		while (line != "") {
			if (comment) {
				i = index(line, "*/")
				if (i == 0) break
				line = substr(line, i + 2); comment = 0
			} else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\x27([^\x27\\]|\\.)*\x27/)) {
				hit = substr(line, RSTART, RLENGTH)
				out = out substr(line, 1, RSTART - 1) " "
				line = substr(line, RSTART + RLENGTH)
				if (hit == "/*") comment = 1
				else if (hit == "//") break
			} else {
				out = out line; break
			}
		}
		print FNR ": " out
	}' "$1"
}

look_up() { # FILE ROOM "HEADER.h"
	local target=${3#\"}
	local room

	target=${target%\"}
	room=$(room_of "$target")
	if [ ! -e "libcore/$target" ]; then
		breach "$1 includes $target, which is not in libcore"
	elif [ -z "${place[$room]:-}" ]; then
		breach "$1 includes $target: libcore/README has no room $room"
	elif [ "${place[$room]}" -gt "${place[$2]}" ]; then
		breach "$1 looks up at $target: $room stands below $2 in libcore/README"
	fi
}

# Library header (a glob) -> the library.  Each belongs to one room.
library() {
	case $1 in
	'<sqlite3'*) echo sqlite ;;
	'<openssl/'*) echo libcrypto ;;
	'<archive'*) echo libarchive ;;
	'<zstd'* | '<zdict'*) echo zstd ;;
	'<lz4'*) echo lz4 ;;
	'<zlib'* | '<zconf'*) echo zlib ;;
	'<xxh'*) echo xxhash ;;
	'<jansson'*) echo jansson ;;
	esac
}

# An engine is a wall of its own: backend-sqlite.c may have SQLite beside
# the index.
wall_of() {
	case $1 in
	libcore/backend-*) printf '%s' "$1" ;;
	*) room_of "$1" ;;
	esac
}

declare -A owner
own() { # FILE <HEADER>
	local lib wall

	lib=$(library "$2")
	[ -n "$lib" ] || return 0
	wall=$(wall_of "$1")
	case $wall in
	libcore/backend-*) return 0 ;;
	esac
	if [ "${owner[$lib]:=$wall}" != "$wall" ]; then
		breach "$1 includes $2, but $lib belongs to ${owner[$lib]}"
	fi
}

words='printf|fprintf|vprintf|vfprintf|dprintf|vdprintf|puts|fputs|putchar|putc|fputc|perror|psignal|syslog|exit|_exit|_Exit|quick_exit|abort|getenv|secure_getenv|setenv|putenv|atexit'

LC_ALL=C
shopt -s nullglob
for file in libcore/*.[ch]; do
	room=$(room_of "$file")
	if [ -z "${place[$room]:-}" ]; then
		breach "$file: libcore/README has no room $room"
		continue
	fi
	if [ ! -e "libcore/$room.h" ]; then
		breach "$file: there is no libcore/$room.h"
	fi
	while read -r header; do
		case $header in
		'"'*) look_up "$file" "$room" "$header" ;;
		*) own "$file" "$header" ;;
		esac
	done < <(includes "$file")
	if said=$(code "$file" |
		grep -E "\\b($words)[[:space:]]*\\(|\\b(stdin|stdout|stderr|environ|program_invocation_(short_)?name)\\b"); then
		breach "$file prints, exits or reads the environment:"$'\n'"$said"
	fi
done

# Commands see libcore, not the libraries below it; JSON is theirs.
for file in cmd/*.[ch]; do
	while read -r header; do
		lib=$(library "$header")
		case $lib in
		'' | jansson) ;;
		*) breach "$file includes $header: commands do not see $lib" ;;
		esac
	done < <(includes "$file")
done
exit "$bad"
