/* Marches for tests, with their derivatives in both modes, and memory to run them by an evaluator. */
#ifndef NSL_TESTS_GRADIENTS_MARCHES_H
#define NSL_TESTS_GRADIENTS_MARCHES_H

#include "autodiff/ad.h"
#include "autodiff/reverse.h"
#include "ir/quad.h"

typedef struct {
  IrMarchForm plain, gradient, tangent;
  IrMarchBack reverse, hessian;
  uint32_t n_params;
  bool loops;
  bool *sums; /* by state */
} Marches;
/* Of a begin and a march kernel. false: some op on the way has no derivative. */
bool marches_of(Session *s, Arena *a, IrKernel *begin, IrKernel *march, int effort, Marches *ret);
/* Random ones, by tests/ir/random_kernel.h. false: of this seed there are none, for an op without derivative. */
bool marches_random(Session *s, Arena *a, uint64_t seed, int effort, Marches *ret);

typedef struct {
  bool quad; /* else float64 */
  int64_t lanes;
  uint64_t steps, most, lag; /* most: what the arrays have room for */
  uint64_t segment;    /* reverse: steps at a time */
  double u[128];
  Quad wide_u[128];    /* the same numbers */
  VEC(void *) arrays; /* found by key */
  VEC(uint64_t) keys;
  Arena *arena;
  uint64_t seed;
} Run;
/* Parameters, samples and uniforms are functions of the seed. */
Run run_new(Arena *a, uint64_t seed, bool quad, int64_t lanes, uint64_t steps, uint64_t lag);
void run_plain(Run *r, const Marches *m);
void run_forward(Run *r, const Marches *m);
/* The adjoints of sums are weight(i). */
void run_reverse(Run *r, const Marches *m);
/* The same of the derivatives along the direction that stands behind the parameters: adjoints then hold the Hessian times it, and the
 * gradient. */
void run_hessian(Run *r, const Marches *m);
double run_weight(uint32_t state);
Quad run_state(const Run *r, uint32_t state, int64_t lane);   /* primal, or tangents */
Quad run_adjoint(const Run *r, uint32_t state, int64_t lane);
/* All states and rings, with their tangents, are numbers below `most`. */
bool run_finite(const Run *r, int64_t lane, double most);
Quad run_param(const Run *r, uint32_t k, int64_t lane);
void run_set_param(Run *r, uint32_t k, int64_t lane, Quad value);
/* The sum of weight(i) times the derivative of sum i by parameter k, by forward mode; and of their magnitudes. */
Quad run_product(const Run *r, const Marches *m, uint32_t k, int64_t lane, Quad *ret_scale);

#endif
