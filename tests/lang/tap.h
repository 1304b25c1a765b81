/* Test Anything Protocol for the tests of this folder. */
#ifndef NSL_TESTS_LANG_TAP_H
#define NSL_TESTS_LANG_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

static inline __attribute__((format(printf, 2, 3))) void tap_ok(bool good, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  printf("%sok %d - ", good ? "" : "not ", ++tap_count);
  vprintf(fmt, args);
  printf("\n");
  va_end(args);
  tap_failed += !good;
}

static inline int tap_done(void) {
  printf("1..%d\n", tap_count);
  return tap_failed != 0;
}

#endif
