/* How the runtime fails: a function returns 0 or a negative NSL_E* code (nsl.h) after rt_fail has kept the
 * message, one for each thread. */
#ifndef NSL_RUNTIME_ERROR_H
#define NSL_RUNTIME_ERROR_H

#include "runtime/nsl.h"

/* Keeps the message and returns the code. A place ("f.nsl:12:3") begins the text as "f.nsl:12:3: …". */
__attribute__((format(printf, 2, 3))) int rt_fail(int code, const char *fmt, ...);
/* The same with a place that may be NULL. */
__attribute__((format(printf, 3, 4))) int rt_fail_at(int code, const char *place, const char *fmt, ...);
/* What a value is that should be a finite number, and where such a thing comes from. */
const char *rt_not_finite(double value);
const char *rt_error(void);
/* Takes over a whole message of another thread. */
int rt_fail_again(int code, const char *text);

#endif
