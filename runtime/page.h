/* Text that grows: the HTML page in the making. A failure to get memory is remembered and found at the end.
 */
#ifndef NSL_RUNTIME_PAGE_H
#define NSL_RUNTIME_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_page {
  char *at;
  size_t n, cap;
  bool failed;
};
void rt_page_put(struct rt_page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rt_page_bytes(struct rt_page *p, const void *bytes, size_t n);
void rt_page_text(struct rt_page *p, const char *text);  /* as HTML: & < > " are written as entities */
void rt_page_prose(struct rt_page *p, const char *text); /* the same; what follows `doi` becomes a link */
void rt_page_base64(struct rt_page *p, const void *bytes, size_t n);
void rt_page_drop(struct rt_page *p);

#endif
