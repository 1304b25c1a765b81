/* Dropout of observations: each step of the optimizer takes its gradient from another part of them.
 *
 * Neighbours in a trace say nearly the same, so what is left out are pieces, 1/64 of a sweep each; which ones depends on seed,
 * stage, step, sweep and piece alone. The march runs as ever, from beginning to end: only weights become 0. A term of which
 * nothing would be left keeps all. */
#include <string.h>

#include "math/math.h"
#include "runtime/fit.h"

enum { PIECES = 64 };

/* Sweeps of a march whose weights are arrays of their own. */
static int march_make(struct rt_fit *f, struct rt_march *m) {
  struct rt_mem *mem = &f->s->mem;
  if (m->thin) return 0;
  m->thin = rt_alloc(mem, f->n_traces, sizeof *m->thin);
  for (uint32_t i = 0; m->thin && i < f->n_traces; i++) {
    struct rt_weighed *w = &m->thin[i];
    w->weight = rt_alloc(mem, m->def->n_terms + 1, sizeof *w->weight);
    w->samples = rt_alloc(mem, m->def->n_samples + 1, sizeof *w->samples);
    if (!w->weight || !w->samples) return NSL_EMEMORY;
    for (uint32_t k = 0; k < m->def->n_samples; k++) {
      w->samples[k] = m->sweeps[i].samples[k];
      bool own = m->def->samples[k].kind == NSL_SAMPLE_WEIGHT;
      if (own && !(w->samples[k] = rt_alloc(mem, f->traces[i].n_steps, sizeof **w->samples))) return NSL_EMEMORY;
    }
  }
  return m->thin ? 0 : NSL_EMEMORY;
}

int rt_thin_make(struct rt_fit *f, const struct nsl_stage *stage) {
  int e = 0;
  for (uint32_t i = 0; !e && i < stage->n_marches; i++) e = march_make(f, &f->marches[stage->marches[i]]);
  return e;
}

/* One sweep's weights of one sample; gives their sum. */
static double weights_thin(const struct rt_stage_at *at, uint32_t trace, const double *from, double *to) {
  uint64_t n = at->f->traces[trace].n_steps;
  double sum = 0;
  for (uint32_t piece = 0; piece < PIECES; piece++) {
    uint64_t begin = n * piece / PIECES, end = n * (piece + 1) / PIECES;
    bool out = nslm_draw_uniform_f64(at->key, at->step, trace, piece, 0, 1) < at->dropout;
    for (uint64_t k = begin; k < end; k++) sum += to[k] = out ? 0 : from[k];
  }
  return sum;
}

static void term_thin(const struct rt_stage_at *at, struct rt_march *m, uint32_t sample) {
  struct rt_fit *f = at->f;
  uint32_t term = m->def->samples[sample].term;
  double left = 0;
  for (uint32_t i = 0; i < f->n_fitted; i++) {
    uint32_t trace = f->fitted[i];
    left += m->thin[trace].weight[term] = weights_thin(at, trace, m->sweeps[trace].samples[sample], m->thin[trace].samples[sample]);
  }
  for (uint32_t i = 0; !(left > 0) && i < f->n_fitted; i++) {
    uint32_t trace = f->fitted[i];
    m->thin[trace].weight[term] = m->sweeps[trace].weight[term];
    memcpy(m->thin[trace].samples[sample], m->sweeps[trace].samples[sample], f->traces[trace].n_steps * sizeof(double));
  }
}

void rt_thin(const struct rt_stage_at *at, bool on) {
  for (uint32_t i = 0; i < at->stage->n_marches; i++) {
    struct rt_march *m = &at->f->marches[at->stage->marches[i]];
    for (uint32_t k = 0; on && k < m->def->n_samples; k++)
      if (m->def->samples[k].kind == NSL_SAMPLE_WEIGHT) term_thin(at, m, k);
    m->thinned = on;
  }
}
