/* Test Anything Protocol for the tests of this folder. */
#ifndef NSL_TESTS_MATH_TAP_H
#define NSL_TESTS_MATH_TAP_H
#include <stdarg.h>
#include <stdio.h>

static int tap_count, tap_failed;

static inline __attribute__((format(printf, 2, 3))) void tap_ok(int ok, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  printf("%sok %d - ", ok ? "" : "not ", ++tap_count);
  vprintf(format, args);
  printf("\n");
  va_end(args);
  tap_failed += !ok;
}

static inline int tap_done(void)
{
  printf("1..%d\n", tap_count);
  return tap_failed != 0;
}
#endif
