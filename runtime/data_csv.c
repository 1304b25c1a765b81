/* CSV files of numbers: a header with the names of the columns, then rows; commas between fields, blanks around them
 * and empty lines do not count, `#` begins a line of comment, names may stand in quotes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/flush.h"

enum { MOST_BYTES = 1 << 30 };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool rt_csv_field(char **at, char **ret) {
  if (!*at) return false;
  char *p = *at, *end = strchr(p, ',');
  *at = end ? end + 1 : NULL;
  if (end) *end = 0;
  while (is_blank(*p)) p++;
  for (char *last = p + strlen(p); last > p && is_blank(last[-1]);) *--last = 0;
  size_t n = strlen(p);
  if (n >= 2 && p[0] == '"' && p[n - 1] == '"') {
    p[n - 1] = 0;
    p++;
  }
  *ret = p;
  return true;
}

int rt_csv_value(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, const char *column,
                 const char *field, double *ret) {
  unsigned long long row = (unsigned long long)f->numbers[line];
  if (!field || !*field)
    return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column %s: a number is missing", data->path, row, column);
  char *end;
  *ret = rt_flush(strtod(field, &end));
  if (*end) /* a number, and behind it another: the file's columns stand apart otherwise */
    return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column %s: `%.40s` is not a number%s", data->path, row,
                      column, field, end > field && strchr(" \t;", *end) ? "; columns stand apart by commas" : "");
  if (isfinite(*ret)) return 0;
  return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column %s: `%.40s` is not a finite number", data->path, row,
                    column, field);
}

static int text_read(struct rt_sim *s, const struct nsl_data *data, const char *path, char **ret) {
  FILE *f = fopen(path, "rb");
  if (!f) return rt_fail_at(NSL_EINPUT, data->place, "cannot read %s: %s", data->path, strerror(errno));
  int e = 0;
  long n = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  if (n < 0 || n > MOST_BYTES)
    e = rt_fail_at(NSL_EINPUT, data->place, "%s is too large; files of more than 1 GB are read as HDF5", data->path);
  rewind(f);
  if (!e && !(*ret = rt_alloc(&s->build_mem, (uint64_t)n + 1, 1))) e = NSL_EMEMORY;
  if (!e && fread(*ret, 1, (size_t)n, f) != (size_t)n)
    e = rt_fail_at(NSL_EINPUT, data->place, "cannot read %s: %s", data->path, strerror(errno));
  fclose(f);
  if (!e && strlen(*ret) != (size_t)n)
    e = rt_fail_at(NSL_EINPUT, data->place, "%s is not a text: it holds a NUL byte", data->path);
  return e;
}

static uint64_t count(const char *text, char c) {
  uint64_t n = 0;
  for (; *text; text++) n += *text == c;
  return n;
}

static int lines_read(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_csv_file *ret, char **ret_header) {
  *ret = (struct rt_csv_file){0};
  int e = text_read(s, data, path, &ret->text);
  if (e) return e;
  char *text = strncmp(ret->text, "\xef\xbb\xbf", 3) == 0 ? ret->text + 3 : ret->text;
  uint64_t most = count(text, '\n') + 1, number = 0;
  ret->lines = rt_alloc(&s->build_mem, most, sizeof *ret->lines);
  ret->numbers = rt_alloc(&s->build_mem, most, sizeof *ret->numbers);
  if (!ret->lines || !ret->numbers) return NSL_EMEMORY;
  for (char *line = text, *next; line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    number++;
    while (is_blank(*line)) line++;
    if (!*line || *line == '#') continue;
    if (ret_header && !*ret_header) {
      *ret_header = line;
      continue;
    }
    ret->numbers[ret->n_lines] = number;
    ret->lines[ret->n_lines++] = line;
  }
  return 0;
}

int rt_csv_table(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_csv_file *ret) {
  int e = lines_read(s, data, path, ret, NULL);
  if (!e && !ret->n_lines) e = rt_fail_at(NSL_EINPUT, data->place, "%s is empty; it should hold lines of numbers", data->path);
  if (!e) ret->n_names = count(ret->lines[0], ',') + 1;
  return e;
}

int rt_csv_read(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_csv_file *ret) {
  char *header = NULL;
  int e = lines_read(s, data, path, ret, &header);
  if (e) return e;
  if (!header) return rt_fail_at(NSL_EINPUT, data->place, "%s is empty; it should begin with the names of its columns", data->path);
  ret->names = rt_alloc(&s->build_mem, count(header, ',') + 1, sizeof *ret->names);
  if (!ret->names) return NSL_EMEMORY;
  while (rt_csv_field(&header, &ret->names[ret->n_names])) ret->n_names++;
  return 0;
}
