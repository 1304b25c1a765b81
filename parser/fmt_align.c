/* Cells of lines that follow each other -> columns, and all lines -> text.
 *
 * Lines of one class without a blank line between them have their `=`, their `in` and the braces of their
 * bodies below each other, as long as no line gets wider than FMT_WIDTH and no gap than FMT_PAD. Comments
 * behind lines stand below each other as far as each line has one, over blank lines too. */
#include "parser/fmt.h"

#include <string.h>

enum { FMT_PAD = 16, COMMENT_PAD = 48, COMMENT_GAP = 4, COMMENT_NEAR = 2 };

typedef struct {
  FmtLine *at;
  uint32_t n;
} Lines;

static const FmtCell *cell_of(const FmtLine *line, int key) {
  for (uint32_t i = 0; i < line->cells.n; i++)
    if (line->cells.at[i].key == key) return &line->cells.at[i];
  return NULL;
}

static int line_width(const FmtLine *line) {
  int width = line->indent;
  for (uint32_t i = 0; i < line->cells.n; i++) width += line->cells.at[i].gap + line->cells.at[i].width;
  return width;
}

/* Puts the cells of one key below each other, unless a cell before them (*even) could not be; `used` are the
 * widths of the lines before these cells. */
static void column_align(const Lines *run, int key, int *used, bool *even) {
  int column = 0, narrowest = FMT_WIDTH, n = 0;
  for (uint32_t i = 0; i < run->n; i++) {
    const FmtCell *cell = cell_of(&run->at[i], key);
    if (!cell) continue;
    if (used[i] + cell->gap > column) column = used[i] + cell->gap;
    if (used[i] + cell->gap < narrowest) narrowest = used[i] + cell->gap;
    n++;
  }
  bool align = *even && n > 1 && column - narrowest <= FMT_PAD;
  *even = align || n < 2;
  if (align && key == KEY_IN) column++; /* domains stand further off */
  for (uint32_t i = 0; i < run->n; i++) {
    FmtCell *cell = (FmtCell *)cell_of(&run->at[i], key);
    if (!cell) continue;
    if (align) cell->gap = column - used[i];
    used[i] += cell->gap + cell->width;
  }
}

static void run_align(const FmtText *t, const Lines *run) {
  int *used = NEW_ARRAY(t->a, int, run->n), last = 0;
  FmtLine *plain = NEW_ARRAY(t->a, FmtLine, run->n);
  for (uint32_t i = 0; i < run->n; i++) {
    FmtLine *line = &run->at[i];
    plain[i] = *line;
    plain[i].cells.at = NEW_ARRAY(t->a, FmtCell, line->cells.n);
    memcpy(plain[i].cells.at, line->cells.at, line->cells.n * sizeof(FmtCell));
    used[i] = line->indent + line->cells.at[0].width;
    if (line->cells.at[line->cells.n - 1].key > last) last = line->cells.at[line->cells.n - 1].key;
  }
  bool even = true;
  for (int key = 1; key <= last; key++) column_align(run, key, used, &even);
  bool wide = false;
  for (uint32_t i = 0; i < run->n; i++) wide |= used[i] > FMT_WIDTH;
  for (uint32_t i = 0; i < run->n && wide; i++) run->at[i] = plain[i];
}

static bool same_run(const FmtLine *a, const FmtLine *b) {
  return a->class && a->class == b->class && a->level == b->level && a->indent == b->indent && !b->blank;
}

/* ---- comments behind lines */

/* Without the blanks at its end. */
static const char *comment_text(const FmtText *t, int comment, size_t *ret_len) {
  const char *text = fmt_text(t, t->comments[comment].span, ret_len);
  while (*ret_len && strchr(" \t\r\f", text[*ret_len - 1])) (*ret_len)--;
  return text;
}

static void comments_align(const FmtText *t, const Lines *run, int *column) {
  static const int gaps[] = {COMMENT_GAP, COMMENT_NEAR};
  for (size_t g = 0; g < COUNT_OF(gaps); g++) {
    int at = 0, end = 0, narrowest = FMT_WIDTH;
    for (uint32_t i = 0; i < run->n; i++) {
      size_t len;
      const char *text = comment_text(t, run->at[i].comment, &len);
      int width = line_width(&run->at[i]), comment = fmt_width(text, len);
      if (width > at) at = width;
      if (width < narrowest) narrowest = width;
      if (comment > end) end = comment;
    }
    at += gaps[g];
    bool fits = at + end <= FMT_WIDTH && at - narrowest <= COMMENT_PAD;
    for (uint32_t i = 0; i < run->n; i++) column[i] = fits ? at : line_width(&run->at[i]) + COMMENT_NEAR;
    if (fits) return;
  }
}

/* ---- text */

static void put(const FmtText *t, FmtChars *out, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) vec_push(t->a, out, text[i]);
}

static void put_blanks(const FmtText *t, FmtChars *out, int n) {
  for (; n > 0; n--) vec_push(t->a, out, ' ');
}

void fmt_lines_put(const FmtText *t, const FmtLines *lines, FmtChars *out) {
  int *column = NEW_ARRAY(t->a, int, lines->n + 1);
  for (uint32_t i = 0, to; i < lines->n; i = to) {
    for (to = i; to < lines->n && lines->at[to].comment != FMT_NONE && lines->at[to].cells.n &&
                 lines->at[to].level == lines->at[i].level;)
      to++;
    if (to > i) comments_align(t, &(Lines){&lines->at[i], to - i}, &column[i]);
    to += to == i;
  }
  for (uint32_t i = 0; i < lines->n; i++) {
    const FmtLine *line = &lines->at[i];
    if (line->blank) vec_push(t->a, out, '\n');
    put_blanks(t, out, line->indent);
    for (uint32_t k = 0; k < line->cells.n; k++) {
      put_blanks(t, out, line->cells.at[k].gap);
      put(t, out, line->cells.at[k].text, strlen(line->cells.at[k].text));
    }
    if (line->comment != FMT_NONE) {
      size_t len;
      const char *text = comment_text(t, line->comment, &len);
      if (line->cells.n) put_blanks(t, out, column[i] - line_width(line));
      put(t, out, text, len);
    }
    vec_push(t->a, out, '\n');
  }
}

void fmt_align(const FmtText *t, FmtLines *lines) {
  for (uint32_t i = 0, to; i < lines->n; i = to) {
    for (to = i + 1; to < lines->n && same_run(&lines->at[i], &lines->at[to]);) to++;
    if (to - i > 1) run_align(t, &(Lines){&lines->at[i], to - i});
  }
}
