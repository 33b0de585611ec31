#include "heap.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "bytes.h"

#define HEAP ((size_t)64 << 20)
#define HEAP_STEP ((size_t)1 << 20)  /* so it grows from there on */
#define HEAP_HAD ((size_t)256 << 10) /* what libraries had of it, at most */
#define MARGIN 64 /* bytes of malloc's own about a block, at most */

static void *volatile passed_over[2];

void
heap_settle(void)
{
	uintptr_t end, huge;
	size_t len;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TOP_PAD, HEAP);
	passed_over[0] = malloc(HEAP_HAD);
	mallopt(M_TOP_PAD, HEAP_STEP);
	end = (uintptr_t)passed_over[0] + HEAP_HAD;
	len = (uintptr_t)sbrk(0) - end;
	if (passed_over[0] == NULL || len < HEAP / 2 || len > 2 * HEAP)
		return; /* another malloc, or no room */
	bytes_in_huge_pages((void *)end, len);
	huge = (end + 2 * MARGIN + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	passed_over[1] = malloc(huge - end - MARGIN);
}
