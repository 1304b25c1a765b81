/* Reverse mode: what its files share. */
#ifndef NSL_AUTODIFF_REVERSE_H
#define NSL_AUTODIFF_REVERSE_H

#include "autodiff/ad.h"
#include "autodiff/linear.h"

/* ---- activity.c: which states and rings have adjoints: those that depend on a parameter and reach a sum */
typedef struct {
  uint32_t n_params, n_states, n_rings; /* of the plain form */
  bool *depends, *reaches;              /* by state, then by ring */
} AdActive;
AdActive ad_active(Arena *a, const IrMarchForm *plain, uint32_t n_params, const bool *sums);
bool *ad_depends(const AdActive *w, const IrKernel *k, Arena *a); /* by instruction, whether it reaches a sum or not */
bool ad_active_slot(const AdActive *w, const IrSlot *slot); /* of a state or a ring */
bool *ad_active_values(const AdActive *w, const IrKernel *k, Arena *a); /* by instruction; a store: of what it stores */

/* ---- turns.c: loops backwards */
typedef struct { /* positions in a kernel that is ready */
  IrVal loop, body, next, again; /* of `loop`, the first after the carries, the first `next`, `again` */
  IrVal count;                   /* the last carry: how many turns */
  VEC(IrVal) outer;              /* what stands before the loop and is used in its body */
} AdLoop;
typedef VEC(AdLoop) AdLoopList;
/* The same kernel, same bits, in which each loop counts its turns, no body loads, and no condition that a loop carries is seen behind it. */
IrKernel *ad_loops_ready(const IrKernel *k, Arena *a, Session *s);
AdLoopList ad_loops_of(const IrKernel *k, Arena *a);
typedef struct {
  IrBuild *b;
  const IrKernel *k;
  const AdLoop *loop;
  const bool *active, *uses; /* by instruction of k; uses: by turns.c */
  const IrVal *value;        /* … its value in b->k: what the body uses, carries' first values, the count */
  IrVal *adjoint;            /* … IR_NONE: 0. Of carries as seen behind the loop; what the loop uses gets its share */
  int effort;
  const char *why;           /* as in AdLinear */
  IrVal seen;
} AdTurns;
void ad_turns_back(AdTurns *t);
IrVal ad_number(IrBuild *b, IrVal v);    /* a condition as 0 or 1; a number itself */
IrVal ad_condition(IrBuild *b, IrVal v); /* and back */

/* ---- tape.c: what of a step the way back finds on the tape, and what it computes again */
typedef enum { TAPE_NOT, TAPE_AGAIN, TAPE_KEPT } AdTaped;
AdTaped *ad_tape(const IrKernel *k, const bool *needed, Arena *a); /* by instruction */
uint32_t ad_cost(const IrKernel *k, Arena *a);                     /* of a step, in multiplications */

/* ---- reverse.c */
/* sum + weight * adjoint, x + y; a sum may be IR_NONE. Weights are at hand: a reciprocal is multiplied with. */
IrVal ad_add_times(IrBuild *b, IrVal sum, IrVal weight, IrVal adjoint);
IrVal ad_sum(IrBuild *b, IrVal x, IrVal y);
IrVal ad_where_flows(IrBuild *b, IrVal adjoint, IrVal weight); /* 0 where the adjoint is: never 0 * infinity */
typedef struct {
  Session *s;
  Arena *arena;
  AdActive active;
  int effort;
  bool quiet; /* an op without a derivative is no error: there are no kernels then */
} AdReverse;
/* The three kernels of one march; reports an op without a derivative on an active path. effort: of ad_linear_reduce, or -1: what
 * costs least. */
IrMarchBack ad_reverse(AdReverse *r, const IrMarchForm *plain, const char *name);
IrVal ad_has_loops(const IrKernel *k); /* the first; IR_NONE: none */

bool *ad_sums(const IrMarch *m, Arena *a);   /* by state of its plain form */

/* ---- hessian.c: `tangent` and `hessian` of the march, for the sums among its states; none where there is no second derivative */
void ad_hessian(AdForward *f, IrMarch *m, const bool *sums, int effort);

#endif
