/* Diagnostics: recorded in order of discovery, printed in order of position, for people or as JSON lines.
 *
 * People see `file.nsl:5:13: error NSL3001: text`, the line with the place underlined, notes with their own
 * lines, and a hint. One message for one cause: the same code at the same place is reported once, and after
 * 20 errors nothing more is recorded. */
#include "lang/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_ERRORS = 20, LIMIT_WARNINGS = 100, WIDEST_LINE = 160 };

const char *diag_title(DiagCode code) {
  switch (code) {
#define D(number, id, severity, title) \
  case number:                         \
    return title;
#include "lang/diag.def"
#undef D
  }
  return "";
}

static Severity code_severity(DiagCode code) {
  switch (code) {
#define D(number, id, severity, title) \
  case number:                         \
    return severity;
#include "lang/diag.def"
#undef D
  }
  return SEV_ERROR;
}

__attribute__((format(printf, 2, 0))) static char *text_vprintf(Arena *a, const char *fmt, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, fmt, again);
  va_end(again);
  char *text = arena_alloc(a, (size_t)(len < 0 ? 0 : len) + 1);
  if (len > 0) vsnprintf(text, (size_t)len + 1, fmt, args);
  return text;
}

static bool diag_known(const Session *s, DiagCode code, Span span, const char *text) {
  for (uint32_t i = 0; i < s->diags.n; i++) {
    const Diag *d = s->diags.at[i];
    if (d->code != code || d->span.from != span.from || d->span.to != span.to) continue;
    if (span.to > 0 || strcmp(d->text, text) == 0) return true;
  }
  return false;
}

Diag *diag_new(Session *s, DiagCode code, Span span, const char *fmt, ...) {
  Diag *d = NEW(s->arena, Diag);
  d->code = code;
  d->severity = code_severity(code);
  d->span = span;
  if (s->stopped || (d->severity == SEV_WARNING && s->warnings >= LIMIT_WARNINGS)) return d;
  va_list args;
  va_start(args, fmt);
  d->text = text_vprintf(s->arena, fmt, args);
  va_end(args);
  if (diag_known(s, code, span, d->text)) return d;
  vec_push(s->arena, &s->diags, d);
  if (d->severity == SEV_ERROR && ++s->errors >= LIMIT_ERRORS) s->stopped = true;
  if (d->severity == SEV_WARNING) s->warnings++;
  return d;
}

void diag_note(Session *s, Diag *d, Span span, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  DiagNote note = {span, text_vprintf(s->arena, fmt, args)};
  va_end(args);
  vec_push(s->arena, &d->notes, note);
}

void diag_hint(Session *s, Diag *d, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  d->hint = text_vprintf(s->arena, fmt, args);
  va_end(args);
}

void diag_fix(Diag *d, Span span, const char *replacement) {
  d->fix_span = span;
  d->fix = replacement;
}

/* ---- order */

static int diag_order(const void *a, const void *b) {
  const Diag *x = *(Diag *const *)a, *y = *(Diag *const *)b;
  if (x->span.from != y->span.from) return x->span.from < y->span.from ? -1 : 1;
  if (x->span.to != y->span.to) return x->span.to < y->span.to ? -1 : 1;
  return x->code < y->code ? -1 : x->code > y->code;
}

static void diag_sort(Session *s) {
  if (s->diags.n) qsort(s->diags.at, s->diags.n, sizeof *s->diags.at, diag_order);
}

/* ---- for people */

typedef struct {
  const char *red, *yellow, *cyan, *bold, *off;
} Colours;
static const Colours plain = {"", "", "", "", ""};
static const Colours ansi = {"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[1m", "\x1b[0m"};

/* Width on a terminal, in code points: one for each byte that does not continue a character. */
static bool starts_char(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

static void print_clean(FILE *out, const char *from, const char *to) {
  for (; from < to; from++) {
    unsigned char c = (unsigned char)*from;
    fputc((c < 32 && c != '\t') || c == 127 ? '?' : c, out);
  }
}

static void print_spaces_like(FILE *out, const char *from, const char *to) {
  for (; from < to; from++)
    if (*from == '\t' || starts_char(*from)) fputc(*from == '\t' ? '\t' : ' ', out);
}

/* The line of a span with its place underlined; of a span over several lines, its first line. */
static void print_line(FILE *out, const Session *s, Span span, const Colours *c, const char *mark) {
  Place p = source_place(s, span.from);
  if (!p.source) return;
  const char *text = p.source->text, *at = text + (span.from - p.source->base), *from = at, *to = at;
  const char *text_end = text + p.source->len;
  while (from > text && from[-1] != '\n') from--;
  while (to < text_end && *to != '\n' && *to != '\r') to++;
  if (at - from > WIDEST_LINE / 2) {
    from = at - WIDEST_LINE / 2;
    while (from < at && !starts_char(*from)) from++;
  }
  if (to - from > WIDEST_LINE) {
    to = from + WIDEST_LINE;
    while (to > at && !starts_char(*to)) to--;
  }
  fprintf(out, "%5u | ", p.line);
  print_clean(out, from, to);
  fputs("\n      | ", out);
  print_spaces_like(out, from, at < to ? at : to);
  const char *end = text + (span.to - p.source->base);
  if (end > to) end = to;
  fprintf(out, "%s^", mark);
  for (const char *q = at; q < end; q++)
    if (q > at && starts_char(*q)) fputc('~', out);
  fprintf(out, "%s\n", c->off);
}

static void print_head(FILE *out, const Session *s, Span span, const Colours *c) {
  Place p = source_place(s, span.from);
  if (span.to > 0 && p.source)
    fprintf(out, "%s%s:%u:%u:%s ", c->bold, p.source->path, p.line, p.column, c->off);
  else
    fprintf(out, "%snslc:%s ", c->bold, c->off);
}

static void print_person(FILE *out, const Session *s, const Diag *d, const Colours *c) {
  bool error = d->severity == SEV_ERROR;
  const char *mark = error ? c->red : c->yellow;
  print_head(out, s, d->span, c);
  fprintf(out, "%s%s NSL%04d%s: %s\n", mark, error ? "error" : "warning", (int)d->code, c->off, d->text);
  if (d->span.to > 0) print_line(out, s, d->span, c, mark);
  for (uint32_t i = 0; i < d->notes.n; i++) {
    const DiagNote *n = &d->notes.at[i];
    if (n->span.to == 0) {
      fprintf(out, "      = note: %s\n", n->text);
      continue;
    }
    print_head(out, s, n->span, c);
    fprintf(out, "%snote%s: %s\n", c->cyan, c->off, n->text);
    print_line(out, s, n->span, c, c->cyan);
  }
  if (d->hint) fprintf(out, "      = hint: %s\n", d->hint);
}

/* ---- for programs */

static void json_place(FILE *out, const Session *s, Span span) {
  Place from = source_place(s, span.from), to = source_place(s, span.to);
  if (span.to == 0 || !from.source) {
    fputs("\"file\":null", out);
    return;
  }
  fputs("\"file\":", out);
  text_json(out, from.source->path);
  fprintf(out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", from.line, from.column,
          to.line, to.column);
}

static void print_json(FILE *out, const Session *s, const Diag *d) {
  fprintf(out, "{\"code\":\"NSL%04d\",\"severity\":\"%s\",", (int)d->code,
          d->severity == SEV_ERROR ? "error" : "warning");
  json_place(out, s, d->span);
  fputs(",\"message\":", out);
  text_json(out, d->text);
  fputs(",\"notes\":[", out);
  for (uint32_t i = 0; i < d->notes.n; i++) {
    fputs(i ? ",{" : "{", out);
    json_place(out, s, d->notes.at[i].span);
    fputs(",\"message\":", out);
    text_json(out, d->notes.at[i].text);
    fputc('}', out);
  }
  fputs("],\"hint\":", out);
  if (d->hint)
    text_json(out, d->hint);
  else
    fputs("null", out);
  fputs(",\"fix\":", out);
  if (d->fix) {
    fputc('{', out);
    json_place(out, s, d->fix_span);
    fputs(",\"replacement\":", out);
    text_json(out, d->fix);
    fputc('}', out);
  } else {
    fputs("null", out);
  }
  fputs("}\n", out);
}

void diag_print(Session *s, FILE *out, bool json, bool colour) {
  for (uint32_t i = 0; i < s->diags.n; i++) s->diags.at[i]->printed = false;
  diag_print_new(s, out, json, colour);
}

void diag_print_new(Session *s, FILE *out, bool json, bool colour) {
  diag_sort(s);
  bool any = false;
  for (uint32_t i = 0; i < s->diags.n; i++) {
    Diag *d = s->diags.at[i];
    if (d->printed) continue;
    if (json) print_json(out, s, d);
    else print_person(out, s, d, colour ? &ansi : &plain);
    d->printed = any = true;
  }
  if (s->stopped && any && !json) fprintf(out, "nslc: stopped after %d errors\n", LIMIT_ERRORS);
}

/* ---- did you mean */

enum { LONGEST_WORD = 64 };

static int least(int a, int b) { return a < b ? a : b; }

/* Edit distance with swaps of neighbours, in half steps: another case of the same letter counts half. */
static int word_distance(const char *a, int n, const char *b, int m) {
  int row[3][LONGEST_WORD + 1];
  for (int j = 0; j <= m; j++) row[0][j] = 2 * j;
  for (int i = 1; i <= n; i++) {
    int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = 2 * i;
    for (int j = 1; j <= m; j++) {
      unsigned char x = (unsigned char)a[i - 1], y = (unsigned char)b[j - 1];
      int change = x == y ? 0 : tolower(x) == tolower(y) ? 1 : 2;
      now[j] = least(last[j - 1] + change, 2 + least(last[j], now[j - 1]));
      if (i > 1 && j > 1 && a[i - 2] == b[j - 1] && a[i - 1] == b[j - 2])
        now[j] = least(now[j], before[j - 2] + 2);
    }
  }
  return row[n % 3][m];
}

/* Words of other simulators and what is meant here: no distance finds these, or it finds something else. */
static const struct habit {
  const char *theirs, *ours;
} habits[] = {
    {"V_m", "V"}, {"Vm", "V"}, {"I_e", "I"}, {"I_ext", "I"}, {"Iext", "I"}, {"C_m", "C"}, {"Cm", "C"},
    {"V_reset", "V_r"}, {"V_rest", "E_L"}, {"E_rest", "E_L"}, {"g_leak", "g_L"}, {"tau_syn_ex", "tau_ex"},
    {"t_refrac", "t_ref"}, {"tau_syn_in", "tau_in"}, {"refractory", "t_ref"}, {"tau_ref", "t_ref"},
    {"gauss", "normal"}, {"gaussian", "normal"}, {"randn", "normal"}, {"rand", "uniform"}, {"ln", "log"},
    {"fixed_indegree", "indegree"}, {"fixed_outdegree", "outdegree"},
    {"fixed_total_number", "total_number"}, {"pairwise_bernoulli", "probability"},
    {"poisson_generator", "poisson"}, {"dc_generator", "constant"}, {"spike_generator", "times"},
    {"step_current_generator", "step"},
};

static const struct {
  const char *word, *hint;
} foreign[] = {
#define HABIT(word, hint) {word, hint},
#include "lang/habits.def"
#undef HABIT
};

const char *diag_habit(const char *word) {
  for (size_t i = 0; i < COUNT_OF(foreign); i++)
    if (strcmp(foreign[i].word, word) == 0) return foreign[i].hint;
  return NULL;
}

static const struct habit *habit_of(const char *word) {
  for (size_t i = 0; i < COUNT_OF(habits); i++)
    if (strcmp(habits[i].theirs, word) == 0) return &habits[i];
  return NULL;
}

/* At most a third of the word may differ, of one letter its case; nothing far is offered for a word of another
 * simulator. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n) {
  size_t len = strlen(word);
  if (len == 0 || len > LONGEST_WORD) return NULL;
  const struct habit *habit = habit_of(word);
  for (size_t i = 0; habit && i < n; i++)
    if (strcmp(candidates[i], habit->ours) == 0) return candidates[i];
  int best = habit ? 0 : len == 1 ? 2 : 2 * (int)(len < 3 ? 1 : (len + 1) / 3) + 1;
  const char *found = NULL;
  for (size_t i = 0; i < n; i++) {
    size_t other = strlen(candidates[i]);
    if (other == 0 || other > LONGEST_WORD) continue;
    int d = word_distance(word, (int)len, candidates[i], (int)other);
    /* nothing of the word may be left unmatched: `x` is not near `y` */
    if (d >= 2 * (int)(len > other ? len : other)) continue;
    if (d < best) {
      best = d;
      found = candidates[i];
    }
  }
  return found;
}
