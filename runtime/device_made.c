/* Rows that are made anew at each spike, on a device (runtime/device/made.c): where each source's row begins, and what the rule needs to
 * know who stands there. No synapse is kept, but where rows are drawn pair by pair their targets are. A projection by indegree with
 * `no self` has its row in parts, as rules.c has it: targets that are no sources, those that are, and, of the last source alone, a list.
 *
 * What is drawn for a synapse goes by its number in the whole row. That is its position, but where the row has parts, or positions without
 * a synapse: there the number of the first synapse of each piece is kept. */
#include <math.h>
#include <string.h>

#include "runtime/chance.h"
#include "runtime/connect.h"
#include "runtime/device.h"
#include "runtime/device/made.h"
#include "runtime/rules.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { PARTS = 3, LISTED_AT_ONCE = 1 << 24 };

static bool draws(const struct rt_proj *p) { return p->drawn_weight || p->drawn_delay; }
static bool is_apart(const struct rt_proj *p) { return p->form == RT_APART; }
static bool is_third(const struct rt_proj *p) { return p->def->rule == NSL_THIRD; }
/* Whose synapses the rows are of: third parts stand at those of another projection. */
static const struct rt_proj *base_of(const struct rt_proj *p) { return is_third(p) ? p->of : p; }

/* ---- parts of a projection's rows */

uint32_t rt_device_made_sum(const struct rt_device *d, const struct rt_proj *p, uint32_t *ret_ring) {
  const struct dev_place *at = &d->places[p->target->index];
  if (is_apart(p)) {
    *ret_ring = DEV_LISTS;
    return at->list_at[p->def->port];
  }
  const struct rt_form *form = &rt_forms[p->form];
  *ret_ring = form->behind ? DEV_COUNTS : d->s->program->f32 && form->sum_bytes == 8 ? DEV_LONG_SUMS : DEV_SUMS;
  return (*ret_ring == DEV_COUNTS ? at->count_at : *ret_ring == DEV_LONG_SUMS ? at->long_at : at->sum_at)[p->def->port];
}

static uint32_t rule_of(const struct rt_proj *p) {
  bool different = p->def->no_multiple;
  if (p->edges || rt_by_chance(p)) return DEV_LISTED;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ONE_TO_ONE: return DEV_PARTNER;
    case NSL_INDEGREE: return different ? DEV_ASKED : DEV_PLACES;
    case NSL_PROBABILITY: return DEV_DIFFERENT;
    case NSL_OUTDEGREE:
    case NSL_TOTAL_NUMBER: return different ? DEV_DIFFERENT : DEV_DRAWN;
    case NSL_ALL_TO_ALL:
    case NSL_EDGES:
    case NSL_MATRIX:
    case NSL_THIRD: break;
  }
  return DEV_ALL;
}

static struct dev_made made_of(const struct rt_device *d, const struct rt_proj *p, uint32_t rule) {
  const struct rt_proj *b = base_of(p);
  const struct rt_rule *r = b->rule;
  uint32_t ring;
  struct dev_made m = {.rule = rule, .no_self = b->self, .s0 = b->s0, .t0 = b->t0, .tn = b->tn, .both = r->both, .both_end = r->both_end,
                       .sum = rt_device_made_sum(d, p, &ring), .key = rule == DEV_DRAWN ? b->rule_key : r->order_key[rule == DEV_BOTH], .n = b->n,
                       .weight = NSL_NONE, .delay = NSL_NONE, .value_key = p->key, .dt = d->s->dt, .stretch = rt_delay_stretch(d->s, p), .lo = p->lo,
                       .hi = p->hi, .per_grain = is_apart(p) ? 0 : 1 / p->grain};
  if (p->drawn_weight && !p->given) m.weight = p->weight_code->kernel;
  if (p->drawn_delay) m.delay = p->delay_code->kernel;
  for (uint32_t i = 0; i < 2; i++) m.orders[i] = r->order[i];
  if (rule == DEV_BOTH) m.orders[0] = r->order[1];
  for (uint32_t i = 0; rule == DEV_DIFFERENT && i < 2 && i < b->tn; i++) m.orders[i] = rt_shuffle_of(b->tn - i, 1);
  return m;
}

static void part_add(struct rt_device *d, const struct rt_proj *p, uint32_t rule, const uint32_t *list, uint64_t n) {
  struct dev_rows *g = &d->rows[d->n_rows++];
  *g = (struct dev_rows){.proj = p, .made = made_of(d, p, rule), .list = list, .pop = p->source, .n = n, .delay = p->delay_steps,
                         .least = p->drawn_delay ? UINT32_MAX : p->delay_steps, .most = p->drawn_delay ? 0 : p->delay_steps};
  rt_device_made_sum(d, p, &g->ring);
  if (!is_apart(p)) g->units = p->drawn_weight ? p->grain_units : rt_weight_units(p, p->weight);
}

static uint64_t positions_in(const struct rt_split *t, uint32_t i) {
  uint64_t before;
  return t->total && i < t->n ? rt_split_of(t, i, &before) : 0;
}

/* ---- how many there are: a job over the sources, shared out to all threads */

struct found {
  uint64_t synapses;
  uint32_t least, most; /* delays */
};
struct counting {
  struct rt_device *d;
  struct dev_rows *rows;
  bool first; /* of the projection: its synapses are counted too */
  struct found own, *found; /* by thread */
  int (*count)(struct counting *w, struct rt_synapses *k, uint32_t source);
};

static int sources_job(void *context, uint32_t thread) {
  const struct counting *all = context;
  struct counting own = *all, *w = &own; /* it finds its own delays */
  const struct rt_proj *p = base_of(w->rows->proj);
  struct rt_synapses k = {.s = w->d->s};
  uint64_t from = (uint64_t)p->sn * thread / w->d->s->threads, end = (uint64_t)p->sn * (thread + 1) / w->d->s->threads;
  int e = 0;
  for (uint64_t i = from; !e && i < end; i++) e = w->count(w, &k, p->s0 + (uint32_t)i);
  if (w->found) w->found[thread] = w->own;
  rt_synapses_drop(&k);
  return e;
}

/* What is known of the projection, in its first part: synapses of each source; of delays that are drawn, for handlers that do more than add, their range. */
static int synapses_look(struct counting *w, struct rt_synapses *k, uint32_t source) {
  const struct rt_proj *p = w->rows->proj;
  struct rt_row_of row = {0};
  bool late = is_apart(p) && p->drawn_delay;
  int e = late ? rt_synapses_of(k, p, source, &row) : rt_synapses_count(k, p, source, &row.n);
  w->own.synapses += row.n;
  if (late && row.n && row.delays.least < w->own.least) w->own.least = row.delays.least;
  if (late && row.n && row.delays.most > w->own.most) w->own.most = row.delays.most;
  w->d->degrees[w->d->degree0[p->source->index] + source] += (uint32_t)row.n;
  return e;
}

/* How many positions of a part are a source's. */
static int positions_count(struct counting *w, struct rt_synapses *k, uint32_t source) {
  const struct dev_rows *g = w->rows;
  const struct rt_proj *p = base_of(g->proj);
  uint64_t n = 0;
  int e = w->first ? synapses_look(w, k, source) : 0;
  if (!e && g->made.rule == DEV_LISTED && !g->list) e = rt_synapses_count(k, p, source, &n);
  switch ((enum dev_rule)g->made.rule) {
    case DEV_PLACES:
    case DEV_BOTH: n = positions_in(&p->rule->counts[g->made.rule == DEV_BOTH], source - p->s0); break;
    case DEV_ASKED: n = p->tn; break;
    case DEV_LISTED: n = !g->list ? n : p->edges ? rt_rule_count(p, source) : source == p->s0 + p->sn - 1 ? g->n : 0; break;
    case DEV_ALL:
    case DEV_PARTNER:
    case DEV_DRAWN:
    case DEV_DIFFERENT: n = rt_rule_count(p, source); break;
  }
  g->begin[source + 1] = n;
  return e;
}

static int part_count(struct rt_device *d, struct dev_rows *g, bool first) {
  struct rt_mem mem = {0};
  struct counting w = {.d = d, .rows = g, .first = first, .own = {.least = UINT32_MAX}, .count = positions_count};
  w.found = rt_alloc(&mem, d->s->threads, sizeof *w.found);
  g->begin = rt_alloc(&d->mem, g->pop->size + 1ull, sizeof *g->begin);
  int e = w.found && g->begin ? rt_team_run(d->s->team, sources_job, &w) : NSL_EMEMORY;
  for (uint32_t t = 0; !e && t < d->s->threads; t++) {
    g->synapses += w.found[t].synapses;
    g->least = w.found[t].least < g->least ? w.found[t].least : g->least;
    g->most = w.found[t].most > g->most ? w.found[t].most : g->most;
  }
  rt_mem_free(&mem);
  if (e) return e;
  for (uint32_t i = 0; i < g->pop->size; i++) g->begin[i + 1] += g->begin[i];
  if (g->made.rule == DEV_LISTED) g->n = g->begin[g->pop->size];
  return e;
}

/* ---- the number in its row of the first synapse of each piece */

static uint32_t pieces_of(const struct dev_rows *g, uint32_t source) {
  return (uint32_t)((g->begin[source + 1] - g->begin[source] + DEV_MADE_PIECE - 1) / DEV_MADE_PIECE);
}

/* Positions are all targets, in order; the row has some of them. */
static int numbers_asked(struct rt_synapses *k, const struct dev_rows *g, uint32_t source, uint32_t *out) {
  uint64_t n = 0, at = 0;
  int e = rt_partners_of(k, base_of(g->proj), source, &n);
  for (uint32_t i = 0; !e && i < pieces_of(g, source); i++) {
    while (at < n && k->partners[at] - g->made.t0 < i * DEV_MADE_PIECE) at++;
    out[i] = (uint32_t)at;
  }
  return e;
}

/* Of targets that are sources too: first in the row, without those that drew themselves, which are few. */
static void numbers_both(const struct dev_rows *g, uint32_t source, uint64_t kept, uint32_t *out) {
  uint64_t begin = g->begin[source], n = g->begin[source + 1] - begin;
  uint32_t left = 0;
  for (uint64_t i = 0; i < n; i++) {
    if (i % DEV_MADE_PIECE == 0) out[i / DEV_MADE_PIECE] = (uint32_t)i - left;
    left += kept < n && made_target(&g->made, source, begin + i, (uint32_t)i, (uint32_t)n) == DEV_NOBODY;
  }
}

static int numbers_find(struct counting *w, struct rt_synapses *k, uint32_t source) {
  const struct dev_rows *g = w->rows;
  const struct rt_proj *p = base_of(g->proj);
  uint32_t *out = g->ordinals + g->piece0[source];
  uint64_t n = g->begin[source + 1] - g->begin[source];
  if (!n) return 0;
  if (g->made.rule == DEV_ASKED) return numbers_asked(k, g, source, out);
  uint64_t all = rt_rule_count(p, source), first = g->made.rule == DEV_PLACES ? all - n : 0; /* behind the other parts */
  if (g->made.rule == DEV_BOTH) numbers_both(g, source, all - positions_in(&p->rule->counts[0], source - p->s0), out);
  else
    for (uint32_t i = 0; i < pieces_of(g, source); i++) out[i] = (uint32_t)first + i * DEV_MADE_PIECE;
  return 0;
}

/* Third parts: of how many synapses before the piece there is one. */
static int thirds_find(struct counting *w, struct rt_synapses *k, uint32_t source) {
  const struct dev_rows *g = w->rows;
  const struct rt_proj *p = g->proj;
  uint64_t n = 0, at = 0;
  uint32_t there = 0, pieces = pieces_of(g, source);
  int e = pieces ? rt_partners_of(k, p->of, source, &n) : 0;
  for (uint32_t i = 0; !e && i < pieces; i++) {
    uint64_t end = g->ordinals ? g->ordinals[g->piece0[source] + i] : (uint64_t)i * DEV_MADE_PIECE;
    for (; at < end; at++) there += rt_third_cell(k->s, p, source, at, k->partners[at]) != NSL_NONE;
    g->third_ordinals[g->piece0[source] + i] = there;
  }
  return e;
}

static int part_number(struct rt_device *d, struct dev_rows *g, bool gaps, bool thirds) {
  if (!gaps && !thirds) return 0;
  if (!(g->piece0 = rt_alloc(&d->mem, g->pop->size + 1ull, sizeof *g->piece0))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < g->pop->size; i++) {
    g->piece0[i] = (uint32_t)g->n_ordinals;
    g->n_ordinals += pieces_of(g, i);
  }
  if (gaps && !(g->ordinals = rt_alloc(&d->mem, g->n_ordinals + 1, sizeof *g->ordinals))) return NSL_EMEMORY;
  if (thirds && !(g->third_ordinals = rt_alloc(&d->mem, g->n_ordinals + 1, sizeof *g->ordinals))) return NSL_EMEMORY;
  int e = gaps ? rt_team_run(d->s->team, sources_job, &(struct counting){.d = d, .rows = g, .count = numbers_find}) : 0;
  return e || !thirds ? e : rt_team_run(d->s->team, sources_job, &(struct counting){.d = d, .rows = g, .count = thirds_find});
}

/* ---- all of them */

static int proj_count(struct rt_device *d, const struct rt_proj *p) {
  const struct rt_proj *b = base_of(p);
  if (!b) return 0; /* third parts of synapses that are not there */
  const struct rt_rule *r = b->rule;
  uint32_t first = d->n_rows, rule = rule_of(b);
  int e = 0;
  if (rule == DEV_LISTED) part_add(d, p, rule, b->edges ? b->edges->target : NULL, 0);
  else if (rule != DEV_PLACES || r->counts[0].total) part_add(d, p, rule, NULL, 0);
  if (rule == DEV_PLACES && r->counts[1].total) part_add(d, p, DEV_BOTH, NULL, 0);
  if (rule == DEV_PLACES && r->n_own) part_add(d, p, DEV_LISTED, r->own, r->n_own);
  bool numbered = draws(p) || is_apart(p), parts = d->n_rows > first + 1 || (d->n_rows > first && d->rows[first].made.rule == DEV_BOTH);
  for (uint32_t i = first; !e && i < d->n_rows; i++) {
    e = part_count(d, &d->rows[i], i == first);
    if (!e) e = part_number(d, &d->rows[i], (numbered || is_third(p)) && (rule == DEV_ASKED || parts), numbered && is_third(p));
    d->rows[i].least = d->rows[first].least;
    d->rows[i].most = d->rows[first].most;
  }
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

/* What kernels read of pairs; twice: for its size, and with addresses. */
static uint64_t fields_put(struct rt_device *d, const struct rt_proj *p) {
#define KEEP(data, n) (const double *)(uintptr_t)(d->block + rt_device_keep(d, data, (n) * sizeof(double)))
  uint32_t n = draws(p) ? p->def->n_fields : 0;
  struct dev_field *fields = rt_alloc(&d->mem, n + 1ull, sizeof *fields);
  d->image.failed |= !fields;
  for (uint32_t i = 0; fields && i < n; i++) {
    enum nsl_field_kind kind = (enum nsl_field_kind)p->def->fields[i].kind;
    const struct rt_places *from = p->source->places, *to = p->target->places;
    struct dev_field *f = &fields[i];
    *f = (struct dev_field){.kind = kind, .axis = p->def->fields[i].axis};
    if (kind == NSL_FIELD_EDGE) f->values = KEEP(p->fields[i], p->edges->n);
    if (kind == NSL_FIELD_TABLE) f->values = KEEP(p->fields[i], (uint64_t)p->sn * p->tn);
    for (int a = 0; a < 3; a++) {
      if (kind == NSL_FIELD_DISTANCE || kind == NSL_FIELD_PRE) f->from[a] = KEEP(from->at[a], p->source->size);
      if (kind == NSL_FIELD_DISTANCE || kind == NSL_FIELD_POST) f->to[a] = KEEP(to->at[a], p->target->size);
      if (kind == NSL_FIELD_DISTANCE) f->around[a] = from->period[a] > 0 ? from->period[a] : INFINITY;
    }
  }
#undef KEEP
  return fields ? rt_image_put(d, fields, n * sizeof *fields) : 0;
}

/* Weights that are sought: by number in the row. */
static void given_keep(struct rt_device *d, const struct rt_proj *p, struct dev_made *m) {
  const struct rt_given *given = p->given;
  m->given = (const double *)(uintptr_t)(d->block + rt_device_keep(d, given->weights, given->begin[p->sn] * sizeof *given->weights));
  m->given_begin = (const uint64_t *)(uintptr_t)(d->block + rt_device_keep(d, given->begin, (p->sn + 1ull) * sizeof *given->begin));
}

void rt_device_made_plan(struct rt_device *d, struct dev_rows *g) {
  if (g->proj) (void)fields_put(d, g->proj);
  if (g->proj && g->proj->given) given_keep(d, g->proj, &(struct dev_made){0});
  if (!g->piece0) return;
  if (g->ordinals) g->ordinals_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n_ordinals * sizeof *g->ordinals);
  if (g->third_ordinals) g->third_ordinals_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n_ordinals * sizeof *g->ordinals);
  g->piece0_at = rt_device_reserve(d, DEV_USE_SYNAPSES, (g->pop->size + 1ull) * sizeof *g->piece0);
}

/* ---- to the device */

/* Targets of rows that are drawn pair by pair: those of so many sources at a time as fit into the room. */
struct listing {
  struct counting count;
  uint32_t from, end;
  uint32_t *targets;
};

static int targets_job(void *context, uint32_t thread) {
  struct listing *w = context;
  const struct dev_rows *g = w->count.rows;
  struct rt_synapses k = {.s = w->count.d->s};
  uint64_t n = w->end - w->from, from = w->from + n * thread / w->count.d->s->threads, end = w->from + n * (thread + 1) / w->count.d->s->threads;
  int e = 0;
  for (uint64_t i = from; !e && i < end; i++) {
    uint64_t has = 0;
    if (g->begin[i + 1] > g->begin[i]) e = rt_partners_of(&k, base_of(g->proj), (uint32_t)i, &has);
    if (!e && has) memcpy(w->targets + (g->begin[i] - g->begin[w->from]), k.partners, has * sizeof *k.partners);
  }
  rt_synapses_drop(&k);
  return e;
}

static int targets_find(struct rt_device *d, struct dev_rows *g) {
  struct rt_mem mem = {0};
  uint64_t most = 0;
  for (uint32_t i = 0; i < g->pop->size; i++) most = g->begin[i + 1] - g->begin[i] > most ? g->begin[i + 1] - g->begin[i] : most;
  most = g->n < LISTED_AT_ONCE ? g->n : most > LISTED_AT_ONCE ? most : LISTED_AT_ONCE;
  struct listing w = {.count = {.d = d, .rows = g}, .targets = rt_alloc(&mem, most + 1, sizeof *w.targets)};
  int e = w.targets ? 0 : NSL_EMEMORY;
  for (; !e && w.from < g->pop->size; w.from = w.end) {
    for (w.end = w.from + 1; w.end < g->pop->size && g->begin[w.end + 1] - g->begin[w.from] <= most;) w.end++;
    e = rt_team_run(d->s->team, targets_job, &w);
    uint64_t at = g->begin[w.from], n = g->begin[w.end] - at;
    if (!e) e = rt_device_copy_to(d, g->targets_at + at * sizeof *w.targets, w.targets, n * sizeof *w.targets, "synapses");
    if (!e) e = rt_device_wait(d, "copying synapses");
  }
  rt_mem_free(&mem);
  return e;
}

int rt_device_made_write(struct rt_device *d, struct dev_rows *g) {
  int e = rt_device_copy_to(d, g->begin_at, g->begin, (g->pop->size + 1ull) * sizeof *g->begin, "rows");
  if (!e && g->list) e = rt_device_copy_to(d, g->targets_at, g->list, g->n * sizeof *g->list, "synapses");
  else if (!e && g->made.rule == DEV_LISTED) e = targets_find(d, g);
  if (!e && g->ordinals) e = rt_device_copy_to(d, g->ordinals_at, g->ordinals, g->n_ordinals * sizeof *g->ordinals, "rows");
  if (!e && g->third_ordinals) e = rt_device_copy_to(d, g->third_ordinals_at, g->third_ordinals, g->n_ordinals * sizeof *g->ordinals, "rows");
  if (!e && g->piece0) e = rt_device_copy_to(d, g->piece0_at, g->piece0, (g->pop->size + 1ull) * sizeof *g->piece0, "rows");
  return e ? e : rt_device_wait(d, "copying rows");
}

static uint64_t third_put(struct rt_device *d, const struct rt_proj *p) {
  _Static_assert((int)DEV_TAKES == (int)RT_THIRD_TAKES && (int)DEV_WHICH == (int)RT_THIRD_WHICH, "as third.c draws");
  if (!is_third(p)) return 0;
  struct dev_third third = {.first = p->t0, .cells = p->tn, .t0 = p->of->t0, .tn = p->of->tn, .pool = (uint32_t)p->n, .blocks = p->def->blocks,
                            .share = p->p, .key = p->rule_key, .order_key = p->rule->order_key[0], .order = p->rule->order[0]};
  return rt_image_put(d, &third, sizeof third);
}

uint64_t rt_image_made(struct rt_device *d, const struct dev_rows *g) {
#define AT(at) (void *)(uintptr_t)(d->block + (at))
  struct dev_made m = g->made;
  m.u = (const double *)AT(d->globals_at) + (g->proj->u - d->s->G);
  m.listed = AT(g->targets_at);
  m.ordinals = g->ordinals ? AT(g->ordinals_at) : NULL;
  m.third_ordinals = g->third_ordinals ? AT(g->third_ordinals_at) : NULL;
  m.piece0 = AT(g->piece0_at);
  m.third = (const struct dev_third *)(uintptr_t)third_put(d, g->proj);
  if (g->proj->given) given_keep(d, g->proj, &m);
  m.fields = (const struct dev_field *)(uintptr_t)fields_put(d, g->proj);
#undef AT
  return rt_image_put(d, &m, sizeof m);
}
