/* What the parts of the solver pass share: the step kernel of one class while it is being made. Internal to
 * ir/. */
#ifndef NSL_IR_SOLVE_H
#define NSL_IR_SOLVE_H

#include "ir/algebra.h"

typedef enum { SOLVE_NONE, SOLVE_EXACT, SOLVE_EXP_EULER, SOLVE_RK4, SOLVE_EULER } SolveMethod;

/* One linear system x' = A x + s, advanced over h: its propagator, for the members that need a matrix
 * exponential. */
typedef struct {
  uint32_t frozen; /* index of the hold whose states stand still, or IR_NONE */
  IrVal h;
  uint32_t n, n_members; /* n = members, then one constant source for each member that has one */
  uint32_t *state;       /* by position: the state, or the member that the source drives */
  IrVal *p;              /* n x n, IR_NONE: 0 */
} SolveSystem;

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
  IrVal dt, half, begin; /* dt, dt / 2, T-dt */
  IrForms forms;         /* over the states with an equation; atom of state i: */
  uint32_t *atom;        /* IR_NONE: no equation */
  uint32_t *of_atom;
  const IrForm **form; /* of der, by state */
  SolveMethod *method;
  VEC(IrVal) noise;          /* distinct NOISE values of the flow */
  const IrForm **noise_form; /* of the whole right-hand side over `noise`, by state */
  bool *ito;                 /* by state: the factor of its noise depends on states */
  VEC(SolveSystem) systems;
  bool failed; /* a diagnostic was given */
} Solve;

/* solve_choose.c */
void solve_choose(Solve *v);
bool solve_depends(const Solve *v, uint32_t i, uint32_t j);       /* der of i on state j */
bool solve_frozen(const Solve *v, uint32_t hold, uint32_t state); /* hold IR_NONE: none */

/* solve_exact.c */
enum { SOLVE_MAX_SYSTEM = 8 };
/* Whether state i, closed and linear in `member`, has a closed form: direct, undriven sources only. */
bool solve_closed_form(const Solve *v, uint32_t i, uint32_t frozen);
/* The states that i depends on through others, itself included; returns how many. */
uint32_t solve_reach(const Solve *v, uint32_t i, uint32_t frozen, bool *ret);
IrVal solve_exact(Solve *v, uint32_t i, IrVal h); /* value after h, holds respected */

/* solve_explicit.c */
void solve_rk4(Solve *v, IrVal *ret); /* fills ret for all states whose method is RK4 */
IrVal solve_exp_euler(Solve *v, uint32_t i);
IrVal solve_euler(Solve *v, uint32_t i);
const IrForm *solve_own_form(Solve *v, uint32_t i); /* of der i over state i alone */

#endif
