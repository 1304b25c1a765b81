/* Derivatives of whole simulations, source to source on kernels: what leaves autodiff/, and what its files share.
 *
 * A fit arrives from ir/ with its classes at level 2 (one fused step) and its terms as record kernels. Here it becomes
 * marches: a program over time for all starts side by side (march.c), and its derivatives (forward.c). Every kernel made
 * here is IR like any other: verified, printed, evaluated by the reference, compiled. */
#ifndef NSL_AUTODIFF_AD_H
#define NSL_AUTODIFF_AD_H

#include "ir/ir.h"

extern const IrPass ad_passes[];
extern const uint32_t ad_n_passes;
/* Runs the passes of autodiff/passes.def on a module of level 2 that has fits; any other it gives back as it is. after: stops
 * behind that pass; NULL, or a pass of ir/: runs all. */
IrModule *ad_pipeline(Session *s, IrModule *m, const char *after);
/* What the pipeline does to derivatives that forward mode has made: the passes between it and reverse mode, on these kernels alone. */
IrModule *ad_finish(Session *s, Arena *a, IrModule *m);

/* Behind ir_explain: what was chosen for the fits of the module, and why. */
void ad_explain(Session *s, const IrModule *m, FILE *out, bool json);

#define PASS(name, function, exact, doc) IrModule *function(const IrModule *in, Arena *out, Session *s);
#include "autodiff/passes.def"
#undef PASS

/* ---- features.c */
typedef struct {
  IrVal spike, when;      /* the neuron's in this step, as a number; the share of the step before it */
  IrVal recorded, weight; /* number of recorded ones; whether the step counts */
} AdSpike;
/* The squared difference so far, of van Rossum by what the sum grows in this step; stores what it carries from step to step. */
IrVal ad_feature(IrBuild *b, IrMarch *m, const MTerm *t, const AdSpike *is);

/* ---- traces.c: features of the course of a value */
typedef struct {
  IrVal v;                        /* the value now; IR_NONE: there is no such course */
  IrVal p, q, p_before, q_before; /* IR_NONE: not made yet, as below */
  IrVal top, bottom, vertex;      /* whether it has turned in the step before, and where between the samples */
  IrVal p_more, q_more;           /* what p and q are there more than in the step before; 0: it is no peak */
  IrVal n, height;                /* rises of p and q so far */
} AdCourse;
typedef struct {
  AdCourse model, given;
  IrVal weight; /* whether the step counts */
} AdCourses;    /* of all terms that are alike */
IrVal ad_trace_feature(IrBuild *b, IrMarch *m, const MTerm *t, AdCourses *c); /* as ad_feature */

/* ---- past.c: a delayed value of the class */
typedef struct {
  IrVal at_end, at_begin;               /* of a step: what it is there */
  IrVal x0, now, one;
  uint32_t ring, one_slot, two_slot;    /* slots of the march */
  uint32_t first, delay;                /* states that `begin` fills */
} AdDelayed;
AdDelayed ad_past_begin(IrBuild *b, IrMarch *m, const IrPast *past);
void ad_past_end(IrBuild *b, const AdDelayed *d, IrVal x);                   /* x: what is remembered, at the step's end */
void ad_past_start(IrBuild *b, const AdDelayed *d, IrVal x, IrVal delay); /* in `begin` */

/* ---- choose.c: what the stages of a fit ask of a march */
typedef struct {
  bool curvature, gradient; /* by their optimizers */
  bool certain;             /* it is of the last stage, whose curvature gives the uncertainties, if it has one */
  double starts;            /* most of them at once */
} AdNeeds;
AdNeeds ad_needs(const IrFit *f, uint32_t march);

/* ---- tidy.c */
bool *ad_steady(const IrKernel *k, Arena *a); /* by instruction: the same in every step, for each element */
/* Both passes of it for the instructions of one kernel from `from` on; those before keep their bits */
IrKernel *ad_tidy_from(const IrKernel *k, IrVal from, Arena *out, Session *s);

/* Solutions are their values (IR_SOLVED): the derivatives of the kernel that this gives are those of the way to them. */
IrKernel *ad_solved(const IrKernel *k, Arena *out, Session *s);

/* ---- forward.c */
/* `begin` and `march` with the derivatives by PARAM 0 … n_params-1 of all states that depend on them. State i has its own by
 * parameter k at n_states + i * n_params + k; rings likewise. */
typedef struct {
  Session *s;
  Arena *arena;
  uint32_t n_params, n_states, n_rings; /* of the plain form */
  uint32_t n_free;                      /* direction: their number; n_params is 1, PARAM n_free + k the direction's component k. Else 0 */
  bool alike;                           /* direction: all elements of a vector are at one place */
  const Dim *dims;                      /* of the parameters */
  bool *depends;                        /* [n_states][n_params], then [n_rings][n_params]: structure, found by the passes over it */
  const IrMarch *curvature;             /* its terms' roots get their products; NULL: none */
  uint32_t n_added;                     /* states behind all tangents: those products */
  bool quiet, failed;                   /* an op without a derivative: said, or (quiet) only noted here */
} AdForward;
IrKernel *ad_forward_kernel(AdForward *f, const IrKernel *k, Name name);
/* The form along one direction of n_params components. alike: all elements of a vector are at one place. */
IrMarchForm ad_direction(const AdForward *all, const IrMarch *m, bool alike);
AdForward ad_forward_of(Session *s, Arena *a, const IrFit *f, const IrMarch *m);

#endif
