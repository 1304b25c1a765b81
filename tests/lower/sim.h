/* A model text, compiled to kernels and run by the reference evaluator: one population, 64 elements, no
 * projections. The test puts arriving weights and inputs in by hand. Time semantics as in the runtime: inputs
 * hold over a step, a hold of R steps starts with the step after its spike. */
#ifndef NSL_TESTS_LOWER_SIM_H
#define NSL_TESTS_LOWER_SIM_H

#include "ir/ir.h"

typedef struct {
  Session *s;
  IrModule *lowered, *m; /* level 1, level 2 */
  const IrExperiment *x;
  const IrPopulation *p;
  IrClass *c;
  uint32_t n; /* elements */
  double *g;  /* globals */
  uint8_t *set;
  double **state, **param, **input;
  int64_t **port;
  double **old; /* states at T-dt that a test compares with */
  VEC(IrEvent) *arrived; /* by port: events for handlers that do more than add, in order */
  uint64_t **held, *prev, *spike;
  double **begin, **end, **lag, **history; /* by delayed value: as the step sees it; steps; all that was, step by step */
  int *left; /* by hold and element: steps that remain; not of counted holds */
  uint64_t step, failed;
  double dt;
} Sim;

/* NULL after diagnostics (printed as TAP comments). */
Sim *sim_new(const char *text);
Sim *sim_new_n(const char *text, uint32_t population, uint32_t n);
void sim_free(Sim *sim);
bool sim_compiles(const char *text, const char *want);  /* false; or the diagnostics contain `want` */
void sim_set(Sim *sim, const char *path, double value); /* --set; then sim_start */
void sim_start(Sim *sim);                               /* setup, derive, init; time 0 */
void sim_step(Sim *sim);
void sim_run(Sim *sim, int steps);
double *sim_state(Sim *sim, const char *name);
double sim_uniform(Sim *sim, const char *name);
double sim_global(Sim *sim, const char *path);
void sim_input(Sim *sim, const char *name, double value);   /* all elements */
void sim_arrive(Sim *sim, const char *port, double weight); /* at the end of the next step; all elements */
void sim_arrive_at(Sim *sim, const char *port, uint32_t element, double weight); /* in the order of ports */
bool sim_spiked(const Sim *sim, uint32_t element);
const char *sim_method(const Sim *sim, const char *state);
/* The level-2 kernels as text; in the session's arena. */
const char *sim_text(Sim *sim, const IrKernel *k);
bool sim_uses(const IrKernel *k, IrOp op);

#endif
