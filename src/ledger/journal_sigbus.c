/*
 * journal_sigbus.c: a store into a mapped file can fail: the disk cannot give the page, or the file
 * was cut short by somebody. The kernel says so with SIGBUS. For a mapping of a journal the handler
 * puts a page of memory in its place, with what the page cache still has of it, and the store goes
 * on; the front is marked, its writer leaves it for the next one, and the ledger thread brings what
 * is in it to the segment as ever. Every other fault keeps its action.
 *
 * Runs on the thread that faulted, in the signal: system calls and atomics only.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARDS 4096

static struct guard {
	_Atomic(struct journal_front *) front;
	_Atomic uintptr_t from, to; /* 0, 0: free */
} guards[GUARDS];

static struct sigaction before;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uintptr_t page_bytes;

int journal_guard_add(struct journal_front *f)
{
	for (int i = 0; i < GUARDS; i++) {
		struct journal_front *none = NULL;

		if (!atomic_compare_exchange_strong(&guards[i].front, &none, f))
			continue;
		atomic_store(&guards[i].to, (uintptr_t)f->map + f->bytes);
		atomic_store(&guards[i].from, (uintptr_t)f->map);
		return i;
	}
	return -1;
}

void journal_guard_remove(struct journal_front *f)
{
	struct guard *g = &guards[f->guard];

	atomic_store(&g->from, 0);
	atomic_store(&g->to, 0);
	atomic_store(&g->front, NULL);
	f->guard = -1;
}

/* One page of memory in place of the file's, at once: a reader beside sees either. */
static int replace_page(const struct journal_front *f, uintptr_t page)
{
	char *p =
		mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	off_t at = (off_t)(page - (uintptr_t)f->map);

	if (p == MAP_FAILED)
		return -1;
	if (pread(f->fd, p, page_bytes, at) < 0) {
		/* nothing is left of it: zeros */
	}
	return mremap(p, page_bytes, page_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)page) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static bool handled(uintptr_t at)
{
	for (int i = 0; i < GUARDS; i++) {
		struct journal_front *f;

		if (at < atomic_load(&guards[i].from) || at >= atomic_load(&guards[i].to))
			continue;
		f = atomic_load(&guards[i].front);
		if (f == NULL || replace_page(f, at & ~(page_bytes - 1)) != 0)
			return false;
		atomic_store(&f->faulted, true);
		return true;
	}
	return false;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int error = errno;

	if (info->si_code > 0 && handled((uintptr_t)info->si_addr)) {
		errno = error;
		return;
	}
	errno = error;
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(sig, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(sig);
	else /* the instruction faults again, and that ends the process as it would have */
		(void)sigaction(SIGBUS, &before, NULL);
}

static void install(void)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction xfsz;

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&act.sa_mask);
	tg_assert(sigaction(SIGBUS, &act, &before) == 0);
	/* A limit on file sizes is an error like a full disk, not the process's end. */
	if (sigaction(SIGXFSZ, NULL, &xfsz) == 0 && xfsz.sa_handler == SIG_DFL)
		(void)signal(SIGXFSZ, SIG_IGN);
}

void journal_guard_install(void)
{
	(void)pthread_once(&once, install);
}
