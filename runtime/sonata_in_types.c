/* SONATA's files of types: a line for each type, words between blanks, those with blanks in quotes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/sonata_in.h"

static char *word_next(char **at) {
  while (**at == ' ' || **at == '\t') ++*at;
  if (!**at || **at == '\r') return NULL;
  char *from = *at, quote = *from == '"' || *from == '\'' ? *from : 0;
  bool inside = false;
  for (; **at && (inside || (**at != ' ' && **at != '\t' && **at != '\r')); ++*at)
    if (quote ? **at == quote : **at == '"' || **at == '\'') inside = !inside;
  if (**at) *(*at)++ = 0;
  size_t n = strlen(from);
  if (quote && n >= 2 && from[n - 1] == quote) from[n - 1] = 0, from++;
  return from;
}

/* Column of a name in the first line. */
static int types_column(char *header, const char *name) {
  int k = 0;
  for (char *word; (word = word_next(&header)); k++)
    if (strcmp(word, name) == 0) return k;
  return -1;
}

struct type {
  double id, value;
};

/* One line: its id, and what it says. */
static int type_read(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, const char *id_name, int id_column, int column,
                     const char *name, struct type *ret) {
  char *at = f->lines[line], *word, *id = NULL, *value = NULL;
  for (int k = 0; (word = word_next(&at)); k++) {
    if (k == id_column) id = word;
    if (k == column) value = word;
  }
  int e = rt_csv_value(data, f, line, id_name, id, &ret->id);
  return e ? e : rt_csv_value(data, f, line, name, value, &ret->value);
}

static int by_id(const void *a, const void *b) {
  const struct type *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

static int types_look(const struct rt_sonata_in *f, const struct type *all, uint64_t n_all, const char *id_name, double *to) {
  for (uint64_t i = 0; i < f->n; i++) {
    const struct type want = {f->types[i], 0}, *found = bsearch(&want, all, n_all, sizeof want, by_id);
    if (!found)
      return rt_fail_at(NSL_EINPUT, f->types_of->place, "%s: `%s` of %s %llu is %g, which %s does not have", f->data->path, id_name, f->kind,
                        (unsigned long long)i, f->types[i], f->types_of->path);
    to[i] = found->value;
  }
  return 0;
}

int rt_sonata_in_types(struct rt_sonata_in *own, const char *name, double **ret) {
  struct rt_sim *s = own->s;
  const struct nsl_data *data = own->types_of;
  struct rt_csv_file f;
  char id_name[40];
  *ret = NULL;
  snprintf(id_name, sizeof id_name, "%s_type_id", own->kind);
  const char *path = rt_data_file(s, data);
  int e = path ? rt_csv_table(s, data, path, &f) : NSL_EINPUT;
  if (e) return e;
  char *header = rt_text(&s->build_mem, f.lines[0]), *again = rt_text(&s->build_mem, f.lines[0]);
  if (!header || !again) return NSL_EMEMORY;
  int id_column = types_column(header, id_name), column = types_column(again, name);
  if (id_column < 0) return rt_fail_at(NSL_EINPUT, data->place, "%s has no column `%s`", data->path, id_name);
  if (column < 0) return 0;
  struct type *all = rt_alloc(&s->build_mem, f.n_lines, sizeof *all);
  *ret = rt_alloc(&s->build_mem, own->n + 1, sizeof **ret);
  if (!all || !*ret) return NSL_EMEMORY;
  for (uint64_t i = 1; !e && i < f.n_lines; i++) e = type_read(data, &f, i, id_name, id_column, column, name, &all[i - 1]);
  if (e) return e;
  qsort(all, f.n_lines - 1, sizeof *all, by_id);
  return types_look(own, all, f.n_lines - 1, id_name, *ret);
}
