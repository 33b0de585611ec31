/*
 * heap.h - how a program's heap grows.
 *
 * All threads share it, and it keeps what it is given back: a heap of a
 * thread's own grows by a call a page.  A page that is had anew costs a fault,
 * so the first 64 MiB are had at once, as address space, and asked for in huge
 * pages; what lies before the first of these is passed over, so that the
 * hundred pages of a short command are one.  Where there are no huge pages, or
 * there is no such room, all is as without.  What is large comes from there,
 * too, while it fits, and is mapped after that.
 */
#ifndef HEAP_H
#define HEAP_H

/* Once, before the program has asked for memory itself. */
void heap_settle(void);

#endif
