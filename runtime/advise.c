/* Connections that are legal and seldom meant: more partners drawn than there are, so that some cells must be connected
 * more than once. Said once for each rule, before anything is built, with the first place and how many others there are. */
#include <stdio.h>

#include "runtime/connect.h"
#include "runtime/data.h"

struct crowded {
  const struct rt_proj *first;
  double drawn, there;
  uint32_t n;
};

/* Draws of one owner (of total_number: of all), and the different partners or pairs that there are; false: no draws. */
static bool draws_of(const struct rt_proj *p, double *ret_drawn, double *ret_there) {
  double self = p->self ? 1 : 0;
  *ret_drawn = (double)p->n;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_INDEGREE: *ret_there = p->sn - self; return true;
    case NSL_OUTDEGREE: *ret_there = p->tn - self; return true;
    case NSL_TOTAL_NUMBER: *ret_there = (double)p->sn * p->tn - self * (p->sn < p->tn ? p->sn : p->tn); return true;
    case NSL_ALL_TO_ALL:
    case NSL_ONE_TO_ONE:
    case NSL_MATRIX:
    case NSL_EDGES:
    case NSL_THIRD:
    case NSL_PROBABILITY: break;
  }
  return false;
}

static void say(struct rt_sim *s, const struct crowded *c, const char *rule, const char *among) {
  char others[80] = "";
  if (c->n > 1) snprintf(others, sizeof others, " (and %u other connections)", c->n - 1);
  const struct nsl_projection *def = c->first->def;
  rt_warn(s, "%s: %s: %s(%.0f) among %.0f %s%s connects some more than once; with `no multiple` this is an error",
          def->place ? def->place : "", def->path, rule, c->drawn, c->there, among, others);
}

void rt_connections_advise(struct rt_sim *s) {
  struct crowded in = {0}, out = {0}, total = {0};
  for (uint32_t i = 0; i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    double drawn, there;
    if (!draws_of(p, &drawn, &there) || drawn <= there) continue;
    struct crowded *c = p->def->rule == NSL_INDEGREE ? &in : p->def->rule == NSL_OUTDEGREE ? &out : &total;
    if (!c->n++) *c = (struct crowded){p, drawn, there, 1};
  }
  if (in.n) say(s, &in, "indegree", "sources");
  if (out.n) say(s, &out, "outdegree", "targets");
  if (total.n) say(s, &total, "total_number", "pairs");
}
