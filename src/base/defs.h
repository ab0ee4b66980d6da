/*
 * defs.h: compiler attributes, object magic and the assertion that stays on in production.
 * Every other file may include this one; it includes nothing of ours.
 */
#ifndef TG_BASE_DEFS_H
#define TG_BASE_DEFS_H

#include <stddef.h>
#include <stdint.h>

#define TG_MUST_CHECK                      __attribute__((warn_unused_result))
#define TG_PRINTF(f, a)                    __attribute__((format(printf, f, a)))
#define TG_LIKELY(e)                       __builtin_expect(!!(e), 1)
#define TG_UNLIKELY(e)                     __builtin_expect(!!(e), 0)
#define TG_ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define TG_CACHE_LINE                      64
#define TG_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The smaller, the larger of two. Each is looked at once: what other threads change is the same in
 * the comparison and in its result. */
#define TG_MIN(a, b)          TG_PICK_(a, <, b, __COUNTER__)
#define TG_MAX(a, b)          TG_PICK_(a, >, b, __COUNTER__)
#define TG_PICK_(a, is, b, n) TG_PICK__(a, is, b, n)
#define TG_PICK__(a, is, b, n)                              \
	__extension__({                                     \
		__typeof__(1 ? (a) : (b)) tg_a_##n = (a);   \
		__typeof__(1 ? (a) : (b)) tg_b_##n = (b);   \
		tg_a_##n is tg_b_##n ? tg_a_##n : tg_b_##n; \
	})

/* 1 when compiled with AddressSanitizer: allocators step aside so that it sees every object. */
#if defined(__SANITIZE_ADDRESS__)
#define TG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TG_ASAN 1
#endif
#endif
#ifndef TG_ASAN
#define TG_ASAN 0
#endif

/*
 * Print "panic: ..." with file and line to standard error, then whatever the panic hook adds
 * (the request being worked on), then abort(). Never reached by anything a peer can send.
 */
_Noreturn void tg_panic(const char *file, int line, const char *what);

/* Called by tg_panic before abort(); set once at start by the engine. May be NULL. */
extern void (*tg_panic_hook)(void);

#define tg_assert(e) ((void)(TG_LIKELY(e) || (tg_panic(__FILE__, __LINE__, #e), 0)))

/* Long-lived structs begin with `unsigned magic`; functions check it at entry. */
#define INIT_OBJ(o, m)  (__builtin_memset((o), 0, sizeof *(o)), (void)((o)->magic = (m)))
#define CHECK_OBJ(o, m) tg_assert((o) != NULL && (o)->magic == (m))
#define FINI_OBJ(o)     ((void)((o)->magic = 0))

#endif
