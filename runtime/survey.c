/* What has to be known of synapses that are not stored: how many there are, the shortest and the longest delay, and that no
 * weight is larger than its form allows. Rows are made once for it, and only where weights or delays are drawn: else the
 * rule knows how many synapses a source has. */
#include <math.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SOURCES = 256 };

struct survey { /* of one thread */
  struct rt_build *b;
  struct rt_synapses synapses;
  double *largest; /* |weight|, by projection */
  uint32_t min_delay, max_delay;
  uint64_t n;
};

static void delay_look(struct survey *v, uint32_t delay) {
  v->min_delay = delay < v->min_delay ? delay : v->min_delay;
  v->max_delay = delay > v->max_delay ? delay : v->max_delay;
}

/* Synapses onto the elements that this process has. */
static uint64_t own_count(const struct rt_sim *s, const struct rt_proj *p, const struct rt_row_of *row) {
  uint64_t n = 0;
  if (s->own1 - s->own0 == s->n_shards) return row->n;
  for (uint64_t i = 0; i < row->n; i++) n += rt_is_own(s, p->target->lanes[row->target[i] / 64].shard);
  return n;
}

static int row_look(struct survey *v, const struct rt_proj *p, uint32_t source) {
  const struct rt_sim *s = v->synapses.s;
  struct rt_row_of row;
  if (!p->drawn_weight && !p->drawn_delay && s->own1 - s->own0 == s->n_shards) {
    uint64_t n;
    int e = rt_synapses_count(&v->synapses, p, source, &n);
    if (!e && n) delay_look(v, p->delay_steps);
    v->n += e ? 0 : n;
    return e;
  }
  int e = rt_synapses_of(&v->synapses, p, source, &row);
  if (e || !row.n) return e;
  double *largest = &v->largest[p - s->projs];
  for (uint64_t i = 0; row.weight && i < row.n; i++)
    if (fabs(row.weight[i]) > *largest) *largest = fabs(row.weight[i]);
  for (uint64_t i = 0; row.delay && i < row.n; i++) delay_look(v, row.delay[i]);
  if (!row.delay) delay_look(v, p->delay_steps);
  v->n += own_count(s, p, &row);
  return 0;
}

/* indegree with `no multiple` counts as slowly as it makes rows, and has nothing to tell. */
static bool is_known(const struct rt_sim *s, const struct rt_proj *p) {
  return p->def->rule == NSL_INDEGREE && !p->drawn_weight && !p->drawn_delay && s->own1 - s->own0 == s->n_shards;
}

static int proj_look(struct survey *v, const struct rt_proj *p) {
  struct rt_build *b = v->b;
  if (is_known(v->synapses.s, p)) return 0;
  for (uint64_t from; !b->failed && (from = (uint64_t)atomic_fetch_add(&b->next, 1) * SOURCES) < p->sn;)
    for (uint64_t i = from; i < from + SOURCES && i < p->sn; i++) {
      int e = row_look(v, p, p->s0 + (uint32_t)i);
      if (e) return e;
      if (b->s->interrupt && *b->s->interrupt) return rt_fail(NSL_ESTOPPED, "interrupted while connecting");
    }
  return 0;
}

static int survey_job(void *context, uint32_t thread) {
  struct rt_build *b = context;
  struct rt_mem mem = {0};
  struct survey v = {.b = b, .synapses = {.s = b->s}, .min_delay = UINT32_MAX};
  v.largest = rt_alloc(&mem, b->s->n_projs, sizeof *v.largest);
  int e = v.largest ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; i < b->s->n_projs; i++) {
    const struct rt_proj *p = &b->s->projs[i];
    if (!e) e = proj_look(&v, p);
    if (!e && !thread && is_known(b->s, p) && p->n && p->tn) {
      v.n += p->n * p->tn;
      delay_look(&v, p->delay_steps);
    }
    if (e) b->failed = 1;
    rt_barrier(b->s->team, thread); /* nobody still takes work of this projection */
    if (!thread) b->next = 0;
    rt_barrier(b->s->team, thread);
  }
  if (!e) rt_build_merge(b, v.largest, v.min_delay, v.max_delay, v.n);
  rt_synapses_drop(&v.synapses);
  rt_mem_free(&mem);
  return e;
}

int rt_survey(struct rt_build *b) {
  b->next = b->failed = 0;
  return rt_team_run(b->s->team, survey_job, b);
}
