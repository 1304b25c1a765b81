/* Arrivals that need no accumulator: where all events at a port have the same weight, and all that becomes of
 * the port's sum is that it is added to one state and stored, an event may as well add its weight to the state
 * itself, after the step. Any order of such additions gives the same bits, since the numbers are equal; and
 * the step neither reads nor clears what nearly always is zero.
 *
 * Read off the finished step: `take` has one user, an addition, and the sum no users but the state's check
 * and store; so neither the spike condition nor a handler nor a hold sees it. Read off the experiments: each
 * population's projections onto the port name the same weight (the same G slots, nothing drawn), and no drive
 * ends there; and the populations are few, since a source then has a row for each (the runtime's groups).
 * Needs level 2. Gives: such ports with their state in `straight`, and steps that do not take
 * them. Last bits change: n additions of w, as the language has it, for one of n w. What an addition makes
 * infinite is found by the state's check in the following step. */
#include "ir/pass.h"
#include "lang/session.h"

/* Ports whose events differ in weight, or come from a drive, in some population; those that nothing reaches
 * have no reason to change either. */
typedef struct {
  bool mixed;
  uint32_t reached; /* populations, in all experiments */
} Arrivals;

enum { MOST_POPULATIONS = 16 };

static bool same_weight(const IrProjection *a, const IrProjection *b) {
  return a->weight == b->weight && a->weight_lo == b->weight_lo && a->weight_hi == b->weight_hi;
}

static void arrivals_add(Arrivals *r, const IrExperiment *x, uint32_t pop, uint32_t port) {
  const IrProjection *first = NULL;
  for (uint32_t i = 0; i < x->projections.n; i++) {
    const IrProjection *p = &x->projections.at[i];
    if (p->target.pop != pop || p->proj->port != port) continue;
    r->reached += !first;
    r->mixed |= p->weight_kernel || p->cells != IR_NONE || (first && !same_weight(first, p));
    first = p;
  }
  for (uint32_t i = 0; i < x->drives.n; i++)
    r->mixed |= x->drives.at[i].target.pop == pop && x->drives.at[i].drive->port == (int32_t)port;
}

static bool one_weight(const IrModule *m, const IrClass *c, uint32_t port) {
  Arrivals r = {0};
  for (uint32_t i = 0; i < m->experiments.n; i++) {
    const IrExperiment *x = m->experiments.at[i];
    for (uint32_t k = 0; k < x->populations.n; k++)
      if (x->populations.at[k].class->index == c->index) arrivals_add(&r, x, k, port);
  }
  return r.reached && r.reached <= MOST_POPULATIONS && !r.mixed;
}

/* The only user of v, or IR_NONE. */
static IrVal only_user(const IrKernel *k, IrVal v) {
  IrVal user = IR_NONE;
  for (IrVal i = v + 1; i < k->ins.n; i++)
    for (int j = 0; j < ir_ops[k->ins.at[i].op].arity; j++) {
      if (k->ins.at[i].arg[j] != v) continue;
      if (user != IR_NONE) return IR_NONE;
      user = i;
    }
  return user;
}

/* The state that v is stored to, if it is only checked and stored; else IR_NONE. */
static uint32_t only_stored(const IrKernel *k, IrVal v) {
  uint32_t state = IR_NONE;
  for (IrVal i = v + 1; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    bool uses = false;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) uses |= ins->arg[j] == v;
    if (!uses || ins->op == IR_CHECK) continue;
    if (ins->op != IR_STORE || k->slots.at[ins->slot].kind != SLOT_STATE || state != IR_NONE) return IR_NONE;
    state = k->slots.at[ins->slot].index;
  }
  return state;
}

static IrVal take_of(const IrKernel *k, uint32_t port) {
  for (IrVal i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_TAKE && k->slots.at[k->ins.at[i].slot].index == port) return i;
  return IR_NONE;
}

static void straight_class(Session *s, Arena *out, IrModule *m, IrClass *c) {
  if (!c->step || c->finish || c->fitted || c->every > 1) return; /* handlers that run between the two may read anything; weights that wait for a longer step are summed */
  const IrKernel *k = c->step;
  IrVal *instead = NEW_ARRAY(out, IrVal, k->ins.n + 1); /* of a sum: what the take was added to */
  bool *dropped = NEW_ARRAY(out, bool, k->ins.n + 1), any = false;
  for (IrVal i = 0; i < k->ins.n; i++) instead[i] = IR_NONE;
  for (uint32_t port = 0; port < c->ports.n; port++) {
    IrVal take = take_of(k, port), sum = take == IR_NONE ? IR_NONE : only_user(k, take);
    if (sum == IR_NONE || k->ins.at[sum].op != IR_ADD || !one_weight(m, c, port)) continue;
    uint32_t state = only_stored(k, sum);
    if (state == IR_NONE) continue;
    c->ports.at[port].straight = state;
    instead[sum] = k->ins.at[sum].arg[k->ins.at[sum].arg[0] == take];
    any = dropped[take] = true;
  }
  if (!any) return;
  IrRewrite r = ir_rewrite(k, out, s);
  for (IrVal i = 0; i < k->ins.n; i++) {
    if (dropped[i]) continue;
    if (instead[i] != IR_NONE) r.map[i] = r.map[instead[i]];
    else ir_rewrite_copy(&r, i);
  }
  m->kernels.at[k->index] = r.b.k;
  c->step = r.b.k;
}

IrModule *ir_pass_straight(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; m->level == 2 && i < m->classes.n; i++) straight_class(s, out, m, m->classes.at[i]);
  return m;
}
