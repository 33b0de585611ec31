/*
 * The bytes of an archive, and what libarchive makes of them.
 */
#include "archives-input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 20)

bool
archives_stopped(const struct archives_import_options *o)
{
	return o->stop != NULL && o->stop(o->arg);
}

static const char *
file_name(const struct archives_input *in)
{
	return in->o->file != NULL ? in->o->file : in->o->path;
}

/* A damaged archive: what libarchive says.  One that could not be read, or
 * held, is not known to be damaged. */
enum blk_status
archives_input_fault(const struct archives_input *in, struct fault *why)
{
	if (in->unread != 0) {
		errno = in->unread;
		return fault_sys(why, "%s: read", file_name(in));
	}
	if (archive_errno(in->a) == ENOMEM)
		return fault_nomem(why);
	/* It says nothing where bytes that must come are not there. */
	if (archive_error_string(in->a) == NULL)
		return fault(why, BLK_INVALID, "it ends too early");
	return archives_fault(in->a, BLK_INVALID, why);
}

/*
 * Names in zip archives may be in several alphabets and are converted; those
 * in the others are bytes, which libarchive hands on as they are, without
 * what it calls normalizing, only where the locale has no alphabet for them.
 */
static void
choose_locale(struct archives_input *in, size_t len)
{
	bool zip = len >= 2 && memcmp(in->block, "PK", 2) == 0;

	archives_locale_enter(&in->locale, zip ? "C.UTF-8" : "C");
	in->begun = true;
}

static size_t
without_zeros(const uint8_t *p, size_t len)
{
	while (len > 0 && p[len - 1] == 0)
		len--;
	return len;
}

static void
note_used(struct archives_input *in, size_t len)
{
	len = without_zeros(in->block, len);
	if (len > 0 && in->at + len > in->used)
		in->used = in->at + len;
}

static la_ssize_t
read_block(struct archive *a, void *arg, const void **block)
{
	struct archives_input *in = arg;
	ssize_t n;

	do
		n = read(in->fd, in->block, READ_SIZE);
	while (n == -1 && errno == EINTR && !archives_stopped(in->o));
	if (n == -1) {
		in->unread = errno;
		archive_set_error(a, errno, "read");
		return -1;
	}
	if (!in->begun)
		choose_locale(in, (size_t)n);
	if (!in->any)
		note_used(in, (size_t)n);
	in->at += (uint64_t)n;
	*block = in->block;
	return n;
}

/*
 * What a member of a zip is stands in a list at the end alone.  Other formats
 * are read as they come, from a file too.
 */
static la_int64_t
seek_to(struct archive *a, void *arg, la_int64_t offset, int whence)
{
	struct archives_input *in = arg;
	off_t at;

	if (whence == SEEK_SET)
		offset += in->base;
	at = lseek(in->fd, offset, whence);
	if (at < in->base) {
		archive_set_error(a, at == -1 ? errno : EINVAL, "seek");
		return ARCHIVE_FATAL;
	}
	in->sought = true;
	in->at = (uint64_t)(at - in->base);
	return at - in->base;
}

static void
find_base(struct archives_input *in)
{
	struct stat st;

	in->base = -1;
	if (fstat(in->fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		in->base = lseek(in->fd, 0, SEEK_CUR);
}

/*
 * libarchive may seek in what begins as a zip alone: it takes the end of a zip
 * in the last 16 KiB of anything else for that of all, and does not see that
 * a tar ends where it seeks to.
 */
static bool
begins_as_zip(const struct archives_input *in)
{
	char begin[2];

	return in->base != -1 &&
	    pread(in->fd, begin, sizeof(begin), in->base) ==
	    (ssize_t)sizeof(begin) &&
	    memcmp(begin, "PK", sizeof(begin)) == 0;
}

/* WARN: it would run a program for a format that it was built without. */
static bool
support_filters(struct archive *a)
{
	return archive_read_support_filter_gzip(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_bzip2(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_compress(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_xz(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_lzma(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_lz4(a) >= ARCHIVE_WARN &&
	    archive_read_support_filter_zstd(a) >= ARCHIVE_WARN;
}

enum blk_status
archives_input_open(struct archives_input *in, struct fault *why)
{
	struct archive *a = in->a = archive_read_new();

	in->block = malloc(READ_SIZE);
	if (a == NULL || in->block == NULL)
		return fault_nomem(why);
	find_base(in);
	if (!support_filters(a) ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_format_cpio(a) != ARCHIVE_OK ||
	    (in->o->zip && archive_read_support_format_zip(a) < ARCHIVE_WARN) ||
	    (in->o->zip && begins_as_zip(in) &&
	        archive_read_set_seek_callback(a, seek_to) != ARCHIVE_OK) ||
	    archive_read_open(a, in, NULL, read_block, NULL) != ARCHIVE_OK)
		return archives_input_fault(in, why);
	return BLK_OK;
}

void
archives_input_close(struct archives_input *in)
{
	if (in->a != NULL)
		(void)archive_read_free(in->a);
	archives_locale_leave(&in->locale);
	free(in->block);
}

static int
format_of(const struct archives_input *in)
{
	return archive_format(in->a) & ARCHIVE_FORMAT_BASE_MASK;
}

/*
 * RETRY: a header that its checksum does not fit.  What comes behind could be
 * looked for, but would leave out members that nobody knows of.  WARN: a cpio
 * archive has bytes between its members; in others it is about one property
 * of a member.
 */
static bool
is_damage(const struct archives_input *in, int result)
{
	return result == ARCHIVE_FATAL || result == ARCHIVE_FAILED ||
	    result == ARCHIVE_RETRY ||
	    (result == ARCHIVE_WARN && format_of(in) == ARCHIVE_FORMAT_CPIO);
}

static enum blk_status
no_archive(struct fault *why)
{
	return fault(why, BLK_INVALID, "no archive that is known");
}

/* Of the bytes as they are: are those behind end zero? */
static enum blk_status
check_plain(struct archives_input *in, uint64_t end, struct fault *why)
{
	const void *block;
	la_ssize_t n = 1;

	while (n > 0 && in->used <= end) {
		if (archives_stopped(in->o))
			return fault(why, BLK_BUSY, "stopped");
		n = read_block(in->a, in, &block);
	}
	if (n < 0)
		return archives_input_fault(in, why);
	return in->used <= end ? BLK_OK : no_archive(why);
}

/* To see what comes of the compressed bytes, from the beginning again. */
static enum blk_status
open_raw(struct archives_input *in, struct fault *why)
{
	struct archive_entry *n;

	(void)archive_read_free(in->a);
	in->a = archive_read_new();
	if (in->a == NULL)
		return fault_nomem(why);
	if (lseek(in->fd, in->base, SEEK_SET) == -1)
		return fault_sys(why, "%s: seek", file_name(in));
	if (!support_filters(in->a) ||
	    archive_read_support_format_raw(in->a) != ARCHIVE_OK ||
	    archive_read_open(in->a, in, NULL, read_block, NULL) !=
	        ARCHIVE_OK ||
	    archive_read_next_header(in->a, &n) != ARCHIVE_OK)
		return archives_input_fault(in, why);
	return BLK_OK;
}

static enum blk_status
check_unpacked(struct archives_input *in, uint64_t end, struct fault *why)
{
	enum blk_status st = open_raw(in, why);

	while (st == BLK_OK) {
		const void *data;
		la_int64_t at;
		size_t len;
		int result = archive_read_data_block(in->a, &data, &len, &at);

		if (result == ARCHIVE_EOF)
			break;
		if (result != ARCHIVE_OK)
			return archives_input_fault(in, why);
		len = without_zeros(data, len);
		if (archives_stopped(in->o))
			st = fault(why, BLK_BUSY, "stopped");
		else if (len > 0 && (uint64_t)at + len > end)
			st = no_archive(why);
	}
	return st;
}

/*
 * Zeros are a tar without members, and images of disks may begin with as
 * many: then something comes behind them.  What is compressed can only be
 * looked at again for that, which a pipe does not allow.
 */
static enum blk_status
check_empty(struct archives_input *in, struct fault *why)
{
	uint64_t end = (uint64_t)archive_filter_bytes(in->a, 0);

	if (archive_filter_bytes(in->a, -1) == 0) /* an archive to libarchive */
		return fault(why, BLK_INVALID, "it is empty");
	if (format_of(in) != ARCHIVE_FORMAT_TAR)
		return BLK_OK;
	if (archive_filter_code(in->a, 0) == ARCHIVE_FILTER_NONE)
		return check_plain(in, end, why);
	return in->base != -1 ? check_unpacked(in, end, why) : BLK_OK;
}

enum blk_status
archives_input_next(
    struct archives_input *in, struct archive_entry **n, struct fault *why)
{
	int result;

	in->sought = false;
	result = archive_read_next_header(in->a, n);
	if (is_damage(in, result))
		return archives_input_fault(in, why);
	if (result == ARCHIVE_EOF) {
		*n = NULL;
		return in->any ? BLK_OK : check_empty(in, why);
	}
	/* Ahead of the first member it reads the list, if it can. */
	if (!in->any)
		in->blind = format_of(in) == ARCHIVE_FORMAT_ZIP && !in->sought;
	in->any = true;
	return BLK_OK;
}
