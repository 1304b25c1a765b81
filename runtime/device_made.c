/* Rows that are made anew at each spike, on a device (runtime/device/made.h): where each source's row begins, and what the rule needs to
 * know who stands there. No synapse is kept. A projection by indegree with `no self` has its row in parts, as rules.c has it: targets that
 * are no sources, those that are, and, of the last source alone, a list. */
#include "runtime/chance.h"
#include "runtime/connect.h"
#include "runtime/device.h"
#include "runtime/rules.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { PARTS = 3 };

/* ---- what cannot be made there */

static bool is_apart(const struct rt_proj *p) { return p->form == RT_APART; }
static bool is_third(const struct rt_proj *p) { return p->def->rule == NSL_THIRD; }
static bool draws_weight(const struct rt_proj *p) { return p->drawn_weight; }
static bool draws_delay(const struct rt_proj *p) { return p->drawn_delay; }

static const struct {
  bool (*is)(const struct rt_proj *p);
  const char *what;
} refused[] = {
    {is_apart, "a row made anew at each spike, onto a handler that does more than add,"},
    {is_third, "a third part whose row is made anew at each spike"},
    {rt_by_chance, "a row drawn pair by pair, and made anew at each spike,"},
    {draws_weight, "a row made anew at each spike, with a weight that is drawn or given for each synapse,"},
    {draws_delay, "a row made anew at each spike, with a delay that is drawn or given for each synapse,"},
};

const char *rt_device_made_refuses(const struct rt_proj *p) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i].is(p)) return refused[i].what;
  return NULL;
}

/* ---- parts of a projection's rows */

uint32_t rt_device_made_sum(const struct rt_device *d, const struct rt_proj *p, uint32_t *ret_ring) {
  const struct dev_place *at = &d->places[p->target->index];
  const struct rt_form *form = &rt_forms[p->form];
  *ret_ring = form->behind ? DEV_COUNTS : d->s->program->f32 && form->sum_bytes == 8 ? DEV_LONG_SUMS : DEV_SUMS;
  return (*ret_ring == DEV_COUNTS ? at->count_at : *ret_ring == DEV_LONG_SUMS ? at->long_at : at->sum_at)[p->def->port];
}

static uint32_t rule_of(const struct rt_proj *p) {
  bool different = p->def->no_multiple;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ONE_TO_ONE: return DEV_PARTNER;
    case NSL_INDEGREE: return different ? DEV_ASKED : DEV_PLACES;
    case NSL_PROBABILITY: return DEV_DIFFERENT;
    case NSL_OUTDEGREE:
    case NSL_TOTAL_NUMBER: return different ? DEV_DIFFERENT : DEV_DRAWN;
    case NSL_ALL_TO_ALL:
    case NSL_EDGES: /* lists */
    case NSL_MATRIX:
    case NSL_THIRD: break;
  }
  return DEV_ALL;
}

static struct dev_made made_of(const struct rt_device *d, const struct rt_proj *p, uint32_t rule) {
  const struct rt_rule *r = p->rule;
  uint32_t ring;
  struct dev_made m = {.rule = rule, .no_self = p->self, .s0 = p->s0, .t0 = p->t0, .tn = p->tn, .both = r->both, .both_end = r->both_end,
                       .sum = rt_device_made_sum(d, p, &ring), .key = rule == DEV_DRAWN ? p->rule_key : r->order_key[rule == DEV_BOTH], .n = p->n};
  for (uint32_t i = 0; i < 2; i++) m.orders[i] = r->order[i];
  if (rule == DEV_BOTH) m.orders[0] = r->order[1];
  for (uint32_t i = 0; rule == DEV_DIFFERENT && i < 2 && i < p->tn; i++) m.orders[i] = rt_shuffle_of(p->tn - i, 1);
  return m;
}

static struct dev_rows *part_add(struct rt_device *d, const struct rt_proj *p, uint32_t rule, const uint32_t *list, uint64_t n) {
  struct dev_rows *g = &d->rows[d->n_rows++];
  *g = (struct dev_rows){.proj = p, .made = made_of(d, p, rule), .list = list, .pop = p->source, .units = rt_weight_units(p, p->weight),
                         .n = n, .delay = p->delay_steps};
  rt_device_made_sum(d, p, &g->ring);
  return g;
}

/* How many positions of a part are a source's. */
static uint64_t positions_of(const struct dev_rows *g, uint32_t source) {
  const struct rt_proj *p = g->proj;
  uint64_t before;
  if (p->edges) return rt_rule_count(p, source);
  if (g->list) return source == p->s0 + p->sn - 1 ? g->n : 0;
  if (g->made.rule == DEV_ASKED) return p->tn;
  if (g->made.rule != DEV_PLACES && g->made.rule != DEV_BOTH) return rt_rule_count(p, source);
  const struct rt_split *t = &p->rule->counts[g->made.rule == DEV_BOTH];
  return t->total && source - p->s0 < t->n ? rt_split_of(t, source - p->s0, &before) : 0;
}

struct counting {
  struct rt_device *d;
  struct dev_rows *rows;
  bool first; /* of the projection: its synapses are counted too */
};

static int count_job(void *context, uint32_t thread) {
  const struct counting *w = context;
  const struct rt_sim *s = w->d->s;
  const struct rt_proj *p = w->rows->proj;
  struct rt_synapses k = {.s = w->d->s};
  uint64_t from = (uint64_t)p->sn * thread / s->threads, end = (uint64_t)p->sn * (thread + 1) / s->threads, n = 0;
  int e = 0;
  for (uint64_t i = from; !e && i < end; i++) {
    uint32_t source = p->s0 + (uint32_t)i;
    w->rows->begin[source + 1] = positions_of(w->rows, source);
    if (!w->first) continue;
    e = rt_synapses_count(&k, p, source, &n);
    w->d->degrees[w->d->degree0[p->source->index] + source] += (uint32_t)n;
  }
  rt_synapses_drop(&k);
  return e;
}

static int part_count(struct rt_device *d, struct dev_rows *g, bool first) {
  if (!(g->begin = rt_alloc(&d->mem, g->pop->size + 1ull, sizeof *g->begin))) return NSL_EMEMORY;
  int e = rt_team_run(d->s->team, count_job, &(struct counting){d, g, first});
  for (uint32_t i = 0; i < g->pop->size; i++) g->begin[i + 1] += g->begin[i];
  return e;
}

static int proj_count(struct rt_device *d, const struct rt_proj *p) {
  const struct rt_rule *r = p->rule;
  uint32_t first = d->n_rows, rule = rule_of(p);
  int e = 0;
  if (p->edges) part_add(d, p, DEV_ALL, p->edges->target, p->edges->n);
  else if (rule != DEV_PLACES || r->counts[0].total) part_add(d, p, rule, NULL, 0);
  if (!p->edges && rule == DEV_PLACES && r->counts[1].total) part_add(d, p, DEV_BOTH, NULL, 0);
  if (!p->edges && rule == DEV_PLACES && r->n_own) part_add(d, p, DEV_BOTH, r->own, r->n_own);
  for (uint32_t i = first; !e && i < d->n_rows; i++) e = part_count(d, &d->rows[i], i == first);
  return e;
}

int rt_device_made_count(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = 0;
  if (!(d->rows = rt_alloc(&d->mem, (uint64_t)PARTS * s->n_projs + 1, sizeof *d->rows))) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    for (uint32_t k = 0; !e && k < s->n_projs; k++)
      if (s->projs[k].source == &s->pops[i]) e = proj_count(d, &s->projs[k]);
    d->rows_of[i + 1] = d->n_rows;
  }
  return e;
}

/* ---- to the device */

int rt_device_made_write(struct rt_device *d, struct dev_rows *g) {
  struct rt_mem mem = {0};
  uint32_t *targets = rt_alloc(&mem, g->n + 1, sizeof *targets);
  for (uint64_t i = 0; targets && i < g->n; i++) targets[i] = g->made.sum + g->list[i];
  int e = targets ? rt_device_copy_to(d, g->begin_at, g->begin, (g->pop->size + 1ull) * sizeof *g->begin, "rows") : NSL_EMEMORY;
  if (!e) e = rt_device_copy_to(d, g->targets_at, targets, g->n * sizeof *targets, "synapses");
  if (!e) e = rt_device_wait(d, "copying rows");
  rt_mem_free(&mem);
  return e;
}
