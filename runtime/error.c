/* The message of the last failure, in thread-local storage, so that `int` results are enough everywhere else.
 */
#include "runtime/error.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];

const char *rt_error(void) { return message; }
const char *nsl_error(void) { return message; }

__attribute__((format(printf, 2, 0))) static void message_write(const char *place, const char *fmt, va_list args) {
  char text[900];
  vsnprintf(text, sizeof text, fmt, args);
  if (place && *place)
    snprintf(message, sizeof message, "%.100s: error: %s", place, text);
  else
    snprintf(message, sizeof message, "error: %s", text);
}

int rt_fail(int code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  message_write(NULL, fmt, args);
  va_end(args);
  return code;
}

int rt_fail_at(int code, const char *place, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  message_write(place, fmt, args);
  va_end(args);
  return code;
}

const char *rt_not_finite(double value) {
  return isnan(value) ? "NaN: an operation without a result (0 / 0), or a draw of which 10,000 were not `within` its bounds"
         : value > 0  ? "infinite"
                      : "minus infinite";
}

int rt_fail_again(int code, const char *text) {
  snprintf(message, sizeof message, "%s", text);
  return code;
}
