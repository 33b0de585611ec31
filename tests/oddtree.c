/*
 * oddtree - makes a tree of everything that a backup must bring back.
 *
 *	oddtree DIR [PART...]
 *
 * DIR must not exist.  Parts: names sizes types links sparse attributes modes
 * times dirs; deep (longer than paths may be: few tools can follow) and many
 * (a directory of 200 000 entries) only when they are named.  The same call
 * makes the same tree again, byte by byte and time by time.  What cannot be
 * made here, for want of rights or of the file system, is said on stdout,
 * a line "skipped: WHAT" each.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIME 1700000000
#define DEEP 50
#define MANY 200000

static int at; /* the directory that is being filled */

static void
must(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

static void
may(int result, const char *what)
{
	if (result != 0)
		printf("skipped: %s: %s\n", what, strerror(errno));
}

static void
set_time(const char *name, time_t seconds, long ns)
{
	struct timespec t[2] = { { seconds, ns }, { seconds, ns } };

	must(utimensat(at, name, t, AT_SYMLINK_NOFOLLOW) == 0, name);
}

/* Bytes that no compressor likes, the same each time. */
static void
fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

static int
create(const char *name)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(fd >= 0, name);
	return fd;
}

static void
file(const char *name, const void *data, size_t len)
{
	int fd = create(name);

	must(write(fd, data, len) == (ssize_t)len, name);
	close(fd);
	set_time(name, TIME, 123456789);
}

static void
text(const char *name)
{
	file(name, name, strlen(name));
}

static void
dir(const char *name)
{
	must(mkdirat(at, name, 0755) == 0, name);
}

/*
 * --- the parts ---
 */

static void
names(void)
{
	static const char *const odd[] = { " ", " lead", "trail ", "tab\t",
		"line\nbreak", "\n", "-rf", "--", "*", "?", "[a]", "%", "%41",
		"a%20b", "=", "a=b", "xattr:user.a=b", "\\", "'", "\"", "$HOME",
		"`id`", "~", "#", "!", ";", "...", "..a", ".hidden", "\x7f",
		"\x1b[31mred", "\xff\xfe", "\xc3\xa4", "a\xcc\x88", "\xc0\xaf",
		"\xed\xa0\x80", "CON", "aux.txt", "a", "A", "a.b", "a b",
		"a0" };
	char name[256] = "x?", longest[256];

	for (size_t i = 0; i < COUNT(odd); i++)
		text(odd[i]);
	for (int c = 1; c < 256; c++) {
		name[1] = (char)c;
		if (c != '/')
			text(name);
	}
	memset(longest, 'n', 255);
	longest[255] = '\0';
	text(longest);
	memset(longest, '\n', 254); /* 764 bytes when it is escaped */
	text(longest);
}

static void
sizes(void)
{
	static const size_t rows[] = { 0, 1, 2, 4095, 4096, 4097, 65535, 65536,
		65537, 1 << 20, (1 << 20) + 1, 5000000 };
	uint8_t *data = malloc(5000000);
	char name[32];

	must(data != NULL, "memory");
	for (size_t i = 0; i < COUNT(rows); i++) {
		fill(data, rows[i], rows[i]);
		snprintf(name, sizeof(name), "noise-%zu", rows[i]);
		file(name, data, rows[i]);
		memset(data, 'z', rows[i]);
		snprintf(name, sizeof(name), "same-%zu", rows[i]);
		file(name, data, rows[i]);
	}
	free(data);
}

static void
symlinks(void)
{
	static const char *const rows[][2] = { { "dangling", "no/such/file" },
		{ "loop", "loop" }, { "up", ".." }, { "absolute", "/" },
		{ "odd", "a\nb c%\xff" }, { "slashes", "a//b/./c/" } };
	char longest[4096];

	for (size_t i = 0; i < COUNT(rows); i++) {
		must(symlinkat(rows[i][1], at, rows[i][0]) == 0, rows[i][0]);
		set_time(rows[i][0], TIME, 7);
	}
	memset(longest, 't', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	may(symlinkat(longest, at, "longest"), "a link of 4095 bytes");
	if (faccessat(at, "longest", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		set_time("longest", TIME, 7);
}

static void
make_socket(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	must(fd >= 0 && fchdir(at) == 0, "socket");
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
	must(
	    bind(fd, (const struct sockaddr *)(const void *)&a, sizeof(a)) == 0,
	    "socket");
	close(fd);
}

static void
types(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned major, minor;
	} devices[] = { { "char", S_IFCHR | 0666, 1, 3 },
		{ "block", S_IFBLK | 0660, 7, 1000 },
		{ "char-large", S_IFCHR | 0600, 511, 1048575 } };

	must(mkfifoat(at, "fifo", 0640) == 0, "fifo");
	set_time("fifo", TIME, 1);
	make_socket("socket");
	symlinks();
	for (size_t i = 0; i < COUNT(devices); i++) {
		int bad = mknodat(at, devices[i].name, devices[i].mode,
		    makedev(devices[i].major, devices[i].minor));

		may(bad, devices[i].name);
		if (bad == 0)
			set_time(devices[i].name, TIME, 2);
	}
}

/* The first link in the tree is not the first that is met in a directory. */
static void
links(void)
{
	dir("a");
	dir("z");
	text("m");
	must(linkat(at, "m", at, "a/first", 0) == 0, "link");
	must(linkat(at, "m", at, "a/second", 0) == 0, "link");
	must(linkat(at, "m", at, "z/last\n", 0) == 0, "link");
	text("pair-1");
	must(linkat(at, "pair-1", at, "pair-2", 0) == 0, "link");
	must(symlinkat("m", at, "symlink") == 0, "symlink");
	may(linkat(at, "symlink", at, "symlink-too", 0), "link to a symlink");
	set_time("symlink", TIME, 0);
	must(mkfifoat(at, "fifo", 0600) == 0, "fifo");
	may(linkat(at, "fifo", at, "fifo-too", 0), "link to a fifo");
	set_time("fifo", TIME, 0);
	set_time("a", TIME, 0);
	set_time("z", TIME, 0);
}

static void
hole_file(const char *name, off_t size, const off_t *data, size_t count)
{
	uint8_t block[4096];
	int fd = create(name);

	must(ftruncate(fd, size) == 0, name);
	for (size_t i = 0; i < count; i++) {
		fill(block, sizeof(block), (uint64_t)i + 1);
		must(pwrite(fd, block, sizeof(block), data[i]) ==
		        (ssize_t)sizeof(block),
		    name);
	}
	close(fd);
	set_time(name, TIME, 3);
}

static void
sparse(void)
{
	const off_t three[] = { 0, 5 << 20, (20 << 20) - 4096 };
	const off_t inner[] = { 1 << 20 }, unaligned[] = { 1000001 };

	hole_file("three-extents", 20 << 20, three, COUNT(three));
	hole_file("only-a-hole", 16 << 20, NULL, 0);
	hole_file("hole-at-both-ends", 8 << 20, inner, 1);
	hole_file("unaligned", 3000003, unaligned, 1);
	hole_file("large", (off_t)1 << 34, inner, 1);
}

static void
attribute(const char *name, const char *key, const void *value, size_t len)
{
	int fd = openat(at, name, O_RDONLY);

	must(fd >= 0, name);
	may(fsetxattr(fd, key, value, len, 0), key);
	close(fd);
}

static void
attributes(void)
{
	/* u::rwx,u:1000:r--,g::r-x,g:7:rw-,m::rwx,o::--- */
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255,
		255, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255,
		8, 0, 6, 0, 7, 0, 0, 0, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0,
		0, 0, 255, 255, 255, 255 };
	/* cap_net_raw=ep */
	static const uint8_t capability[] = { 1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t large[2000];

	fill(large, sizeof(large), 1);
	text("user");
	attribute("user", "user.plain", "value", 5);
	attribute("user", "user.empty", "", 0);
	attribute("user", "user.odd =%\n", "a\0b\n %", 6);
	attribute("user", "user.large", large, sizeof(large));
	text("acl");
	attribute("acl", "system.posix_acl_access", acl, sizeof(acl));
	dir("acl-dir");
	attribute("acl-dir", "system.posix_acl_access", acl, sizeof(acl));
	attribute("acl-dir", "system.posix_acl_default", acl, sizeof(acl));
	attribute("acl-dir", "user.dir", "d", 1);
	text("acl-dir/inherits");
	text("capability");
	attribute("capability", "security.capability", capability,
	    sizeof(capability));
	if (geteuid() == 0)
		attribute("user", "trusted.root", "only", 4);
	set_time("acl-dir", TIME, 0);
}

static void
modes(void)
{
	static const mode_t rows[] = { 0000, 0001, 0222, 0400, 0444, 0600, 0755,
		0777, 01644, 02755, 04755, 06711, 07777 };
	char name[32];

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(name, sizeof(name), "%04o", (unsigned)rows[i]);
		text(name);
		if (geteuid() == 0 && i % 2 == 1)
			must(fchownat(at, name, 12345, 54321, 0) == 0, name);
		must(fchmodat(at, name, rows[i], 0) == 0, name);
	}
}

static void
times(void)
{
	static const struct {
		const char *name;
		time_t seconds;
		long ns;
	} rows[] = { { "zero", 0, 0 }, { "one-ns", 0, 1 },
		{ "before-1970", -1, 999999999 }, { "1910", -1893456000, 1 },
		{ "nines", 1699999999, 999999999 }, { "2038", 2147483648, 0 },
		{ "2106", 4294967296, 5 }, { "2200", 7258118400, 0 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		text(rows[i].name);
		set_time(rows[i].name, rows[i].seconds, rows[i].ns);
	}
	dir("dir");
	set_time("dir", -1, 1);
}

static void
dirs(void)
{
	static const char *const made[] = { "empty", "sticky", "setgid", "wide",
		"a/b/c", "a/b", "a" };
	char name[32];

	dir("empty");
	dir("sticky");
	must(fchmodat(at, "sticky", 01777, 0) == 0, "sticky");
	dir("setgid");
	must(fchmodat(at, "setgid", 02750, 0) == 0, "setgid");
	dir("read-only");
	text("read-only/file");
	set_time("read-only", TIME, 0);
	must(fchmodat(at, "read-only", 0555, 0) == 0, "read-only");
	dir("wide");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "wide/%d", i);
		text(name);
	}
	dir("a");
	dir("a/b");
	dir("a/b/c");
	text("a/b/c/d");
	text("a.file"); /* sorts behind a, before what is in it as a path */
	for (size_t i = 0; i < COUNT(made); i++)
		set_time(made[i], TIME, 0);
}

static void
deep(void)
{
	struct timespec t[2] = { { TIME, 0 }, { TIME, 0 } };
	int above[DEEP + 1];
	char name[201];

	memset(name, 'd', 200);
	name[200] = '\0';
	above[0] = at;
	for (int i = 0; i < DEEP; i++) {
		must(mkdirat(above[i], name, 0755) == 0, "deep");
		above[i + 1] = openat(above[i], name, O_RDONLY | O_DIRECTORY);
		must(above[i + 1] >= 0, "deep");
	}
	at = above[DEEP];
	text("bottom");
	at = above[0];
	for (int i = DEEP; i > 0; i--) {
		must(futimens(above[i], t) == 0, "deep");
		close(above[i]);
	}
}

static void
many(void)
{
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "entry-%d", i);
		file(name, name, i % 3 == 0 ? strlen(name) : 0);
	}
}

static const struct {
	const char *name;
	void (*make)(void);
	bool only_named;
} parts[] = {
	{ "names", names, false },
	{ "sizes", sizes, false },
	{ "types", types, false },
	{ "links", links, false },
	{ "sparse", sparse, false },
	{ "attributes", attributes, false },
	{ "modes", modes, false },
	{ "times", times, false },
	{ "dirs", dirs, false },
	{ "deep", deep, true },
	{ "many", many, true },
};

static bool
is_wanted(size_t part, char *const *named)
{
	if (*named == NULL)
		return !parts[part].only_named;
	for (; *named != NULL; named++)
		if (strcmp(*named, parts[part].name) == 0)
			return true;
	return false;
}

/* The part in a directory of its name, which gets its time at the end. */
static void
make(int top, size_t part)
{
	const char *name = parts[part].name;

	must(mkdirat(top, name, 0755) == 0, name);
	at = openat(top, name, O_RDONLY | O_DIRECTORY);
	must(at >= 0, name);
	parts[part].make();
	close(at);
	at = top;
	set_time(name, TIME, 0);
}

int
main(int argc, char *argv[])
{
	int top = -1;

	if (argc < 2) {
		fprintf(stderr, "usage: oddtree DIR [PART...]\n");
		return 2;
	}
	umask(022);
	must(mkdir(argv[1], 0755) == 0, argv[1]);
	top = open(argv[1], O_RDONLY | O_DIRECTORY);
	must(top >= 0, argv[1]);
	for (size_t i = 0; i < COUNT(parts); i++)
		if (is_wanted(i, argv + 2))
			make(top, i);
	at = top;
	set_time(".", TIME, 0);
	close(top);
	return 0;
}
