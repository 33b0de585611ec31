#!/usr/bin/env bash
# valgrind.sh BUILD COMMAND... - put wrappers into BUILD/valgrind that run the
# commands of BUILD under valgrind.  An error or a leak is exit 99, which no
# test expects.
set -euo pipefail
build=$1
shift
command -v valgrind >/dev/null || {
	echo 'valgrind is not installed' >&2
	exit 1
}
mkdir -p "$build/valgrind"
for command in "$@"; do
	cat >"$build/valgrind/$command" <<-END
		#!/bin/sh
		exec valgrind -q --error-exitcode=99 --leak-check=full \\
			--errors-for-leak-kinds=definite '$build/$command' "\$@"
	END
	chmod +x "$build/valgrind/$command"
done
