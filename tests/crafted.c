/*
 * crafted - puts what no command would write into a store.
 *
 *	crafted STORE NAME KIND FILE [KIND FILE]...
 *
 * The bytes of each file, as they are, become an object of that kind (data,
 * tree, snapshot), all in one segment; the last one becomes a version of
 * NAME.  What refers to what is the caller's affair, but for what a commit
 * makes sure of.
 */
#include <err.h>
#include <stdio.h>

#include "unit/reader-store.h"

static const struct {
	const char *word;
	enum kind kind;
	enum class class;
} kinds[] = {
	{ "data", KIND_DATA, CLASS_CONTENT },
	{ "tree", KIND_TREE, CLASS_TREE },
	{ "snapshot", KIND_SNAPSHOT, CLASS_SNAPSHOT },
};

static size_t
find_kind(const char *word)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return i;
	errx(1, "%s: no kind", word);
}

static struct digest
add_file(struct shop *p, enum kind kind, const char *path)
{
	static char data[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL)
		err(1, "%s", path);
	len = fread(data, 1, sizeof(data), f);
	if (ferror(f) || !feof(f))
		errx(1, "%s: unreadable, or too large", path);
	fclose(f);
	return shop_add(p, kind, data, len);
}

int
main(int argc, char *argv[])
{
	struct digest id;
	struct shop p;
	size_t k = 0;

	if (argc < 5 || argc % 2 == 0)
		errx(1, "usage: crafted STORE NAME KIND FILE [KIND FILE]...");
	shop_open_indexed(&p, argv[1]);
	for (int i = 3; i < argc; i += 2) {
		k = find_kind(argv[i]);
		id = add_file(&p, kinds[k].kind, argv[i + 1]);
		shop_end_frame(&p);
	}
	(void)shop_finish(&p, argv[2], kinds[k].class, &id);
	shop_close(&p);
	return 0;
}
