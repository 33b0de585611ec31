# The gates of make lint, each fed a tree that it must refuse.
load helper

# A small tree that all gates accept.
tree() {
	mkdir -p tree/libcore tree/cmd tree/tests
	cd tree || return
	printf 'Rooms\n\n    low    the lower one\n    high   the upper one\n' >libcore/README
	printf '#ifndef LOW_H\n#define LOW_H\n#include <stddef.h>\nsize_t low(void);\n#endif\n' >libcore/low.h
	printf '#include "low.h"\n\nsize_t\nlow(void)\n{\n\treturn 1;\n}\n' >libcore/low.c
	printf '#ifndef HIGH_H\n#define HIGH_H\n#include "low.h"\n#endif\n' >libcore/high.h
	printf '#include "high.h"\n' >libcore/high.c
}

layers() { "$SRC/tests/layers.sh" .; }
functions() { "$SRC/tests/functions.sh" .; }
headers() { "$SRC/tests/headers.sh" .; }

@test "the gates accept a good tree" {
	tree
	layers
	functions
	headers
}

@test "layers.sh accepts this tree" {
	"$SRC/tests/layers.sh" "$SRC"
}

@test "layers.sh refuses a room that looks at one below it" {
	tree
	echo '#include "high.h"' >>libcore/low.c
	run -1 layers
	[ "$output" = 'libcore/low.c looks up at high.h: high stands below low in libcore/README' ]
}

@test "layers.sh takes ROOM-part files for files of their room" {
	tree
	printf '#include "high.h"\n' >libcore/low-part.c
	run -1 layers
	[ "$output" = 'libcore/low-part.c looks up at high.h: high stands below low in libcore/README' ]
}

@test "layers.sh refuses a room that the README does not list" {
	tree
	echo >libcore/third.h
	run -1 layers
	[ "$output" = 'libcore/third.h: libcore/README has no room third' ]
}

@test "layers.sh refuses a source without the header of its room" {
	tree
	rm libcore/high.h
	run -1 layers
	[ "$output" = 'libcore/high.c: there is no libcore/high.h
libcore/high.c includes high.h, which is not in libcore' ]
}

@test "layers.sh refuses a room that includes a header of the commands" {
	tree
	echo '#include "cli.h"' >>libcore/high.c
	echo >cmd/cli.h
	run -1 layers
	[ "$output" = 'libcore/high.c includes cli.h, which is not in libcore' ]
}

@test "layers.sh refuses printing, exiting and the environment in libcore" {
	tree
	for call in 'printf("x");' 'fputs("x", f);' 'x = stderr;' 'exit(1);' \
		'abort ();' 'getenv("HOME");' 'x = environ;'; do
		printf 'void f(void)\n{\n\t%s\n}\n' "$call" >>libcore/high.c
		run -1 layers
		[[ $output == 'libcore/high.c prints, exits or reads the environment:'* ]]
		printf '#include "high.h"\n' >libcore/high.c
	done
}

@test "layers.sh lets comments, strings and longer names be" {
	tree
	cat >>libcore/high.c <<-'END'
		/* exit(1) is not for us, nor is
		 * getenv("HOME") */
		const char *text = "printf(\"x\"); exit(1)";
		void f(void) { snprintf(b, 1, "a"); pthread_exit(0); buf_printf(b); }
	END
	layers
}

@test "layers.sh refuses a library in two rooms" {
	tree
	echo '#include <zstd.h>' >>libcore/low.c
	layers
	echo '#include <zstd_errors.h>' >>libcore/high.c
	run -1 layers
	[ "$output" = 'libcore/low.c includes <zstd.h>, but zstd belongs to high' ]
}

@test "layers.sh lets an engine have a library beside a room" {
	tree
	echo '    backend  engines' >>libcore/README
	echo '#include <sqlite3.h>' >>libcore/low.c
	echo >libcore/backend.h
	echo '#include <sqlite3.h>' >libcore/backend-sqlite.c
	layers
}

@test "layers.sh refuses a command that sees a library of libcore" {
	tree
	printf '#include <jansson.h>\n#include "low.h"\n' >cmd/a.c
	layers
	echo '#include <openssl/evp.h>' >>cmd/a.c
	run -1 layers
	[ "$output" = 'cmd/a.c includes <openssl/evp.h>: commands do not see libcrypto' ]
}

# body N: a function with N lines between its braces
body() {
	printf 'int\nf(void)\n{\n'
	yes '	g();' | head -n "$1"
	printf '}\n'
}

@test "functions.sh refuses a function of 101 lines" {
	tree
	body 100 >cmd/a.c
	functions
	body 101 >cmd/a.c
	run -1 functions
	[ "${lines[0]}" = 'cmd/a.c:3: a function of 101 lines' ]
}

@test "functions.sh accepts a long function that says why right above" {
	tree
	{ printf '/* long: one line a state of the machine */\n'; body 101; } >cmd/a.c
	functions
}

@test "functions.sh takes a reason for the function below it only" {
	tree
	{ printf '/* long: all the states */\n'; body 101; body 102; } >cmd/a.c
	run -1 functions
	[ "${lines[0]}" = 'cmd/a.c:109: a function of 102 lines' ]
	{ printf '/* long: far away */\n\n'; body 101; } >cmd/a.c
	run -1 functions
	[ "${lines[0]}" = 'cmd/a.c:5: a function of 101 lines' ]
}

@test "functions.sh refuses a file of 601 lines without a reason" {
	tree
	yes '' | head -n 600 >cmd/a.h
	functions
	echo >>cmd/a.h
	run -1 functions
	[ "${lines[0]}" = 'cmd/a.h: 601 lines; split it, or give a reason in tests/long-files' ]
	echo 'cmd/a.h a table' >tests/long-files
	functions
}

@test "functions.sh refuses a reason that is no longer needed" {
	tree
	echo 'libcore/low.c was long' >tests/long-files
	run -1 functions
	[ "${lines[0]}" = 'libcore/low.c: no longer long; take it out of tests/long-files' ]
}

@test "functions.sh refuses a tree without code" {
	mkdir -p libcore
	run -1 functions
}

@test "headers.sh refuses a header that needs another one first" {
	tree
	sed -i '/stddef/d' libcore/low.h
	run -1 headers
	[[ $output == *'libcore/low.h does not compile alone'* ]]
}

@test "headers.sh refuses a header without a guard" {
	tree
	echo 'struct s { int a; };' >libcore/low.h
	run -1 headers
	[[ $output == *'libcore/low.h does not compile alone'* ]]
}

# promises: a line for each in blk.7, with how many tests it names, and a line
# for each test, "FILE: NAME".
promises() {
	awk '
		/^\.Sh/ { on = $0 == ".Sh PROMISES"; next }
		!on { next }
		/^\.It$/ || /^\.El$/ { if (n++) print "promise", n - 1, named; named = 0 }
		/^tests\// { named++; print }
	' "$SRC/man/blk.7"
}

@test "each promise in the manual names tests, and these are there" {
	local line file

	promises >promises
	[ "$(grep -c '^promise' promises)" -ge 10 ]
	while read -r line; do
		case $line in
		'promise '*' 0') fail "${line% 0} names no test" ;;
		promise*) continue ;;
		esac
		file=${line%%: *}
		case $file in
		*.bats) grep -qxF "@test \"${line#*: }\" {" "$SRC/$file" ;;
		*) tr -d ' \t\n' <"$SRC/$file" |
			grep -qF "cmocka_unit_test(${line#*: })" ;;
		esac || fail "no test $line"
	done <promises
}
