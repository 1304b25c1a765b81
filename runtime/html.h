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

#endif
