/* Lumping: states that obey the same equations and act only through one sum may be advanced as that sum.
 * Synaptic currents of receptors with equal time constants are such: one state, one port, one accumulator
 * instead of two.
 *
 * Whether time constants are equal is known only when a run begins, so a class keeps its `step` and gets a
 * second one, `lumped`, together with what it asks for: uniforms that must be equal, in pairs. The runtime
 * compares them once; it then leads all events of the port that is gone to the one that is kept, and adds
 * up the initial values.
 *
 * Read off the finished step. Two ports, each taken once; what the states behind them are stored as has the
 * same form for both, and in it nothing but these states, the port and uniforms (so it is linear and has no
 * constant part); it is only checked and stored. Everywhere else a state is the factor of a product that is
 * added to a sum, and its partner in the same sum (a chain of fma). Then in `lumped` the one stands for
 * both, and what concerned the other is left out. No record, measure, feed, synapse or delayed value may read one of
 * them: those see the states themselves. So it depends on the model and its parameters alone. Needs level
 * 2, behind hoist and straight. Exact but for rounding: all of it is equal in real arithmetic. */
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"

typedef struct {
  const IrKernel *k;
  Arena *a;
  const bool *uniform;
  uint32_t n_states;
  uint32_t ports[2];
  uint32_t *partner; /* of a state that is kept: the one that goes; else IR_NONE */
  uint8_t *role;     /* by instruction: 1, 2: of the update of what is kept, what goes */
  IrVal *instead;    /* of a term that goes: the rest of its sum; of the first term: itself, for there is none */
  VEC(IrPair) equal; /* uniforms */
} Lump;

enum { KEPT = 1, GONE = 2 };

static bool uses(const IrIns *ins, IrVal v) {
  for (int j = 0; j < ir_ops[ins->op].arity; j++)
    if (ins->arg[j] == v) return true;
  return false;
}

/* The only user of v, or IR_NONE. */
static IrVal only_user(const IrKernel *k, IrVal v) {
  IrVal user = IR_NONE;
  for (IrVal i = v + 1; i < k->ins.n; i++) {
    if (!uses(&k->ins.at[i], v)) continue;
    if (user != IR_NONE) return IR_NONE;
    user = i;
  }
  return user;
}

/* What the state is stored as, if that is only checked and stored; else IR_NONE. */
static IrVal stored(const IrKernel *k, uint32_t state) {
  IrVal v = IR_NONE;
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_STORE && k->slots.at[ins->slot].kind == SLOT_STATE && k->slots.at[ins->slot].index == state)
      v = ins->arg[0];
  }
  for (IrVal i = 0; v != IR_NONE && i < k->ins.n; i++)
    if (uses(&k->ins.at[i], v) && k->ins.at[i].op != IR_CHECK && k->ins.at[i].op != IR_STORE) return IR_NONE;
  return v;
}

/* The state that v is a load of, or IR_NONE. */
static uint32_t state_of(const IrKernel *k, IrVal v) {
  const IrIns *ins = &k->ins.at[v];
  return ins->op == IR_LOAD && k->slots.at[ins->slot].kind == SLOT_STATE ? k->slots.at[ins->slot].index : IR_NONE;
}

static bool match(Lump *l, IrVal x, IrVal y);

static bool match_states(Lump *l, uint32_t x, uint32_t y) {
  if (l->partner[x] == y) return true;
  if (x == y || l->partner[x] != IR_NONE || l->partner[y] != IR_NONE) return false;
  for (uint32_t i = 0; i < l->n_states; i++)
    if (l->partner[i] == x || l->partner[i] == y) return false;
  l->partner[x] = y;
  IrVal a = stored(l->k, x), b = stored(l->k, y);
  return a != IR_NONE && b != IR_NONE && match(l, a, b);
}

static bool match_uniforms(Lump *l, IrVal x, IrVal y) {
  const IrIns *a = &l->k->ins.at[x], *b = &l->k->ins.at[y];
  if (x == y) return true;
  if (a->op == IR_CONST && b->op == IR_CONST) return a->num == b->num;
  if (a->op != IR_LOAD || b->op != IR_LOAD) return false; /* hoist.c leaves nothing else */
  vec_push(l->a, &l->equal, ((IrPair){l->k->slots.at[a->slot].index, l->k->slots.at[b->slot].index}));
  return true;
}

/* Is an update linear here, without a constant part? */
static bool linear(const Lump *l, const IrIns *ins) {
  bool u[3];
  for (int j = 0; j < 3; j++) u[j] = j < ir_ops[ins->op].arity && l->uniform[ins->arg[j]];
  if (ins->op == IR_MUL) return u[0] != u[1];
  if (ins->op == IR_FMA) return u[0] != u[1] && !u[2];
  if (ins->op == IR_ADD || ins->op == IR_SUB) return !u[0] && !u[1];
  return ins->op == IR_NEG;
}

/* Has x the same form for what is kept as y for what goes? */
static bool match(Lump *l, IrVal x, IrVal y) {
  const IrIns *a = &l->k->ins.at[x], *b = &l->k->ins.at[y];
  if (l->uniform[x] || l->uniform[y]) return l->uniform[x] && l->uniform[y] && match_uniforms(l, x, y);
  if (a->op != b->op) return false;
  uint32_t sx = state_of(l->k, x), sy = state_of(l->k, y);
  if (sx != IR_NONE || sy != IR_NONE) return sx != IR_NONE && sy != IR_NONE && match_states(l, sx, sy);
  l->role[x] = KEPT;
  l->role[y] = GONE;
  if (a->op == IR_TAKE)
    return l->k->slots.at[a->slot].index == l->ports[0] && l->k->slots.at[b->slot].index == l->ports[1];
  if (!linear(l, a)) return false;
  for (int j = 0; j < ir_ops[a->op].arity; j++)
    if (!match(l, a->arg[j], b->arg[j])) return false;
  return true;
}

/* ---- states that follow on lumped ones, as the second of an alpha function does on the first */

static bool is_gone(const Lump *l, uint32_t state) {
  for (uint32_t i = 0; i < l->n_states; i++)
    if (l->partner[i] == state) return true;
  return false;
}

/* Is a state that is kept among what makes v, through sums and products alone? */
static bool follows(const Lump *l, IrVal v) {
  const IrIns *ins = &l->k->ins.at[v];
  uint32_t state = state_of(l->k, v);
  if (state != IR_NONE) return l->partner[state] != IR_NONE;
  bool any = false;
  for (int j = 0; linear(l, ins) && j < ir_ops[ins->op].arity; j++)
    any |= !l->uniform[ins->arg[j]] && follows(l, ins->arg[j]);
  return any;
}

static void *copied(Arena *a, const void *array, size_t n, size_t size) {
  return memcpy(arena_array(a, n + 1, size), array, n * size);
}

static bool try_states(Lump *l, uint32_t x, uint32_t y) {
  Lump before = *l;
  l->partner = copied(l->a, l->partner, l->n_states, sizeof *l->partner);
  l->role = copied(l->a, l->role, l->k->ins.n, sizeof *l->role);
  if (match_states(l, x, y)) return true;
  before.equal.n = before.equal.n < l->equal.n ? before.equal.n : l->equal.n;
  *l = before;
  return false;
}

static void match_followers(Lump *l) {
  for (uint32_t x = 0; x < l->n_states; x++) {
    IrVal v = l->partner[x] != IR_NONE || is_gone(l, x) ? IR_NONE : stored(l->k, x);
    if (v == IR_NONE || !follows(l, v)) continue;
    for (uint32_t y = 0; y < l->n_states; y++) {
      if (y == x || l->partner[y] != IR_NONE || is_gone(l, y) || stored(l->k, y) == IR_NONE || !try_states(l, x, y)) continue;
      x = IR_NONE; /* from the beginning: others may follow on this one */
      break;
    }
  }
}

/* ---- what else reads them in the step */

/* A term of a sum: fma(uniform, load of a state, the rest of the sum), or the first of all, a product. */
static bool is_term(const Lump *l, IrVal i, uint32_t *ret_state, IrVal *ret_factor) {
  const IrIns *ins = &l->k->ins.at[i];
  if (ins->op != IR_FMA && ins->op != IR_MUL) return false;
  for (int j = 0; j < 2; j++) {
    *ret_state = state_of(l->k, ins->arg[j]);
    *ret_factor = ins->arg[1 - j];
    if (*ret_state != IR_NONE && l->uniform[*ret_factor]) return ins->op == IR_MUL || state_of(l->k, ins->arg[2]) == IR_NONE;
  }
  return false;
}

/* The next term of the same sum, after i or (back) before it, if nobody else sees what lies between. */
static IrVal along(const Lump *l, IrVal i, bool back) {
  if (back && l->k->ins.at[i].op == IR_MUL) return IR_NONE;
  IrVal next = back ? l->k->ins.at[i].arg[2] : only_user(l->k, i);
  if (next == IR_NONE) return IR_NONE;
  IrOp op = l->k->ins.at[next].op;
  if (back) return (op == IR_FMA || op == IR_MUL) && only_user(l->k, next) == i ? next : IR_NONE;
  return op == IR_FMA && l->k->ins.at[next].arg[2] == i ? next : IR_NONE;
}

/* The term of what goes that belongs to term i of what is kept. */
static bool match_term(Lump *l, IrVal i, uint32_t gone, IrVal factor) {
  for (int back = 0; back < 2; back++)
    for (IrVal at = along(l, i, back); at != IR_NONE; at = along(l, at, back)) {
      uint32_t state;
      IrVal other;
      if (l->instead[at] != IR_NONE || l->role[at] || !is_term(l, at, &state, &other) || state != gone) continue;
      l->instead[at] = l->k->ins.at[at].op == IR_MUL ? at : l->k->ins.at[at].arg[2];
      return match_uniforms(l, factor, other);
    }
  return false;
}

/* Are all other uses of the states terms of sums, in pairs? */
static bool match_uses(Lump *l) {
  for (IrVal i = 0; i < l->k->ins.n; i++) {
    uint32_t state;
    IrVal factor;
    if (is_term(l, i, &state, &factor) && !l->role[i] && l->partner[state] != IR_NONE &&
        !match_term(l, i, l->partner[state], factor))
      return false;
  }
  for (IrVal i = 0; i < l->k->ins.n; i++) {
    const IrIns *ins = &l->k->ins.at[i];
    uint32_t state = IR_NONE, s;
    IrVal factor;
    bool term = is_term(l, i, &state, &factor);
    for (int j = 0; j < ir_ops[ins->op].arity; j++) {
      uint8_t part = l->role[ins->arg[j]];
      if (part && l->role[i] != part && ins->op != IR_CHECK && ins->op != IR_STORE) return false;
      if ((s = state_of(l->k, ins->arg[j])) == IR_NONE || l->role[i]) continue;
      bool gone = is_gone(l, s);
      if (!gone && l->partner[s] == IR_NONE) continue;
      if (!term || (gone && l->instead[i] == IR_NONE)) return false;
    }
  }
  return true;
}

/* ---- who else reads states */

static bool reads(const IrKernel *k, const bool *lumped) {
  for (uint32_t i = 0; k && i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_STATE && lumped[k->slots.at[i].index]) return true;
  return false;
}

static bool items_read(const IrExperiment *x, const IrClass *c, const IrRecordItem *items, uint32_t n, const bool *lumped) {
  for (uint32_t i = 0; i < n; i++)
    if (items[i].kernel && x->populations.at[items[i].slice.pop].class->index == c->index && reads(items[i].kernel, lumped))
      return true;
  return false;
}

static bool coupling_reads(const IrExperiment *x, const IrClass *c, const IrCoupling *coupling, const bool *lumped) {
  bool reversed = coupling->coupling->reversed, any = false;
  const IrSlice *from = reversed ? &coupling->link.target : &coupling->link.source;
  const IrSlice *to = reversed ? &coupling->link.source : &coupling->link.target;
  for (uint32_t i = 0; i < coupling->terms.n; i++) {
    const IrStreamTerm *t = &coupling->terms.at[i];
    const IrRecordItem items[2] = {{*from, t->pre}, {*to, t->post}};
    any |= items_read(x, c, items, 2, lumped);
  }
  for (uint32_t i = 0; i < coupling->sights.n; i++) {
    const IrRecordItem item = {coupling->sights.at[i].pre ? *from : *to, coupling->sights.at[i].kernel};
    any |= items_read(x, c, &item, 1, lumped);
  }
  return any;
}

/* What synapses see of their third parts. */
static bool thirds_read(const IrExperiment *x, const IrClass *c, const IrProjection *p, const bool *lumped) {
  uint32_t pop = p->third ? p->third->source.pop : p->target.pop;
  bool any = false;
  for (uint32_t i = 0; i < p->seen.n && x->populations.at[pop].class->index == c->index; i++)
    any |= p->seen.at[i].side == SIDE_THIRD && p->seen.at[i].outer != IR_NONE && lumped[p->seen.at[i].outer];
  return any;
}

static bool others_read(const IrModule *m, const IrClass *c, const bool *lumped) {
  bool any = false;
  for (uint32_t i = 0; i < c->pasts.n; i++)
    any |= reads(c->pasts.at[i].value, lumped) || reads(c->pasts.at[i].delay, lumped);
  for (uint32_t e = 0; e < m->experiments.n; e++) {
    const IrExperiment *x = m->experiments.at[e];
    for (uint32_t i = 0; i < x->records.n; i++)
      any |= items_read(x, c, x->records.at[i].items.at, x->records.at[i].items.n, lumped);
    for (uint32_t i = 0; i < x->measures.n; i++)
      any |= items_read(x, c, x->measures.at[i].items.at, x->measures.at[i].items.n, lumped);
    for (uint32_t i = 0; i < x->projections.n; i++) any |= thirds_read(x, c, &x->projections.at[i], lumped);
    for (uint32_t i = 0; i < x->couplings.n; i++) any |= coupling_reads(x, c, &x->couplings.at[i], lumped);
    for (uint32_t i = 0; i < x->feeds.n; i++)
      any |= items_read(x, c, x->feeds.at[i].items.at, x->feeds.at[i].items.n, lumped);
  }
  return any;
}

/* ---- the second step */

static IrKernel *lumped_kernel(const Lump *l, const bool *gone, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(l->k, out, s);
  bool *nothing = NEW_ARRAY(out, bool, l->k->ins.n + 1); /* a sum all of whose terms so far go */
  for (IrVal i = 0; i < l->k->ins.n; i++) {
    const IrIns *ins = &l->k->ins.at[i];
    ir_rewrite_at(&r, i);
    if (l->role[i] == GONE || (state_of(l->k, i) != IR_NONE && gone[state_of(l->k, i)])) continue;
    if (ins->op == IR_CHECK && gone[ins->slot]) continue;
    if (ins->op == IR_STORE && l->k->slots.at[ins->slot].kind == SLOT_STATE && gone[l->k->slots.at[ins->slot].index]) continue;
    if (l->instead[i] != IR_NONE) {
      nothing[i] = l->instead[i] == i || nothing[l->instead[i]];
      r.map[i] = nothing[i] ? IR_NONE : r.map[l->instead[i]];
    } else if (ins->op == IR_FMA && nothing[ins->arg[2]]) {
      r.map[i] = ir_op2(&r.b, IR_MUL, ir_rewrite_arg(&r, i, 0), ir_rewrite_arg(&r, i, 1));
    } else {
      ir_rewrite_copy(&r, i);
    }
  }
  return r.b.k;
}

static IrVal take_of(const IrKernel *k, uint32_t port) {
  for (IrVal i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_TAKE && k->slots.at[k->ins.at[i].slot].index == port) return i;
  return IR_NONE;
}

/* The state whose new value is made of a take, through sums and products; IR_NONE: none, or several. */
static uint32_t state_behind(const IrKernel *k, IrVal v) {
  for (IrVal i = v + 1; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (!uses(ins, v) || ins->op == IR_CHECK) continue;
    if (ins->op == IR_STORE) return k->slots.at[ins->slot].kind == SLOT_STATE ? k->slots.at[ins->slot].index : IR_NONE;
    v = i;
  }
  return IR_NONE;
}

/* One pair of ports of the class's step so far; true if its lumped form is made. */
static bool lump_ports(Session *s, Arena *out, const IrModule *m, IrClass *c, uint32_t kept, uint32_t gone) {
  const IrKernel *k = c->lumped ? c->lumped : c->step;
  uint32_t n = c->states.n;
  IrVal a = take_of(k, kept), b = take_of(k, gone);
  if (a == IR_NONE || b == IR_NONE) return false;
  uint32_t x = state_behind(k, a), y = state_behind(k, b);
  if (x == IR_NONE || y == IR_NONE) return false;
  Lump l = {.k = k, .a = out, .uniform = ir_uniform_values(k, out), .n_states = n, .ports = {kept, gone}};
  l.partner = NEW_ARRAY(out, uint32_t, n + 1);
  l.role = NEW_ARRAY(out, uint8_t, k->ins.n + 1);
  l.instead = NEW_ARRAY(out, IrVal, k->ins.n + 1);
  for (uint32_t i = 0; i < n; i++) l.partner[i] = IR_NONE;
  for (uint32_t i = 0; i < k->ins.n; i++) l.instead[i] = IR_NONE;
  if (!match_states(&l, x, y) || l.role[a] != KEPT) return false;
  match_followers(&l);
  if (!match_uses(&l)) return false;
  bool *both = NEW_ARRAY(out, bool, n + 1), *goes = NEW_ARRAY(out, bool, n + 1);
  for (uint32_t i = 0; i < n; i++)
    if (l.partner[i] != IR_NONE) both[i] = both[l.partner[i]] = goes[l.partner[i]] = true;
  if (others_read(m, c, both)) return false;
  c->lumped = lumped_kernel(&l, goes, out, s);
  for (uint32_t i = 0; i < n; i++)
    if (l.partner[i] != IR_NONE) vec_push(out, &c->lumped_states, ((IrPair){i, l.partner[i]}));
  vec_push(out, &c->lumped_ports, ((IrPair){kept, gone}));
  for (uint32_t i = 0; i < l.equal.n; i++)
    if (l.equal.at[i].kept != l.equal.at[i].gone) vec_push(out, &c->lumped_equal, l.equal.at[i]);
  return true;
}

static void lump_class(Session *s, Arena *out, IrModule *m, IrClass *c) {
  if (!c->step || c->finish || c->fitted) return; /* handlers that run between the two may read anything */
  for (uint32_t kept = 0; kept < c->ports.n; kept++)
    for (uint32_t gone = kept + 1; gone < c->ports.n; gone++) lump_ports(s, out, m, c, kept, gone);
  if (!c->lumped) return;
  c->lumped->name = name_fmt(s, "lumped.%s", name_str(s, c->name));
  ir_module_add(m, out, c->lumped);
}

IrModule *ir_pass_lump(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; m->level == 2 && i < m->classes.n; i++) lump_class(s, out, m, m->classes.at[i]);
  return m;
}
