/* Source files: bytes on disk -> text in the session, at global offsets; and offsets -> line and column.
 *
 * Each source takes the offsets [base, base + len]; the first base is 1, so that the span {0,0} means "no
 * place". Gives text that is valid UTF-8 without NUL bytes; what is wrong is reported with the place of the
 * first bad byte. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lang/diag.h"

enum { LARGEST_FILE = 64 << 20 };

static const Source *source_push(Session *s, const char *path, const char *text, size_t len) {
  uint32_t base = 1;
  if (s->sources.n) {
    const Source *last = &s->sources.at[s->sources.n - 1];
    base = last->base + last->len + 1;
  }
  path = arena_text(s->arena, path, strlen(path));
  vec_push(s->arena, &s->sources, ((Source){path, text, base, (uint32_t)len}));
  return &s->sources.at[s->sources.n - 1];
}

static bool source_fits(const Session *s, size_t len) {
  if (!s->sources.n) return len <= LARGEST_FILE;
  const Source *last = &s->sources.at[s->sources.n - 1];
  return len <= LARGEST_FILE && (uint64_t)last->base + last->len + len + 2 < UINT32_MAX;
}

/* Length of the well-formed UTF-8 sequence at p (of n bytes), 0 if it is not one: no overlong forms, no
 * surrogates. */
static size_t utf8_length(const unsigned char *p, size_t n) {
  if (p[0] < 0x80) return 1;
  size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || len > n) return 0;
  for (size_t i = 1; i < len; i++)
    if ((p[i] & 0xC0) != 0x80) return 0;
  if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
  if (p[0] == 0xED && p[1] > 0x9F) return 0;
  if (p[0] == 0xF0 && p[1] < 0x90) return 0;
  if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
  return len;
}

static size_t text_valid_prefix(const char *text, size_t len) {
  const unsigned char *p = (const unsigned char *)text;
  size_t i = 0;
  while (i < len && p[i] != 0) {
    size_t step = p[i] < 0x80 ? 1 : utf8_length(p + i, len - i);
    if (step == 0) break;
    i += step;
  }
  return i;
}

const Source *source_add(Session *s, const char *path, const char *text, size_t len) {
  if (!source_fits(s, len)) {
    diag_file_too_large(s, (Span){0, 0}, path, LARGEST_FILE >> 20);
    return NULL;
  }
  if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
    text += 3;
    len -= 3;
  }
  size_t good = text_valid_prefix(text, len);
  const Source *source = source_push(s, path, arena_text(s->arena, text, good), good);
  if (good == len) return source;
  Span at = {source->base + (uint32_t)good, source->base + (uint32_t)good};
  if (text[good] == 0)
    diag_file_nul(s, at, path, good);
  else
    diag_file_not_utf8(s, at, path, (unsigned char)text[good], good);
  return NULL;
}

/* Reads all of fd, at most one byte more than the limit. NULL with errno on failure. */
static char *read_all(Session *s, int fd, size_t expected, size_t *ret_len) {
  VEC(char) text = {0};
  text.cap = (uint32_t)(expected + 4096);
  text.at = arena_alloc(s->arena, text.cap);
  for (;;) {
    if (text.cap - text.n < 2) text.at = vec_grow(s->arena, text.at, &text.cap, text.n, 1);
    ssize_t got = read(fd, text.at + text.n, text.cap - text.n - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NULL;
    if (got == 0) break;
    text.n += (uint32_t)got;
    if (text.n > LARGEST_FILE) break;
  }
  *ret_len = text.n;
  return text.at;
}

static const Source *source_read(Session *s, int fd, const char *path, Span where) {
  struct stat st;
  if (fstat(fd, &st) != 0) {
    diag_file_unreadable(s, where, path, strerror(errno));
    return NULL;
  }
  if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)) {
    diag_file_not_a_file(s, where, path);
    return NULL;
  }
  bool regular = S_ISREG(st.st_mode);
  size_t expected = regular && st.st_size > 0 ? (size_t)st.st_size : 0, len = 0;
  if (expected > LARGEST_FILE || !source_fits(s, expected)) {
    diag_file_too_large(s, where, path, LARGEST_FILE >> 20);
    return NULL;
  }
  char *text = read_all(s, fd, expected, &len);
  if (!text) {
    diag_file_unreadable(s, where, path, strerror(errno));
    return NULL;
  }
  if (len > LARGEST_FILE || !source_fits(s, len)) {
    diag_file_too_large(s, where, path, LARGEST_FILE >> 20);
    return NULL;
  }
  return source_add(s, path, text, len);
}

const Source *source_load(Session *s, const char *path, Span where) {
  if (strcmp(path, "-") == 0) return source_read(s, 0, "<standard input>", where);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      diag_file_missing(s, where, path);
    else
      diag_file_unreadable(s, where, path, strerror(errno));
    return NULL;
  }
  const Source *source = source_read(s, fd, path, where);
  close(fd);
  return source;
}

const Source *source_at(const Session *s, uint32_t offset) {
  uint32_t lo = 0, hi = s->sources.n;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    const Source *m = &s->sources.at[mid];
    if (offset < m->base)
      hi = mid;
    else if (offset > m->base + m->len)
      lo = mid + 1;
    else
      return m;
  }
  return NULL;
}

Place source_place(const Session *s, uint32_t offset) {
  Place p = {source_at(s, offset), 1, 1};
  if (!p.source) return p;
  const char *text = p.source->text, *end = text + (offset - p.source->base);
  for (const char *c = text; c < end; c++) {
    if (*c == '\n') {
      p.line++;
      p.column = 1;
    } else if (((unsigned char)*c & 0xC0) != 0x80) {
      p.column++;
    }
  }
  return p;
}

const char *source_span_text(const Session *s, Span span, Arena *a) {
  const Source *source = source_at(s, span.from);
  if (!source || span.to < span.from || span.to > source->base + source->len) return "";
  return arena_text(a, source->text + (span.from - source->base), span.to - span.from);
}

const char *source_span_line(const Session *s, Span span, Arena *a) {
  const char *from = source_span_text(s, span, a);
  char *text = arena_text(a, from, strlen(from)), *to = text;
  for (const char *p = text; *p; p++) {
    bool blank = *p == ' ' || *p == '\t' || *p == '\n' || *p == '\r';
    bool opened = to == text || to[-1] == ' ' || to[-1] == '(' || to[-1] == '[', closes = *p == ')' || *p == ']';
    if (closes && to > text && to[-1] == ' ') to--;
    if (!blank) *to++ = *p;
    else if (!opened) *to++ = ' ';
  }
  if (to > text && to[-1] == ' ') to--;
  *to = 0;
  return text;
}
