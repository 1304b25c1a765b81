/* Text that grows, with what HTML needs: entities, base64, links of DOIs. Every name and every comment of a
 * model goes through rt_page_text, so none can break the page. */
#include "runtime/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/doi.def"

static bool page_room(struct rt_page *p, size_t more) {
  if (!p->failed && rt_grow(&p->at, &p->cap, p->n + more + 1, 1) != 0) p->failed = true;
  return !p->failed;
}

void rt_page_bytes(struct rt_page *p, const void *bytes, size_t n) {
  if (!page_room(p, n)) return;
  memcpy(p->at + p->n, bytes, n);
  p->n += n;
  p->at[p->n] = 0;
}

void rt_page_put(struct rt_page *p, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n >= 0 && page_room(p, (size_t)n)) {
    vsnprintf(p->at + p->n, (size_t)n + 1, format, again);
    p->n += (size_t)n;
  }
  va_end(again);
}

/* Control characters have no place in HTML, not even as entities. */
static void put_char(struct rt_page *p, char c) {
  switch (c) {
    case '&': rt_page_bytes(p, "&amp;", 5); return;
    case '<': rt_page_bytes(p, "&lt;", 4); return;
    case '>': rt_page_bytes(p, "&gt;", 4); return;
    case '"': rt_page_bytes(p, "&quot;", 6); return;
    default: rt_page_bytes(p, (unsigned char)c >= ' ' || c == '\n' || c == '\t' ? &c : " ", 1);
  }
}

void rt_page_text(struct rt_page *p, const char *text) {
  for (; text && *text; text++) put_char(p, *text);
}

void rt_page_prose(struct rt_page *p, const char *text) {
  while (text && *text) {
    size_t n = doi_length(text);
    if (n) {
      rt_page_bytes(p, "<a href=\"https://doi.org/", 25);
      for (size_t i = 0; i < n; i++) put_char(p, text[i]);
      rt_page_bytes(p, "\">", 2);
      for (size_t i = 0; i < n; i++) put_char(p, text[i]);
      rt_page_bytes(p, "</a>", 4);
      text += n;
    } else {
      put_char(p, *text++);
    }
  }
}

void rt_page_base64(struct rt_page *p, const void *bytes, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *b = bytes;
  for (size_t i = 0; i < n; i += 3) {
    uint32_t three =
        (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
    char four[4] = {digits[three >> 18], digits[three >> 12 & 63], i + 1 < n ? digits[three >> 6 & 63] : '=',
                    i + 2 < n ? digits[three & 63] : '='};
    rt_page_bytes(p, four, 4);
  }
}

void rt_page_drop(struct rt_page *p) {
  rt_drop(&p->at);
  *p = (struct rt_page){0};
}
