/* Smart constructors over build.c, and what the passes of the middle share: folding of zeros, ones and
 * constants while formulas are being made; copying one kernel's instructions into another; values as linear
 * forms. Internal to ir/. */
#ifndef NSL_IR_ALGEBRA_H
#define NSL_IR_ALGEBRA_H

#include "ir/ir.h"

/* ---- algebra.c: like ir_op*, but x + 0, 1 * x, a / b with constants … make nothing new */
bool alg_const(const IrBuild *b, IrVal v, double *ret);
bool alg_is(const IrBuild *b, IrVal v, double num); /* the constant num, of any dimension */
IrVal alg_num(IrBuild *b, double num);              /* a plain number */
IrVal alg_zero_like(IrBuild *b, IrVal v);
IrVal alg_add(IrBuild *b, IrVal x, IrVal y);
IrVal alg_sub(IrBuild *b, IrVal x, IrVal y);
IrVal alg_mul(IrBuild *b, IrVal x, IrVal y);
IrVal alg_div(IrBuild *b, IrVal x, IrVal y);
IrVal alg_neg(IrBuild *b, IrVal x);
IrVal alg_fma(IrBuild *b, IrVal x, IrVal y, IrVal z); /* x * y + z, one rounding */
IrVal alg_select(IrBuild *b, IrVal c, IrVal x, IrVal y);
IrVal alg_exp(IrBuild *b, IrVal x);
IrVal alg_exprel(IrBuild *b, IrVal x);
bool alg_positive(const IrBuild *b, IrVal v); /* surely > 0 for finite arguments */
bool alg_nonzero(const IrBuild *b, IrVal v);  /* surely not 0 for finite arguments */

/* ---- copy.c: the instructions of kernel k once more, at the end of b->k, with other values for its loads */
typedef struct {
  IrBuild *b;
  const IrKernel *k;
  const IrVal *state, *old; /* by index, for LOADs of those slots; NULL: load the same slot in b->k */
  const IrVal *held;        /* by hold, for LOADs of HELD */
  const IrVal *input, *sample, *past; /* by index, for LOADs of those slots */
  IrVal prev;               /* for LOADs of PREV; IR_NONE: that slot */
  bool unchecked;           /* checks are not copied */
  IrVal arg;                /* the handler's argument; IR_NONE: none */
  IrVal time;               /* for TIME; IR_NONE: copied */
  bool quiet;               /* NOISE becomes 0 */
  IrVal *stored;            /* out, by k's slot number: the value stored there, or IR_NONE */
  IrVal *map;               /* out, by k's instruction */
} IrCopy;
IrCopy ir_copy_of(IrBuild *b, const IrKernel *k); /* with nothing replaced; out arrays allocated */
void ir_copy_run(IrCopy *c);
IrVal ir_copy_stored(const IrCopy *c, SlotKind kind, uint32_t index); /* IR_NONE: it stores no such slot */
IrVal ir_push(IrBuild *b, IrIns ins); /* an instruction as it is; arguments already values of b->k */

/* ---- classify.c: values of one kernel as linear forms over chosen values ("atoms") */
typedef struct {
  bool linear;
  bool *depends; /* by atom: the value depends on it in any way */
  IrVal *coef;   /* by atom, IR_NONE: 0. Free of atoms. Only if linear */
  IrVal rest;    /* IR_NONE: 0. Free of atoms. Only if linear */
} IrForm;
typedef struct {
  IrBuild *b;
  VEC(IrVal) atoms;
  IrForm **memo; /* by value */
  uint32_t n_memo;
} IrForms;
IrForms ir_forms(IrBuild *b, const IrVal *atoms, uint32_t n);
const IrForm *ir_form(IrForms *f, IrVal v); /* new values go to b->k; the dead ones are dce's business */

/* ---- differentiate.c: forward derivatives */
typedef struct {
  IrBuild *b;
  const IrVal *atoms;
  uint32_t n;
  IrVal **row;      /* by value, NULL: all 0; by atom, IR_NONE: 0 */
  const char *why;  /* an op on the way has no derivative: the reason, or NULL */
  IrVal where;      /* which */
} IrTangents;
/* The same where rows are given, for some of the values that there are (by value; the others get theirs there). */
IrTangents ir_tangents_from(IrBuild *b, IrVal **row, uint32_t n, const IrVal *roots, uint32_t n_roots);
IrTangents ir_tangents(IrBuild *b, const IrVal *atoms, uint32_t n, const IrVal *roots, uint32_t n_roots);
IrVal ir_tangent(const IrTangents *t, IrVal v, uint32_t atom); /* d v / d atom; IR_NONE: 0 */
/* The derivative of one op by its argument `by`, by ops.def; y: its value. IR_NONE: 0, or there is none, and why. */
IrVal ir_partial(IrBuild *b, IrOp op, const IrVal *args, IrVal y, int by, const char **ret_why);

/* ---- series.c: Taylor coefficients of the values of kernel k along a solution; b->k has its instructions */
typedef struct {
  IrBuild *b;
  const IrKernel *k;
  const IrVal *map;    /* by k's instruction: its value where the series begins */
  const bool *moves;   /* by k's instruction: it depends on t or a moving state */
  IrVal *const *state; /* by state that moves: its coefficients, set by who solves the equations */
  IrVal h;             /* the unit of time: coefficient j is the derivative j times h^j / j! */
  uint32_t order;
  IrVal **c, **d; /* by k's instruction: coefficients from 1 on, IR_NONE: 0; those of its slope for some rules */
  uint32_t *atom, n_atoms; /* k's instructions that are no linear forms of others, as they become known */
  IrVal **form;            /* by k's instruction: its factor of each atom; IR_NONE: 0 */
} IrSeries;
/* An op on the way from the states that move that has no rule, or NULL. */
const char *ir_series_none(Arena *a, const IrKernel *k, const bool *states);
IrSeries ir_series_of(IrBuild *b, const IrKernel *k, const bool *states, const IrVal *map, uint32_t order);
void ir_series_next(IrSeries *s, uint32_t k); /* coefficient k of all; s->state up to k is known */
/* Coefficient k of what is stored, times by if that is not IR_NONE; IR_NONE: 0 */
IrVal ir_series_stored(const IrSeries *s, SlotKind kind, uint32_t index, uint32_t k, IrVal by);
/* At other values of k's instructions some choice has another side than at the series' beginning; IR_NONE: never. */
IrVal ir_series_choices(const IrSeries *s, const IrVal *there);

/* What a value is made of. */
typedef struct {
  bool time, noise, transcendental;
  bool element; /* of anything with one value per element (state, param, input) */
} IrTraits;
IrTraits ir_traits(IrBuild *b, IrVal v);

#endif
