/* Reverse mode: what its files share. */
#ifndef NSL_AUTODIFF_REVERSE_H
#define NSL_AUTODIFF_REVERSE_H

#include "ir/ir.h"

/* ---- activity.c: which states and rings have adjoints: those that depend on a parameter and reach a sum */
typedef struct {
  uint32_t n_params, n_states, n_rings; /* of the plain form */
  bool *depends, *reaches;              /* by state, then by ring */
} AdActive;
AdActive ad_active(Arena *a, const IrMarchForm *plain, uint32_t n_params, const bool *sums);
bool ad_active_slot(const AdActive *w, const IrSlot *slot); /* of a state or a ring */
bool *ad_active_values(const AdActive *w, const IrKernel *k, Arena *a); /* by instruction; a store: of what it stores */

/* ---- linear.c: a kernel as a graph of what is linear in it: an edge is a derivative of one value by another */
typedef struct {
  uint32_t from, to;  /* instructions of the kernel; roots are its stores, leaves its loads */
  IrVal weight;       /* d to / d from, a value of b->k */
  IrVal guard;        /* the weight counts where this condition holds (unless: does not), else it is 0; IR_NONE: always */
  bool unless, gone;
} AdLink;
typedef VEC(uint32_t) AdLinkList;
typedef struct {
  IrBuild *b;
  const IrKernel *k;
  VEC(AdLink) edges;
  AdLinkList *in, *out; /* by instruction; some are gone */
  const char *why;      /* an op on the way has no derivative: the reason, or NULL */
  IrVal seen;           /* which */
} AdLinear;
/* map: by instruction of k its value in b->k. */
AdLinear ad_linear(IrBuild *b, const IrKernel *k, const IrVal *map, const bool *active);
/* Takes values out of the graph by the chain rule. effort 0: none; 1: those with one edge in and one out; 2: all by which the
 * number of edges does not grow. */
void ad_linear_reduce(AdLinear *l, int effort);
IrVal ad_linear_weight(AdLinear *l, const AdLink *e); /* guarded, as a value */

/* ---- tape.c: what of a step the way back finds on the tape, and what it computes again */
typedef enum { TAPE_NOT, TAPE_AGAIN, TAPE_KEPT } AdTaped;
AdTaped *ad_tape(const IrKernel *k, const bool *needed, Arena *a); /* by instruction */
uint32_t ad_cost(const IrKernel *k, Arena *a);                     /* of a step, in multiplications */

/* ---- reverse.c */
typedef struct {
  Session *s;
  Arena *arena;
  AdActive active;
  int effort;
} AdReverse;
/* The three kernels of one march; reports an op without a derivative on an active path. effort: of ad_linear_reduce, or -1: what
 * costs least. The march has no loops (ad_has_loops). */
IrMarchBack ad_reverse(AdReverse *r, const IrMarchForm *plain, const char *name);
IrVal ad_has_loops(const IrKernel *k); /* the first; IR_NONE: none */

#endif
