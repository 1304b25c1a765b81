/* Reverse mode: of a march, the two kernels that give the derivative of a number by all parameters for the price of a few
 * steps, and the one that ends it (ir.h, IrMarchBack).
 *
 * `record` is the march, bit for bit, that also finds the step's derivatives (linear.c), where the values are at hand: there are
 * the only functions and divisions. `back` has adjoints of states and rings, sums them along the edges and adds up those of
 * parameters; what it needs of the step it finds on the tape or computes again, by cost (tape.c). An adjoint has the dimension
 * of 1 / its value, since the objective is a plain number. Rings turn backwards: what was loaded in a step sends its adjoint to
 * the step that stored it.
 *
 * Loops go back as loops (turns.c); outside of them all is as above, for what they begin with and leave.
 *
 * How far edges are joined by the chain rule, and in which order, is tried in four ways; the kernels that cost least are kept.
 *
 * Needs marches. */
#include "autodiff/reverse.h"

#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/diag.h"


typedef struct {
  AdReverse *r;
  const IrKernel *plain;
  AdLinear linear;   /* of what is outside of loops */
  AdLoopList loops;
  const bool *active; /* by instruction */
  bool *zeros;        /* … where its adjoint is 0, nothing flows on; NULL: no loops */
  VEC(IrVal) beside; /* what the loops' ways back need */
  IrVal *weight;     /* by edge, then by `beside`: in `back` */
  IrVal *value;      /* by instruction: those of `beside`, in `back` */
} Back;

IrVal ad_has_loops(const IrKernel *k) {
  for (IrVal i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_LOOP) return i;
  return IR_NONE;
}

static Dim inverse(Dim d) { return dim_div(DIM_NONE, d); }

/* A kernel alone through a pass that is one to one on kernels. */
static IrKernel *pass(Session *s, Arena *a, IrKernel *k, IrModule *(*run)(const IrModule *, Arena *, Session *)) {
  IrModule *m = NEW(a, IrModule);
  m->level = 2;
  ir_module_add(m, a, k);
  return run(m, a, s)->kernels.at[0];
}

/* ---- record */

static IrBuild build(AdReverse *r, KernelKind kind, const char *what, const char *name) {
  return (IrBuild){.s = r->s, .arena = r->arena, .k = ir_kernel(r->s, r->arena, kind, name_fmt(r->s, "%s.%s", what, name))};
}

static uint32_t adjoint_slot(IrBuild *b, const IrSlot *slot, uint32_t index) {
  const char *name = name_none(slot->name) ? "" : name_str(b->s, slot->name);
  SlotKind kind = slot->kind == SLOT_RING ? SLOT_RING : SLOT_STATE;
  IrSlot adjoint = {.kind = kind, .index = index, .name = name_fmt(b->s, "by.%s", name), .type = IR_REAL, .dim = inverse(slot->dim), .lag = slot->lag};
  return ir_slot_again(b, &adjoint);
}

static Back back_of(AdReverse *r, const IrKernel *k) {
  Back w = {.r = r, .plain = ad_has_loops(k) == IR_NONE ? k : ad_loops_ready(k, r->arena, r->s)};
  bool *seen = NEW_ARRAY(r->arena, bool, w.plain->ins.n + 1);
  w.loops = ad_loops_of(w.plain, r->arena);
  w.active = ad_active_values(&r->active, w.plain, r->arena);
  for (uint32_t i = 0; i < w.loops.n; i++) {
    const AdLoop *l = &w.loops.at[i];
    for (uint32_t j = 0; j < l->outer.n; j++) seen[l->outer.at[j]] = true;
    for (IrVal v = l->loop + 1; v < l->body; v++) seen[w.plain->ins.at[v].arg[0]] = true;
    seen[l->count] = true;
  }
  for (IrVal v = 0; v < w.plain->ins.n; v++)
    if (seen[v]) vec_push(r->arena, &w.beside, v);
  return w;
}

/* What is between the loops, the last first; false: there is no more. */
static bool piece_before(const Back *w, uint32_t *loops_left, IrVal *from, IrVal *to) {
  uint32_t n = *loops_left;
  if (n == IR_NONE) return false;
  *from = n ? w->loops.at[n - 1].again + 1 : 0;
  *to = n < w->loops.n ? w->loops.at[n].loop : w->plain->ins.n;
  *loops_left = n ? n - 1 : IR_NONE;
  return true;
}

/* From where loops are served, upwards: nothing may flow there (a loop was not entered, or its turns did not come to it), through
 * derivatives that are infinite. No condition of the march tells, so it is the adjoint that is looked at. */
static void find_zeros(Back *w) {
  w->zeros = NEW_ARRAY(w->r->arena, bool, w->plain->ins.n + 1);
  for (IrVal v = w->plain->ins.n; v-- > 0;) {
    w->zeros[v] = w->linear.stays[v] && w->plain->ins.at[v].op != IR_CARRY;
    for (uint32_t i = 0; i < w->linear.out[v].n; i++) {
      const AdLink *e = &w->linear.edges.at[w->linear.out[v].at[i]];
      w->zeros[v] |= !e->gone && w->zeros[e->to];
    }
  }
}

static void linearize(Back *w, IrBuild *b, const IrVal *map) {
  AdReverse *r = w->r;
  w->linear = ad_linear_new(b, w->plain, 0);
  if (w->loops.n) w->linear.stays = NEW_ARRAY(r->arena, bool, w->plain->ins.n + 1);
  for (uint32_t i = 0; i < w->beside.n; i++) w->linear.stays[w->beside.at[i]] = true;
  for (IrVal v = 0; v < w->plain->ins.n; v++)
    if (w->plain->ins.at[v].op == IR_CARRY) w->linear.stays[v] = true;
  IrVal from, to;
  for (uint32_t left = w->loops.n; piece_before(w, &left, &from, &to);) ad_linear_fill(&w->linear, map, w->active, from, to);
  for (uint32_t left = w->loops.n; piece_before(w, &left, &from, &to);) ad_linear_guard(&w->linear, w->active, from, to);
  ad_linear_reduce(&w->linear, r->effort);
  if (w->loops.n) find_zeros(w);
}

static void stores(IrBuild *b, const IrCopy *c) {
  for (uint32_t i = 0; i < c->k->slots.n; i++) {
    const IrSlot *slot = &c->k->slots.at[i];
    if (c->stored[i] == IR_NONE) continue;
    b->span = b->k->ins.at[c->stored[i]].span;
    ir_store(b, ir_slot_again(b, slot), c->stored[i]);
  }
}

/* The march with all weights at hand: that of edge i is stored to TAPE i, so that common values are found among them. */
static IrKernel *with_weights(Back *w, IrBuild *b) {
  IrCopy c = ir_copy_of(b, w->plain);
  ir_copy_run(&c);
  IrVal first = b->k->ins.n; /* above it stands the march, whose bits must stay */
  linearize(w, b, c.map);
  stores(b, &c);
  for (uint32_t i = 0; i < w->linear.edges.n; i++) {
    const AdLink *e = &w->linear.edges.at[i];
    if (e->gone) continue;
    b->span = w->plain->ins.at[e->to].span;
    IrVal v = ad_linear_weight(&w->linear, e);
    ir_store(b, ir_slot(b, SLOT_TAPE, i, (Name){0}, IR_REAL, b->k->ins.at[v].dim), v);
  }
  for (uint32_t i = 0; i < w->beside.n; i++) {
    IrVal v = ad_number(b, c.map[w->beside.at[i]]);
    ir_store(b, ir_slot(b, SLOT_TAPE, w->linear.edges.n + i, (Name){0}, IR_REAL, b->k->ins.at[v].dim), v);
  }
  IrKernel *k = pass(w->r->s, w->r->arena, pass(w->r->s, w->r->arena, b->k, ir_pass_cse), ir_pass_dce);
  k = pass(w->r->s, w->r->arena, ad_tidy_from(k, first, w->r->arena, w->r->s), ir_pass_cse);
  return pass(w->r->s, w->r->arena, ad_solved(k, w->r->arena, w->r->s), ir_pass_dce);
}

static bool is_weight(const IrKernel *k, const IrIns *ins) {
  return ins->op == IR_STORE && k->slots.at[ins->slot].kind == SLOT_TAPE;
}

/* The same with what is kept on the tape; where a value lies there goes to `at`. */
static IrKernel *with_tape(Back *w, const IrKernel *all, const AdTaped *taped, uint32_t *at, uint32_t *ret_n) {
  IrBuild b = {.s = w->r->s, .arena = w->r->arena, .k = ir_kernel(w->r->s, w->r->arena, KERNEL_MARCH, all->name)};
  IrCopy c = ir_copy_of(&b, all);
  ir_copy_run(&c);
  for (uint32_t i = 0; i < all->slots.n; i++)
    if (all->slots.at[i].kind == SLOT_TAPE) c.stored[i] = IR_NONE;
  stores(&b, &c);
  for (IrVal i = 0; i < all->ins.n; i++) {
    if (taped[i] != TAPE_KEPT) continue;
    const IrIns *ins = &all->ins.at[i];
    Name name = ins->op == IR_LOAD ? all->slots.at[ins->slot].name : (Name){0};
    b.span = ins->span;
    at[i] = (*ret_n)++;
    ir_store(&b, ir_slot(&b, SLOT_TAPE, at[i], name, IR_REAL, ins->dim), c.map[i]);
  }
  return b.k;
}

/* What `back` needs of the step, in `back`: w->weight becomes values there. */
static void weights_again(Back *w, IrBuild *b, const IrKernel *all, const AdTaped *taped, const uint32_t *at) {
  IrVal *map = NEW_ARRAY(b->arena, IrVal, all->ins.n + 1);
  w->weight = NEW_ARRAY(b->arena, IrVal, w->linear.edges.n + w->beside.n + 1);
  for (IrVal i = 0; i < all->ins.n; i++) {
    IrIns ins = all->ins.at[i];
    b->span = ins.span;
    if (is_weight(all, &ins)) w->weight[all->slots.at[ins.slot].index] = map[ins.arg[0]];
    if (taped[i] == TAPE_NOT) continue;
    const IrSlot *slot = ins.op == IR_LOAD ? &all->slots.at[ins.slot] : NULL;
    if (taped[i] == TAPE_KEPT) map[i] = ir_load(b, ir_slot(b, SLOT_TAPE, at[i], slot ? slot->name : (Name){0}, IR_REAL, ins.dim));
    else if (slot) map[i] = ir_load(b, ir_slot_again(b, slot));
    else {
      for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = map[ins.arg[j]];
      map[i] = ir_push(b, ins);
    }
  }
  w->value = NEW_ARRAY(b->arena, IrVal, w->plain->ins.n + 1);
  for (uint32_t i = 0; i < w->beside.n; i++) {
    IrVal v = w->weight[w->linear.edges.n + i];
    w->value[w->beside.at[i]] = w->plain->ins.at[w->beside.at[i]].type == IR_BOOL ? ad_condition(b, v) : v;
  }
}

/* ---- adjoints */

IrVal ad_sum(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : alg_add(b, x, y); }

IrVal ad_add_times(IrBuild *b, IrVal sum, IrVal weight, IrVal adjoint) {
  double c;
  if (alg_const(b, weight, &c)) {
    if (sum == IR_NONE) return alg_mul(b, weight, adjoint);
    if (c == -1 && dim_none(b->k->ins.at[weight].dim)) return alg_sub(b, sum, adjoint);
    return alg_fma(b, weight, adjoint, sum);
  }
  return sum == IR_NONE ? ir_op2(b, IR_MUL, weight, adjoint) : ir_op3(b, IR_FMA, weight, adjoint, sum);
}

IrVal ad_where_flows(IrBuild *b, IrVal adjoint, IrVal weight) {
  double c;
  if (alg_const(b, weight, &c)) return weight;
  return alg_select(b, ir_op2(b, IR_NE, adjoint, alg_zero_like(b, adjoint)), weight, alg_zero_like(b, weight));
}

static bool stored(const IrKernel *k, uint32_t slot) {
  for (IrVal i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_STORE && k->ins.at[i].slot == slot) return true;
  return false;
}

/* Where adjoints of a slot's loads add up, and what is there before. IR_NONE: the slot has none, or nothing. */
static uint32_t collects(Back *w, IrBuild *b, uint32_t i, IrVal *ret_before) {
  const IrSlot *slot = &w->plain->slots.at[i];
  const AdActive *active = &w->r->active;
  *ret_before = IR_NONE;
  bool param = slot->kind == SLOT_PARAM && slot->index < active->n_params;
  if (!param && !ad_active_slot(active, slot)) return IR_NONE;
  b->span = (Span){0};
  uint32_t to = adjoint_slot(b, slot, (param ? active->n_states : 0) + slot->index);
  if (param || (slot->kind == SLOT_STATE && !stored(w->plain, i))) *ret_before = ir_load(b, to);
  return to;
}

/* Of one value: its edges out are added to what it has. */
static void sum_edges(const Back *w, IrBuild *b, IrVal v, IrVal *adjoint) {
  for (uint32_t i = 0; i < w->linear.out[v].n; i++) {
    uint32_t at = w->linear.out[v].at[i], to = w->linear.edges.at[at].to;
    if (w->linear.edges.at[at].gone || adjoint[to] == IR_NONE) continue;
    IrVal weight = w->weight[at];
    if (w->zeros && w->zeros[to]) weight = ad_where_flows(b, adjoint[to], weight);
    adjoint[v] = ad_add_times(b, adjoint[v], weight, adjoint[to]);
  }
}

static void through_loop(Back *w, IrBuild *b, const AdLoop *l, IrVal *adjoint) {
  for (IrVal v = l->loop + 1; v < l->body; v++) sum_edges(w, b, v, adjoint);
  AdTurns t = {.b = b, .k = w->plain, .loop = l, .active = w->active, .value = w->value, .adjoint = adjoint, .effort = w->r->effort,
               .why = w->linear.why, .seen = w->linear.seen};
  ad_turns_back(&t);
  w->linear.why = t.why;
  w->linear.seen = t.seen;
}

/* By instruction, from the last to the first: the sum of its edges out; loads add to their slots' sums. Loops as wholes. */
static void sweep(Back *w, IrBuild *b, IrVal *sums) {
  const IrKernel *k = w->plain;
  IrVal *adjoint = NEW_ARRAY(b->arena, IrVal, k->ins.n + 1), from, to;
  for (IrVal v = 0; v < k->ins.n; v++) adjoint[v] = IR_NONE;
  for (uint32_t left = w->loops.n, loop = left; piece_before(w, &left, &from, &to); loop = left) {
    if (loop < w->loops.n) through_loop(w, b, &w->loops.at[loop], adjoint);
    for (IrVal v = to; v-- > from;) {
      const IrIns *ins = &k->ins.at[v];
      if (!w->active[v]) continue;
      b->span = ins->span;
      if (ins->op == IR_STORE) {
        adjoint[v] = ir_load(b, adjoint_slot(b, &k->slots.at[ins->slot], k->slots.at[ins->slot].index));
        continue;
      }
      if (ins->op == IR_LOAD && sums[ins->slot] != IR_NONE) adjoint[v] = ad_sum(b, adjoint[v], sums[ins->slot]);
      sum_edges(w, b, v, adjoint);
      if (ins->op == IR_LOAD) sums[ins->slot] = adjoint[v];
    }
  }
}

/* All that was loaded is loaded now: the new adjoints take the places of the old ones. */
static void adjoints(Back *w, IrBuild *b, bool keep_states) {
  const IrKernel *k = w->plain;
  IrVal *sums = NEW_ARRAY(b->arena, IrVal, k->slots.n + 1), *before = NEW_ARRAY(b->arena, IrVal, k->slots.n + 1);
  uint32_t *to = NEW_ARRAY(b->arena, uint32_t, k->slots.n + 1);
  for (uint32_t i = 0; i < k->slots.n; i++) to[i] = collects(w, b, i, &before[i]), sums[i] = before[i];
  sweep(w, b, sums);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    if (to[i] == IR_NONE || (keep_states && k->slots.at[i].kind != SLOT_PARAM)) continue;
    if (sums[i] == IR_NONE) sums[i] = ir_const(b, 0, b->k->slots.at[to[i]].dim);
    const IrIns *same = &b->k->ins.at[sums[i]];
    if (same->op == IR_LOAD && same->slot == to[i] && k->slots.at[i].kind != SLOT_RING) continue;
    ir_store(b, to[i], sums[i]);
  }
}

static IrKernel *clean(AdReverse *r, IrKernel *k) {
  return pass(r->s, r->arena, pass(r->s, r->arena, k, ir_pass_cse), ir_pass_dce);
}

static IrMarchBack march_back(AdReverse *r, const IrKernel *march, const char *name, Back *w) {
  *w = back_of(r, march);
  IrMarchBack back = {.n_states = r->active.n_states + r->active.n_params};
  IrBuild b = build(r, KERNEL_MARCH, "record", name);
  const IrKernel *all = with_weights(w, &b);
  bool *needed = NEW_ARRAY(r->arena, bool, all->ins.n + 1);
  for (IrVal i = 0; i < all->ins.n; i++)
    if (is_weight(all, &all->ins.at[i])) needed[all->ins.at[i].arg[0]] = true;
  AdTaped *taped = ad_tape(all, needed, r->arena);
  uint32_t *at = NEW_ARRAY(r->arena, uint32_t, all->ins.n + 1);
  back.record = clean(r, with_tape(w, all, taped, at, &back.n_tape));
  b = build(r, KERNEL_BACK, "back", name);
  weights_again(w, &b, all, taped, at);
  adjoints(w, &b, false);
  back.back = clean(r, b.k);
  return back;
}

/* The kernel `begin`, backwards at once: nothing lies between. States are 0 before it. */
static IrKernel *end_kernel(AdReverse *r, const IrKernel *begin, const char *name, Back *w) {
  *w = back_of(r, begin);
  IrBuild b = build(r, KERNEL_BEGIN, "end", name);
  IrCopy c = ir_copy_of(&b, w->plain);
  IrVal *zero = NEW_ARRAY(r->arena, IrVal, r->active.n_states + 1);
  for (uint32_t i = 0; i < begin->slots.n; i++)
    if (begin->slots.at[i].kind == SLOT_STATE) zero[begin->slots.at[i].index] = ir_const(&b, 0, begin->slots.at[i].dim);
  c.state = zero;
  ir_copy_run(&c);
  linearize(w, &b, c.map);
  w->weight = NEW_ARRAY(r->arena, IrVal, w->linear.edges.n + 1);
  for (uint32_t i = 0; i < w->linear.edges.n; i++)
    if (!w->linear.edges.at[i].gone) w->weight[i] = ad_linear_weight(&w->linear, &w->linear.edges.at[i]);
  w->value = c.map;
  adjoints(w, &b, true);
  return clean(r, b.k);
}

static bool possible(AdReverse *r, const Back *w) {
  if (w->linear.why && !r->quiet)
    diag_no_gradient(r->s, w->plain->ins.at[w->linear.seen].span, ir_ops[w->plain->ins.at[w->linear.seen].op].text, w->linear.why);
  return !w->linear.why;
}

IrMarchBack ad_reverse(AdReverse *r, const IrMarchForm *plain, const char *name) {
  IrMarchBack best = {0};
  uint32_t least = UINT32_MAX;
  int asked = r->effort;
  Back w;
  for (int effort = 0; effort < AD_EFFORTS; effort++) {
    if (asked >= 0 && effort != asked) continue;
    r->effort = effort;
    IrMarchBack back = march_back(r, plain->march, name, &w);
    if (!possible(r, &w)) return (IrMarchBack){0};
    uint32_t cost = ad_cost(back.record, r->arena) + ad_cost(back.back, r->arena);
    if (cost < least) least = cost, best = back;
  }
  best.end = end_kernel(r, plain->begin, name, &w);
  r->effort = asked;
  if (!possible(r, &w)) return (IrMarchBack){0};
  best.record->index = best.back->index = best.end->index = IR_NONE;
  return best;
}

/* ---- the pass */

bool *ad_sums(const IrMarch *m, Arena *a) {
  bool *sums = NEW_ARRAY(a, bool, m->plain.n_states + 1);
  for (uint32_t i = 0; i < m->terms.n; i++) sums[m->terms.at[i].sum] = true;
  return sums;
}

/* Asked for, or to be chosen by a stage that needs gradients. */
static bool wanted(const IrFit *f) {
  bool some = f->fit->gradient == GRADIENT_REVERSE;
  for (uint32_t i = 0; i < f->stages.n && f->fit->gradient == GRADIENT_CHOSEN; i++)
    some |= f->stages.at[i].stage->by != OPTIMIZER_LM && f->stages.at[i].stage->by != OPTIMIZER_CMAES;
  return some;
}

IrModule *ad_pass_reverse(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) {
      const IrFit *f = m->fits.at[i];
      IrMarch *march = f->marches.at[k];
      if (!wanted(f)) continue;
      AdReverse r = {.s = s, .arena = out, .effort = -1};
      r.active = ad_active(out, &march->plain, f->free.n, ad_sums(march, out));
      march->reverse = ad_reverse(&r, &march->plain, name_str(s, march->class->name));
    }
  ir_module_renumber(m, out);
  return m;
}
