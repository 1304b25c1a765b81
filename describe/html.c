/* Text as HTML: entities, doc comments with their paragraphs and DOIs. */
#include <string.h>

#include "describe/inner.h"
#include "runtime/doi.def"

void put(Describe *d, const char *html) { fputs(html, d->out); }

static void put_char(Describe *d, char c) {
  const char *entity = c == '&'   ? "&amp;"
                       : c == '<' ? "&lt;"
                       : c == '>' ? "&gt;"
                       : c == '"' ? "&quot;"
                                  : NULL;
  if (entity) fputs(entity, d->out);
  else fputc((unsigned char)c >= ' ' || c == '\n' || c == '\t' ? c : ' ', d->out);
}

void put_text(Describe *d, const char *text) {
  for (; *text; text++) put_char(d, *text);
}

/* Behind a full stop (not that of "et al."), a semicolon, or "Source:". */
static bool citation_begins(const char *text, const char *at) {
  if (at - text < 2 || !strchr(" \n", at[-1]) || !strchr(".;:", at[-2])) return false;
  return !(at[-2] == '.' && at - text >= 4 && !strncmp(at - 4, "al", 2));
}

static bool is_particle(const char *word) { /* of a name */
  static const char *const particles[] = {"van ", "von ", "de ", "der ", "den ", "di ", "la "};
  for (size_t i = 0; i < COUNT_OF(particles); i++)
    if (!strncmp(word, particles[i], strlen(particles[i]))) return true;
  return false;
}

/* The citation that a DOI ends: from the last full stop, semicolon or "Source:" before it. Once for each DOI.
 */
static void reference_keep(Describe *d, const char *text, const char *doi, const char *link) {
  for (uint32_t i = 0; i < d->references.n; i++)
    if (!strcmp(d->references.at[i].doi, link)) return;
  const char *from = doi;
  while (from > text && !citation_begins(text, from)) from--;
  for (size_t n; from < doi && *from >= 'a' && *from <= 'z' && !is_particle(from); from += n + (from[n] != 0))
    n = strcspn(from, " \n"); /* "parameters of" */
  const char *end = doi;
  while (end > from && strchr(" \n", end[-1])) end--;
  if (end - from >= 3 && !strncmp(end - 3, "doi", 3)) end -= 3;
  while (end > from && strchr(" ,(\n", end[-1])) end--;
  DescribeReference r = {.doi = link, .citation = arena_printf(d->arena, "%.*s", (int)(end - from), from)};
  vec_push(d->arena, &d->references, r);
}

void put_doc_inline(Describe *d, Name doc) {
  const char *whole = name_str(d->s, doc);
  for (const char *text = whole; *text;) {
    size_t n = doi_length(text);
    if (!n) {
      put_char(d, *text++);
      continue;
    }
    const char *link = arena_printf(d->arena, "%.*s", (int)n, text);
    reference_keep(d, whole, text, link);
    put(d, "<a href=\"https://doi.org/");
    put_text(d, link);
    put(d, "\">");
    put_text(d, link);
    put(d, "</a>");
    text += n;
  }
}

void put_doc(Describe *d, Name doc) {
  if (!name_str(d->s, doc)[0]) return;
  put(d, "<p class=\"doc\">");
  put_doc_inline(d, doc);
  put(d, "</p>\n");
}

void put_source(Describe *d, Span span) { put_text(d, source_span_text(d->s, span, d->arena)); }

const char *first_sentence(Describe *d, Name doc) {
  const char *text = name_str(d->s, doc), *end = strpbrk(text, ".;");
  while (end && end[1] && end[1] != ' ' && end[1] != '\n') end = strpbrk(end + 1, ".;");
  return end ? arena_printf(d->arena, "%.*s", (int)(end - text), text) : text;
}

const char *word(const Describe *d, AstWord w) { return name_str(d->s, w.name); }
