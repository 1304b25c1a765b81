/* What the parts of the solver pass share: the step kernel of one class while it is being made. Internal to
 * ir/. */
#ifndef NSL_IR_SOLVE_H
#define NSL_IR_SOLVE_H

#include "ir/algebra.h"

typedef enum {
  SOLVE_NONE, SOLVE_EXACT, SOLVE_EXP_EULER, SOLVE_RK4, SOLVE_EULER, SOLVE_RK45, SOLVE_TAYLOR, SOLVE_ROSENBROCK, SOLVE_BACKWARD_EULER
} SolveMethod;

/* Where right-hand sides are evaluated. */
typedef struct {
  IrVal *x; /* by state */
  IrVal time;
  IrVal h; /* of the step that begins here, as the one before has left it */
} SolveStage;

/* One linear system x' = A x + s, advanced over h: its propagator, for the members that need a matrix
 * exponential. */
typedef struct {
  uint32_t frozen; /* index of the hold whose states stand still, or IR_NONE */
  IrVal h;
  uint32_t n, n_members; /* n = members, then one constant source for each member that has one */
  uint32_t *state;       /* by position: the state, or the member that the source drives */
  IrVal *p;              /* n x n, IR_NONE: 0 */
} SolveSystem;

/* States that noise reaches together. */
typedef struct {
  uint32_t n;
  uint32_t *state;
  bool exact; /* their increments have the exact covariance; else Euler-Maruyama */
  IrVal **l;  /* its Cholesky factor, n x n: [0], or [1 + hold] while that hold is in force (NULL: the same) */
  IrVal *z;   /* normal numbers */
} SolveNoise;

typedef struct {
  Session *s;
  IrClass *c;            /* of the new module */
  const IrClass *in;     /* level 1 */
  IrBuild b;             /* of the step kernel */
  uint32_t n;            /* states */
  IrVal *old, *now;      /* at T-dt; as the step goes on */
  IrVal *first;          /* as the kernel has loaded them; old, but in `finish` */
  IrVal *der;            /* drift: right-hand side without noise; IR_NONE: no equation */
  IrVal *in_force;       /* by hold: condition */
  uint32_t each_from, each_to; /* the ports whose events are handled one by one; from = to: none */
  IrVal *held;           /* by state: any hold on it is in force; or IR_NONE */
  IrVal dt, half, begin, end; /* dt, dt / 2, T-dt, T; of a part of the step: its own */
  IrVal whole;           /* dt */
  IrForms forms;         /* over the states with an equation; atom of state i: */
  uint32_t *atom;        /* IR_NONE: no equation */
  uint32_t *of_atom;
  const IrForm **form; /* of der, by state */
  SolveMethod *method;
  VEC(IrVal) noise;          /* distinct NOISE values of the flow */
  const IrForm **noise_form; /* of the whole right-hand side over `noise`, by state */
  SolveNoise **shared;       /* by state: exact states that noise reaches; NULL */
  bool *ito;                 /* by state: the factor of its noise depends on states */
  VEC(SolveSystem) systems;
  double tolerance;        /* of steps of their own length */
  const char *method_text; /* for messages */
  IrVal *total;            /* by law that is used */
  bool *follows;           /* by state: from a law */
  bool lawless;            /* no law is used: solve_laws.c */
  bool *stepped;           /* by state: it belongs to the scheme of solve_adaptive.c, solve_taylor.c or solve_implicit.c */
  bool *exact;             /* by state: stepped, but over a whole dt its exact solution is known */
  bool *runaway, *explosive; /* by state: its slope grows faster than it; exponentially: it may run to infinity in a step */
  bool events;             /* the spike condition is tested within the step too */
  IrVal before, spiked;    /* with events: the condition before T; the element has spiked in this step already */
  bool located;            /* spikes are where the condition's sides cross: solve_events.c; with methods that choose their steps: events too */
  IrVal guard;             /* of the condition that was made last: the difference of its sides (fits), or IR_NONE */
  IrVal soft;              /* the spike as a number, for a reset that is differentiated; or IR_NONE */
  IrVal when;              /* located: the share of dt before the spike */
  IrVal *was;              /* located: by state that the handler changes, it just before; or NULL */
  IrVal rate;              /* of the spike condition that was made last: what must not be below 0, or IR_NONE */
  bool failed; /* a diagnostic was given */
} Solve;

/* solve_jumps.c: fills ret for the counts */
void solve_jumps(Solve *v, IrVal *ret);
const char *solve_jumps_cost(const Solve *v);

/* solve_laws.c */
void solve_laws_begin(Solve *v);              /* totals; v->old */
void solve_dependents(Solve *v, IrVal *x);    /* in x, states that follow from laws */

/* solve_ahead.c */
void solve_find_shown(const IrModule *m, Arena *out, IrClass *c); /* c->aheads, without their kernels */
void solve_aheads(const Solve *v);                                /* these, of the step as it is after integration */

/* solve_choose.c */
void solve_choose(Solve *v);
bool solve_depends(const Solve *v, uint32_t i, uint32_t j);       /* der of i on state j */
bool solve_frozen(const Solve *v, uint32_t hold, uint32_t state); /* hold IR_NONE: none */

void solve_read_flow(Solve *v); /* right-hand sides at v->old, v->begin */
void solve_integrate(Solve *v); /* from there over v->dt, to v->now */
/* solve.c: parts of the step that may also stand within it */
IrVal solve_condition(Solve *v);           /* the spike condition of v->now; false under a hold */
void solve_fire(Solve *v, IrVal spike);    /* the spike handler, on v->now */
void solve_no_holds(Solve *v);                           /* v->in_force, v->held: room for them, no state held */
void solve_hold(Solve *v, uint32_t hold, IrVal in_force); /* … and what this hold does */
/* v->in_force, v->held: as given, or by a hold that a spike in this step has begun. */
void solve_holds(Solve *v, const IrVal *in_force, IrVal begun);

/* The loop over the steps within one dt. */
typedef struct {
  Solve *v;
  SolveStage at;         /* the beginning of a step */
  const IrVal *in_force; /* by hold: before T */
  IrVal *carry;          /* by state, IR_NONE: nothing changes it here */
  IrVal h, left;         /* carried: length of the next step, what is left of dt */
  IrVal before, spiked;  /* carried: the condition before; 1: it has spiked in this dt. IR_NONE without events */
  IrVal *was;            /* carried, located: see SolveSpiked */
  IrVal when;            /* carried, located: the share of dt before the spike */
  IrVal waits;           /* in the body: a second spike waits for the next dt */
} SolveLoop;

/* How a loop begins. */
typedef struct {
  const IrVal *x;         /* by state */
  IrVal h, left, before;  /* before: with events */
  IrVal enters;           /* who turns at all */
} SolveFirst;

/* solve_events.c */
void solve_parts(Solve *v); /* after solve_integrate with a method of fixed steps: v->now, v->before, v->spiked, v->when */
void solve_holds_left(Solve *v, const IrVal *x); /* v->in_force, v->held: by what counters have left */
IrVal solve_cut_at_holds(Solve *v, const IrVal *x, IrVal h);
void solve_count_down_by(Solve *v, const IrVal *x, IrVal h, IrVal *ret);
IrVal solve_hold_ends(Solve *v, const IrVal *x);
typedef struct {
  const IrVal *from;          /* states at its begin; v->now: at its end */
  IrVal begin, h, left, good; /* its time and length; what is left of dt where it begins; it counts at all (IR_NONE: always) */
} SolvePart;
typedef struct {
  IrVal before, spiked, when; /* at the begin, then at the end: the condition; 1: it has spiked in this dt; where */
  IrVal fires, left;          /* in this part; what is left of dt */
  IrVal *was;                 /* by state that the handler changes: just before it; else IR_NONE */
} SolveSpiked;
IrVal *solve_carry_was(Solve *v, const IrVal *first);
IrVal *solve_was_of(Solve *v, const IrVal *carried); /* a copy */
void solve_next_was(Solve *v, const IrVal *carried, const IrVal *was);
void solve_part_end(Solve *v, const SolvePart *p, SolveSpiked *io);
void solve_spike_out(Solve *v, IrVal spike, IrVal when);
IrVal solve_surrogate(Solve *v, IrVal guard, IrVal possible);

/* solve_adaptive.c */
double solve_scale(Dim d); /* the natural unit of a dimension */
void solve_adaptive(Solve *v, SolveMethod by, IrVal *ret); /* fills ret for all states that change */
enum { SOLVE_MOST_STEPS = 10000 };
SolveLoop solve_loop(Solve *v);
void solve_loop_begin(SolveLoop *a, const SolveFirst *first);
/* Where a step begins: at.x and at.time; with events the condition is tested and the handler runs. */
void solve_loop_step(SolveLoop *a, IrVal *ret_before, IrVal *ret_spiked);
IrVal solve_loop_cut(const SolveLoop *a, IrVal wanted); /* to the end if that is near, half of it if a tiny one would be left */
/* The turn's end: the step of length h to x is good or is tried again, h_next next time. */
void solve_loop_end(SolveLoop *a, IrVal h_next, IrVal h, IrVal good, IrVal *x, IrVal before, IrVal spiked);
void solve_loop_done(SolveLoop *a, IrVal *ret);

/* solve_taylor.c */
void solve_taylor(Solve *v, IrVal *ret);
void solve_slopes(Solve *v, const SolveStage *at, IrVal *ret); /* right-hand sides of stepped states */
IrVal solve_after(Solve *v, IrVal time, double share, IrVal h); /* time + share * h */
/* (error / (tolerance * (natural unit + largest of |x|, |y|)))^2 */
IrVal solve_error_squared(Solve *v, uint32_t i, IrVal error, IrVal x, IrVal y, double tolerance);
/* A state of the scheme itself, 0 at the start; failure: what to say where it becomes NaN. */
uint32_t solve_own_state(Solve *v, Dim dim, const char *failure);  /* called by the states that it steps */
uint32_t solve_add_state(Solve *v, MVar *var, const char *failure); /* called as var is, its first sign is not shown */
void solve_keep_own(Solve *v, uint32_t state, IrVal value, IrVal failed); /* stores it; NaN, and stops, if failed */

/* solve_implicit.c */
void solve_rosenbrock(Solve *v, const SolveStage *from, IrVal h, IrVal *ret_x, IrVal *ret_error);
void solve_backward_euler(Solve *v, IrVal *ret);

/* solve_synapse.c */
bool solve_synapses(Session *s, Arena *out, IrClass *c); /* false: it is none of synapses */

/* solve_exact.c */
enum { SOLVE_MAX_SYSTEM = 8 };
/* Whether state i, closed and linear in `member`, has a closed form: direct, undriven sources only. */
bool solve_closed_form(const Solve *v, uint32_t i, uint32_t frozen);
/* The states that i depends on through others, itself included; returns how many. */
uint32_t solve_reach(const Solve *v, uint32_t i, uint32_t frozen, bool *ret);
IrVal solve_exact(Solve *v, uint32_t i, IrVal h); /* value after h, holds respected */

/* matrices of values, IR_NONE: 0 */
IrVal *solve_matrix(Solve *v, uint32_t n);
IrVal *solve_matrix_mul_add(Solve *v, uint32_t n, const IrVal *start, const IrVal *x, const IrVal *y); /* start + x y */
IrVal *solve_matrix_scaled(Solve *v, uint32_t n, const IrVal *x, IrVal factor);

/* solve_noise.c */
void solve_find_noise(Solve *v); /* after the methods have been chosen */
IrVal solve_add_noise(Solve *v, uint32_t i, IrVal x); /* x: state i after its drift */

/* solve_explicit.c */
void solve_rk4(Solve *v, IrVal *ret); /* fills ret for all states whose method is RK4 */
IrVal solve_exp_euler(Solve *v, uint32_t i);
IrVal solve_euler(Solve *v, uint32_t i);
const IrForm *solve_own_form(Solve *v, uint32_t i); /* of der i over state i alone */

#endif
