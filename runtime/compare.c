/* Do all ranks run the same? mpirun can be given several programs, options and machines. What is compared here decides
 * what is computed; threads and x86 levels may differ. Something else than the first rank has ends the run before it
 * begins. */
#include <stdio.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/quantity.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"

int rt_ranks_program(struct rt_ranks *r, const struct nsl_program *p) {
  char runtime[64];
  snprintf(runtime, sizeof runtime, "%s of runtime %s.%u", p->compiler, NSL_VERSION, NSL_ABI);
  int e = rt_ranks_same(r, "the program", p->name);
  if (!e) e = rt_ranks_same(r, "the model (model_hash)", p->model_hash);
  if (!e) e = rt_ranks_same(r, "the compiler", runtime);
  return e ? e : rt_ranks_same(r, "the precision", p->f32 ? "f32" : "f64");
}

int rt_ranks_options(const struct rt_ranks *r, const struct rt_config *c) {
  if (!r || r->n == 1) return 0;
  if (c->device) return rt_fail(NSL_ECANNOT, "--device gpu and emulated are for one process so far; %u ranks run on processors", r->n);
  if (!c->verify && !c->compare) return 0;
  return rt_fail(NSL_ECANNOT, "--verify and --compare are for one process; a run without mpirun has the same bits as one of %u ranks",
                 r->n);
}

/* Parameters one by one where they differ, so that the message can name one. */
static int parameters_compare(struct rt_sim *s) {
  uint64_t h = 0;
  char text[80];
  for (uint32_t i = 0; i < s->x->n_params; i++) h = nslm_hash((const char *)&s->G[s->x->params[i].slot], sizeof *s->G, h);
  uint64_t range[2] = {h, ~h};
  int e = rt_ranks_combine(s->ranks, range, 2, RT_MIN_U64);
  if (e || range[0] == ~range[1]) return e;
  for (uint32_t i = 0; !e && i < s->x->n_params; i++) {
    const struct nsl_param *p = &s->x->params[i];
    rt_quantity_text(s->G[p->slot] / p->unit_scale, p->unit, text, sizeof text);
    e = rt_ranks_same(s->ranks, p->path, text);
  }
  return e;
}

int rt_ranks_compare(struct rt_sim *s, const struct rt_config *config) {
  char number[40];
  int e = 0;
  if (!s->ranks) return 0;
#define SAME(what, format, value) \
  if (!e) snprintf(number, sizeof number, format, value), e = rt_ranks_same(s->ranks, what, number)
  if (!e) e = rt_ranks_same(s->ranks, "the experiment", s->x->name);
  SAME("the seed", "%llu", (unsigned long long)s->seed);
  SAME("the number of steps", "%llu", (unsigned long long)s->n_steps);
  SAME("the step (ms)", "%.17g", s->dt);
  SAME("--out", "%.39s", config->out ? config->out : "");
  SAME("--csv", "%d", config->csv);
  SAME("--no-report", "%d", config->no_report);
  SAME("--describe", "%d", config->describe);
#undef SAME
  return e ? e : parameters_compare(s);
}
