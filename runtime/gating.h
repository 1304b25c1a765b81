/* Continuous synapses with states of their own (gating.c). */
#ifndef NSL_RUNTIME_GATING_H
#define NSL_RUNTIME_GATING_H

#include "runtime/coupling.h"
#include "runtime/plastic.h"

struct rt_gating { /* of a coupling */
  const struct nsl_class *class;
  double *u;
  uint64_t key;
  struct rt_shown **seen; /* by sight */
};

struct rt_gates { /* of an inflow */
  uint64_t n;
  void **states, **params; /* by state, by param: reals, by synapse */
  void **inputs;           /* by input: reals of a run of synapses */
  double *out, *flows;     /* what a run streams; what each streams over the step */
  void **slots;            /* of the kernel that runs next */
};

struct rt_gate_row { /* one source's, while they are made; all zero: empty */
  const struct rt_coupling *of;
  uint64_t room;
  struct rt_gates gates;
  struct rt_mem mem;
};

bool rt_any_gates(const struct rt_sim *s);
int rt_gating_make(struct rt_sim *s, struct rt_coupling *c);
int rt_gates_alloc(struct rt_sim *s, struct rt_mem *mem, struct rt_inflow *f);
int rt_gates_row(struct rt_sim *s, const struct rt_coupling *c, struct rt_gate_row *r, uint32_t source, uint64_t n);
void rt_gates_put(const struct rt_sim *s, const struct rt_inflow *f, const struct rt_gate_row *r, uint64_t i, uint64_t k, double weight);
int rt_gates_begin(struct rt_sim *s); /* when all has been shown */
void rt_gates_step(struct rt_shard *h, const struct rt_inflow *f, uint64_t step);
/* Adds what flows into targets [from, to) over the step. */
void rt_gates_sum(const struct rt_inflow *f, uint32_t from, uint32_t to, double *acc);
uint64_t rt_gates_hash(const struct rt_sim *s); /* part of the state hash */
struct rt_archive;
void rt_gates_walk(struct rt_archive *a, struct rt_sim *s); /* part of a checkpoint */

/* A state of all synapses of a coupling, asked for source by source, each one's by (target, ordinal); 0 where another rank has it. */
struct rt_gate_walk {
  const struct rt_coupling *of;
  uint64_t *next; /* by target */
  struct rt_mem mem;
};
bool rt_gate_moves(const struct rt_coupling *c, uint32_t state); /* has it an equation, or is it no weight? */
int rt_gate_walk_begin(struct rt_sim *s, struct rt_gate_walk *w, const struct rt_coupling *c);
double rt_gate_next(const struct rt_sim *s, struct rt_gate_walk *w, uint32_t state, uint32_t target);
void rt_gate_walk_end(struct rt_gate_walk *w);

#endif
