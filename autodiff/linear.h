/* A kernel as a graph of what is linear in it, which both modes of differentiation reduce: linear.c. */
#ifndef NSL_AUTODIFF_LINEAR_H
#define NSL_AUTODIFF_LINEAR_H

#include "ir/ir.h"

typedef struct {
  uint32_t from, to;  /* vertices */
  IrVal weight;       /* d to / d from, a value of b->k */
  IrVal guard;        /* the weight counts where this condition holds (unless: does not), else it is 0; IR_NONE: always */
  bool unless, gone;
} AdLink;
typedef VEC(uint32_t) AdLinkList;
/* The first argument that has a derivative, if any has. */
static inline int ad_first_arg(IrOp op) { return op == IR_SOLVED; }
typedef struct {
  IrBuild *b;
  const IrKernel *k;    /* vertices: its instructions, then others (ad_linear_other) */
  VEC(AdLink) edges;
  AdLinkList *in, *out; /* by vertex; some are gone */
  const bool *steady;   /* by instruction: the same in every step */
  bool *stays;          /* by instruction: is never taken out, and serves more than this graph; NULL: none */
  const char *why;      /* an op on the way has no derivative: the reason, or NULL */
  IrVal seen;           /* which */
} AdLinear;
AdLinear ad_linear_new(IrBuild *b, const IrKernel *k, uint32_t others);
static inline uint32_t ad_linear_other(const AdLinear *l, uint32_t nth) { return l->k->ins.n + nth; }
void ad_linear_edge(AdLinear *l, uint32_t from, uint32_t to, IrVal weight);
/* The edges of instructions [from, to) of k among those that are active. map: by instruction of k its value in b->k. */
void ad_linear_fill(AdLinear *l, const IrVal *map, const bool *active, IrVal from, IrVal to);
/* When all edges are there: guards of what serves only sides of choices that are not chosen. */
void ad_linear_guard(AdLinear *l, const bool *active, IrVal from, IrVal to);
/* Takes values out of the graph by the chain rule. effort 0: none; 1: all by which the number of edges does not grow, the last first;
 * 2: the same, that with the fewest pairs of edges first; 3: all, in this order. */
enum { AD_EFFORTS = 4 };
void ad_linear_reduce(AdLinear *l, int effort);
/* Takes out all instructions but stores and leaves; known: those whose own derivatives, by other vertices, are finite numbers;
 * NULL: there are none. */
void ad_linear_eliminate(AdLinear *l, const bool *known);
IrVal ad_linear_weight(AdLinear *l, const AdLink *e);                      /* guarded, as a value */
IrVal ad_linear_between(AdLinear *l, uint32_t from, uint32_t to);          /* the same of the edge; IR_NONE: there is none */

#endif
