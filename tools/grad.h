/* nslc grad --check: what its two files share. */
#ifndef NSL_TOOLS_GRAD_H
#define NSL_TOOLS_GRAD_H

#include "ir/quad.h"
#include "runtime/fit_walk.h"
#include "tools/tool.h"

typedef struct {
  Arena *arena;
  const Backend *backend;
  const IrFit *ir;          /* as it is compiled */
  const IrFit *all;         /* the same with forward mode in every march */
  const struct rt_fit *fit; /* with the recordings, on the steps of the run */
  uint32_t n;               /* free parameters, each of one `per sweep` counted */
} GradFit;

/* By parameter, in coherent units. */
typedef struct {
  Quad *difference; /* central, of the objective */
  Quad *forward;    /* forward mode; NULL: no optimizer of this stage asks for derivatives */
  Quad *diagonal;   /* of the Gauss-Newton matrix, by differences of what is squared; NULL: the objective is no sum of squares */
} GradFound;
/* In 113-bit arithmetic, at the place with these values. `sizes`: of each parameter; differences take a 10^-12 of it. */
GradFound grad_quad(const GradFit *g, uint32_t stage, const double *values, const double *sizes, bool squares);
/* The Hessian times v, by second differences of the objective. */
const Quad *grad_quad_product(const GradFit *g, uint32_t stage, const double *values, const double *sizes, const double *v);

#endif
