#!/usr/bin/env bash
# valgrind.sh BUILD COMMAND... - put wrappers into BUILD/valgrind that run the
# commands of BUILD under valgrind.  An error or a leak is exit 99, which no
# test expects; what it was is in BUILD/valgrind/log, a file for each process.
# (On standard error it would be taken for the command's; valgrind also tells
# there that somebody closed a pipe.)
set -euo pipefail
build=$1
shift
command -v valgrind >/dev/null || {
	echo 'valgrind is not installed' >&2
	exit 1
}
rm -rf "$build/valgrind/log"
mkdir -p "$build/valgrind/log"
chmod 1777 "$build/valgrind/log" # some tests are another user for a while
for command in "$@"; do
	cat >"$build/valgrind/$command" <<-END
		#!/bin/sh
		exec valgrind -q --vgdb=no --read-inline-info=no \\
			--error-exitcode=99 --leak-check=full \\
			--errors-for-leak-kinds=definite \\
			--show-leak-kinds=definite \\
			--log-file='$build/valgrind/log/%p'.\$PPID \\
			'$build/$command' "\$@"
	END
	chmod +x "$build/valgrind/$command"
done
