/* report.html: a run as a page that one can look at. */
#ifndef NSL_RUNTIME_HTML_H
#define NSL_RUNTIME_HTML_H

#include <json-c/json.h>

#include "runtime/page.h"
#include "runtime/sim.h"

/* The figures; 0, or a code after rt_fail (NSL_ECANNOT: what draws them is not on this machine). */
int rt_html_figures(const struct rt_sim *s, struct rt_page *figures);
/* The whole page: what the experiment is, its expects, the figures, and the facts of run.json as tables. */
void rt_html_page(const struct rt_sim *s, const struct rt_page *figures, struct json_object *facts,
                  struct rt_page *page);

/* ---- pieces, for fit_html.c too */
void rt_html_begin(struct rt_page *p, const char *name, const char *program);
void rt_html_end(struct rt_page *p);
void rt_html_doc(struct rt_page *p, const char *doc); /* NULL or empty: nothing */
void rt_html_fact(struct rt_page *p, const char *value, const char *what); /* of <ul class="facts"> */
void rt_html_table(struct rt_page *p, const char *title, uint64_t rows, const char *head); /* a section; long tables are folded */
void rt_html_table_end(struct rt_page *p, uint64_t rows);
/* All params of the experiment, with their values as texts in the object `key` of the facts. */
void rt_html_parameters(const struct rt_sim *s, struct rt_page *p, struct json_object *facts, const char *key, const char *title);
/* Every fact that stands nowhere else on the page. */
void rt_html_manifest(struct rt_page *p, struct json_object *facts, const char *const *elsewhere, size_t n, const char *file);

#endif
