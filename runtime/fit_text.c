/* NAME.fitted.nsl: the model's own text with the fitted values among the settings of the fit's neuron.
 *
 * The text is that of the source file, if it is still where it was compiled and has not changed since (its hash). It is searched for
 * `fit NAME { … neuron X { … } … }`, comments and strings passed over; settings of the same paths are replaced, all else stays as it
 * is. Values of which each sweep has its own stand there as comments. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/page.h"
#include "runtime/quantity.h"

enum { MOST_TEXT = 1 << 26 };

static int source_read(struct rt_sim *s, char **ret_text) {
  const struct nsl_program *p = s->program;
  const char *slash = p->source ? strrchr(p->source, '/') : NULL, *name = slash ? slash + 1 : p->source;
  char path[PATH_MAX], hash[20];
  if (!name || !p->folder || snprintf(path, sizeof path, "%s/%s", p->folder, name) >= (int)sizeof path)
    return rt_fail(NSL_ECANNOT, "the program does not know its source");
  FILE *f = fopen(path, "rb");
  if (!f) return rt_fail(NSL_ECANNOT, "%s: %s", path, strerror(errno));
  long n = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  rewind(f);
  char *text = n >= 0 && n < MOST_TEXT ? rt_alloc(&s->mem, (uint64_t)n + 1, 1) : NULL;
  bool read = text && fread(text, 1, (size_t)n, f) == (size_t)n;
  fclose(f);
  if (!read) return rt_fail(NSL_ECANNOT, "%s cannot be read", path);
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)nslm_hash(text, (size_t)n, 0));
  if (!p->source_hash || strcmp(hash, p->source_hash) != 0)
    return rt_fail(NSL_ECANNOT, "%s has changed since the program was compiled", path);
  *ret_text = text;
  return 0;
}

/* ---- scanning */

/* Past blanks and comments. */
static const char *skip(const char *p) {
  for (;;) {
    while (isspace((unsigned char)*p)) p++;
    if (*p != '#') return p;
    p += strcspn(p, "\n");
  }
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

/* One item: a word, a string or a character. */
static const char *item_end(const char *p) {
  if (*p == '"') {
    p++;
    while (*p && *p != '"' && *p != '\n') p += *p == '\\' && p[1] ? 2 : 1;
    return *p == '"' ? p + 1 : p;
  }
  if (!is_word(*p)) return p + (*p != 0);
  while (is_word(*p)) p++;
  return p;
}

static bool is_item(const char *p, const char *word) {
  size_t n = strlen(word);
  return strncmp(p, word, n) == 0 && item_end(p) == p + n;
}

/* p at "{": behind its "}"; NULL: there is none. */
static const char *block_end(const char *p) {
  int depth = 0;
  for (p = skip(p); *p; p = skip(item_end(p))) {
    depth += (*p == '{') - (*p == '}');
    if (depth == 0) return item_end(p);
  }
  return NULL;
}

/* The body of `fit NAME {`; NULL. */
static const char *fit_find(const char *text, const char *name) {
  for (const char *p = skip(text); *p;) {
    const char *after = skip(item_end(p));
    if (is_item(p, "fit") && is_item(after, name)) {
      after = skip(item_end(after));
      if (*after == '{') return after;
    }
    if (*p == '{') {
      const char *end = block_end(p);
      if (!end) return NULL;
      p = skip(end);
    } else {
      p = after;
    }
  }
  return NULL;
}

/* Behind `neuron X`, or `network X`, at the first level of the body. */
static const char *subject_find(const char *body, const char *what) {
  const char *end = block_end(body);
  for (const char *p = skip(body + 1); end && p < end;) {
    const char *next = skip(item_end(p));
    if (is_item(p, what)) return item_end(next);
    p = *p == '{' ? skip(block_end(p)) : next;
  }
  return NULL;
}

/* ---- settings */

static bool same_path(const char *path, const char *text, size_t n) {
  char own[200];
  size_t k = 0;
  for (size_t i = 0; i < n && k + 1 < sizeof own; i++)
    if (!isspace((unsigned char)text[i])) own[k++] = text[i];
  own[k] = 0;
  size_t whole = strlen(path), bare = whole > 3 && strcmp(path + whole - 3, "(0)") == 0 ? whole - 3 : whole;
  return strcmp(own, path) == 0 || (strlen(own) == bare && strncmp(own, path, bare) == 0);
}

/* Of a network: the param that has this slot. */
static const char *slot_path(const struct rt_fit *f, uint32_t slot) {
  for (uint32_t i = 0; i < f->s->x->n_params; i++)
    if (f->s->x->params[i].slot == slot) return f->s->x->params[i].path;
  return "";
}

static bool is_fitted(const struct rt_fit *f, const char *text, size_t n) {
  bool any = false;
  for (uint32_t i = 0; i < f->def->n_free; i++) {
    const struct nsl_free *free = &f->def->free[i];
    any |= !free->per_sweep && !free->per_cell && same_path(free->path, text, n);
    for (uint32_t k = 0; k < free->n_others; k++) any |= same_path(slot_path(f, free->others[k]), text, n);
  }
  return any;
}

/* Statements of the settings that stay, a line each. */
static void settings_keep(const struct rt_fit *f, const char *from, const char *to, struct rt_page *page) {
  while (from < to) {
    const char *end = from;
    int depth = 0;
    while (end < to && (depth || (*end != ';' && *end != '\n'))) {
      depth += (*end == '(' || *end == '[' || *end == '{') - (*end == ')' || *end == ']' || *end == '}');
      end = *end == '#' ? end + strcspn(end, "\n") : *end == '"' ? item_end(end) : end + 1;
    }
    const char *begin = from;
    while (begin < end && isspace((unsigned char)*begin)) begin++;
    size_t left = strcspn(begin, "=");
    bool replaced = begin + left < end && is_fitted(f, begin, left);
    const char *last = end;
    while (last > begin && isspace((unsigned char)last[-1])) last--;
    if (begin < last && !replaced) rt_page_put(page, "    %.*s\n", (int)(last - begin), begin);
    from = end + 1;
  }
}

static void value_text(const struct rt_fit_end *end, uint32_t coordinate, char *value, char *how, size_t size) {
  const struct rt_coordinate *c = &end->f->space.at[coordinate];
  const struct nsl_free *def = &end->f->def->free[c->free];
  double sd = end->certainty.why_not ? NAN : end->certainty.sd[coordinate];
  char digits[80];
  snprintf(digits, sizeof digits, "%.3g", sd / def->unit_scale);
  rt_quantity_text(rt_space_value(c, end->x[coordinate]) / def->unit_scale, def->unit, value, size);
  *how = 0;
  if (isfinite(sd)) snprintf(how, size, "+- %s%s%s", digits, strcmp(def->unit, "1") == 0 ? "" : " ", strcmp(def->unit, "1") == 0 ? "" : def->unit);
  if (isinf(sd)) snprintf(how, size, "not determined by the data");
}

static void settings_put(const struct rt_fit_end *end, struct rt_page *page) {
  const struct rt_fit *f = end->f;
  char value[120], how[120], name[120];
  for (uint32_t i = 0; i < f->space.n_plain; i++) {
    const struct rt_coordinate *c = &f->space.at[i];
    if (f->def->free[c->free].field) continue;
    value_text(end, i, value, how, sizeof value);
    if (c->sweep != NSL_NONE || c->cell != NSL_NONE) {
      rt_space_name(f->def, c, name, sizeof name);
      rt_page_put(page, "    # %s: %s%s%s\n", name, value, *how ? ", " : "", how);
      continue;
    }
    const struct nsl_free *free = &f->def->free[c->free];
    rt_page_put(page, "    %s = %s%s%s\n", free->path, value, *how ? "  # " : "", how);
    for (uint32_t k = 0; k < free->n_others; k++) rt_page_put(page, "    %s = %s\n", slot_path(f, free->others[k]), value);
  }
}

/* ---- fields: their weights stand in `mlp(…)` */

/* p at a bracket: behind the one that closes it; NULL: there is none. */
static const char *bracket_end(const char *p) {
  int depth = 0;
  for (; *p; p = skip(item_end(p))) {
    depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
    if (depth == 0) return item_end(p);
  }
  return NULL;
}

/* The number of the field with the name at p, from 1 on; 0: none of the fit has it. Weights have the paths "u.…". */
static uint32_t field_named(const struct rt_fit *f, const char *p) {
  size_t n = (size_t)(item_end(p) - p);
  for (uint32_t i = 0; i < f->def->n_free; i++)
    if (f->def->free[i].field && strncmp(f->def->free[i].path, p, n) == 0 && f->def->free[i].path[n] == '.') return f->def->free[i].field;
  return 0;
}

static void weights_put(const struct rt_fit_end *end, uint32_t field, struct rt_page *page) {
  const struct rt_fit *f = end->f;
  char value[80];
  const char *before = "weights = [";
  for (uint32_t i = 0; i < f->space.n_plain; i++) {
    if (f->def->free[f->space.at[i].free].field != field) continue;
    rt_quantity_text(rt_space_value(&f->space.at[i], end->x[i]), "1", value, sizeof value);
    rt_page_put(page, "%s%s", before, value);
    before = ", ";
  }
  rt_page_put(page, "]");
}

/* The part of the text between, weights filled in. */
static void fields_put(const struct rt_fit_end *end, const char *from, const char *to, struct rt_page *page) {
  for (const char *p = skip(from); p < to; p = skip(item_end(p))) {
    uint32_t field = is_item(p, "field") ? field_named(end->f, skip(item_end(p))) : 0;
    if (!field) continue;
    while (p < to && !is_item(p, "mlp")) p = skip(item_end(p));
    const char *open = p < to ? skip(item_end(p)) : to, *close = open < to && *open == '(' ? bracket_end(open) : NULL;
    if (!close || close > to) break;
    const char *w = open;
    while (w < close && !is_item(w, "weights")) w = skip(item_end(w));
    bool had = w < close;
    const char *stop = had ? w : close - 1, *list = had ? w : NULL;
    while (list && list < close && *list != '[') list = skip(item_end(list));
    rt_page_bytes(page, from, (size_t)(stop - from));
    if (!had) rt_page_put(page, ", ");
    weights_put(end, field, page);
    from = p = had && list < close ? bracket_end(list) : close - 1;
  }
  rt_page_bytes(page, from, (size_t)(to - from));
}

/* ---- weights of single synapses: their connections become lists of edges, those of the file beside the text */

/* The trained projection that `connect LABEL:` is alone; NULL: none. */
static struct rt_trained *labelled(const struct rt_fit *f, const char *label) {
  const char *after = skip(item_end(label));
  for (uint32_t i = 0; *after == ':' && i < f->n_trained; i++)
    if (f->trained[i].n && is_item(label, f->def->x.projections[f->trained[i].projection].path)) return &f->trained[i];
  return NULL;
}

/* From `by` up to the end of the braces, if only a rule and conditions stand there; false: something else does. */
static bool rule_find(const char *p, const char **ret_by, const char **ret_end) {
  *ret_by = NULL;
  for (; *p && *p != '{' && *p != '}' && *p != ';'; p = *p == '(' || *p == '[' ? skip(bracket_end(p) ? bracket_end(p) : item_end(p)) : skip(item_end(p))) {
    if (is_item(p, "for") || is_item(p, "with")) return false;
    if (is_item(p, "by") && !*ret_by) *ret_by = p;
  }
  *ret_end = *p == '{' ? block_end(p) : NULL;
  return *ret_by && *ret_end;
}

static void edges_put(const struct rt_fit *f, const struct rt_trained *t, struct rt_page *page) {
  const char *path = f->def->x.projections[t->projection].path, *unit = f->def->free[t->free].unit;
  bool plain = strcmp(unit, "1") == 0;
  char name[300];
  rt_page_put(page, "by edges(\"%s\", of = \"%s\") { weight = edge.syn_weight%s%s;  delay = edge.delay * 1 ms }", rt_weights_name(f, name, sizeof name), path,
              plain ? "" : " * 1 ", plain ? "" : unit);
}

/* The text with such connections in the fit's network, if that stands in it. */
static void connections_put(const struct rt_fit *f, const char *text, struct rt_page *page) {
  const char *from = text, *by, *end;
  for (const char *p = skip(text); *p;) {
    const char *name = skip(item_end(p)), *open = skip(item_end(name));
    if (is_item(p, "network") && is_item(name, f->def->x.subject) && *open == '{' && block_end(open)) {
      const char *last = block_end(open);
      for (p = skip(open + 1); p < last; p = skip(*p == '{' ? block_end(p) : item_end(p))) {
        struct rt_trained *t = is_item(p, "connect") ? labelled(f, skip(item_end(p))) : NULL;
        if (!t || !rule_find(p, &by, &end)) continue;
        rt_page_bytes(page, from, (size_t)(by - from));
        edges_put(f, t, page);
        t->written = true;
        from = end;
      }
    }
    p = *p == '{' && block_end(p) ? skip(block_end(p)) : skip(item_end(p));
  }
  rt_page_put(page, "%s", from);
}

static void trained_put(const struct rt_fit *f, struct rt_page *page) {
  char name[300];
  for (uint32_t i = 0; i < f->n_trained; i++) {
    const struct rt_trained *t = &f->trained[i];
    const char *path = f->def->x.projections[t->projection].path, *file = rt_weights_name(f, name, sizeof name);
    if (!t->n) continue;
    rt_page_put(page, "    # weights of %s: %llu synapses in %s", path, (unsigned long long)t->n, file);
    if (!t->written) rt_page_put(page, "; `by edges(\"%s\", of = \"%s\")` connects them, with `edge.syn_weight` and `edge.delay`", file, path);
    rt_page_put(page, "\n");
  }
}

static int text_put(const struct rt_fit_end *end, const char *text, struct rt_page *page) {
  const char *body = fit_find(text, end->f->def->name), *what = end->f->def->network ? "network" : "neuron";
  const char *at = body ? subject_find(body, what) : NULL;
  if (!at) return rt_fail(NSL_ECANNOT, "`fit %s` is not in the source of the program", end->f->def->name);
  const char *open = at + strspn(at, " \t"), *rest = at;
  const char *last = block_end(body);
  rt_page_bytes(page, text, (size_t)(body - text));
  fields_put(end, body, at, page);
  rt_page_put(page, " {\n");
  if (*open == '{') {
    rest = block_end(open);
    if (!rest) return rt_fail(NSL_ECANNOT, "a brace is not closed");
    settings_keep(end->f, open + 1, rest - 1, page);
  }
  rt_page_put(page, "    # fitted: objective %.6g, seed %llu\n", end->last->search.loss[end->last->best],
              (unsigned long long)end->f->s->seed);
  settings_put(end, page);
  trained_put(end->f, page);
  rt_page_put(page, "  }");
  fields_put(end, rest, last, page);
  rt_page_bytes(page, last, strlen(last));
  return page->failed ? rt_fail(NSL_EMEMORY, "not enough memory for the text of the model") : 0;
}

int rt_fit_text(const struct rt_fit_end *end, struct rt_out *out) {
  char *text = NULL, name[300];
  struct rt_page page = {0}, connected = {0};
  struct rt_text_file file = {0};
  int e = source_read(end->f->s, &text);
  if (!e) connections_put(end->f, text, &connected);
  if (!e && connected.failed) e = NSL_EMEMORY;
  if (!e) e = text_put(end, connected.at, &page);
  snprintf(name, sizeof name, "%.250s.fitted.nsl", end->f->s->program->name);
  const char *path = e ? NULL : rt_out_file(out, name);
  if (!e) e = path ? rt_text_open(&file, path) : NSL_EIO;
  if (!e) {
    fwrite(page.at, 1, page.n, file.f);
    e = rt_text_close(&file);
  }
  rt_page_drop(&page);
  rt_page_drop(&connected);
  return e;
}
