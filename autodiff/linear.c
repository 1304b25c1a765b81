/* A kernel as a graph of what is linear in it. Vertices are its active instructions, from loads to stores; an edge has the
 * derivative of one value by one of its arguments, a formula of the partials column of ops.def over the values at hand.
 * Reverse mode lets adjoints flow from stores to loads along what is left of the graph, and no function is evaluated on the
 * way; forward mode takes out all that lies between the parameters and what is stored.
 *
 * Choices: an edge into the side of a choice counts where that side is chosen. What only serves sides that are not chosen may
 * be infinite, so edges into such values are guarded as well: their weight becomes 0 by selection, never by 0 * infinity.
 *
 * Taking a value out (the chain rule: its edges in times its edges out) gives the derivatives of a whole step, the local
 * Jacobian, as far as that is worth it: each edge that is left costs a multiplication on the way back, and mostly a place on
 * the tape. Edges between the same two values are one edge. Where all goes, it is always the value with the fewest pairs of an
 * edge in and an edge out that goes next (Markowitz; Griewank A, Reese S (1991) in: Automatic Differentiation of Algorithms, SIAM):
 * chains of scalars within a step are multiplied up once, and the long rows of derivatives by all parameters come last. Among values
 * alike in that it is the first one on the way back, where much is made of few states, and the last one in forward mode. Constant
 * factors along a chain become one. */
#include "autodiff/linear.h"

#include "autodiff/ad.h"
#include "ir/algebra.h"

/* ---- values. A reciprocal stays one: alg_mul would divide again */

enum { DEPTH = 3 };

static bool is_constant(const IrBuild *b, IrVal v) {
  double c;
  return alg_const(b, v, &c);
}

/* u with x = u c, c a constant factor somewhere in x; IR_NONE: there is none. */
static IrVal without_constant(IrBuild *b, IrVal x, int depth, IrVal *ret_c) {
  const IrIns ins = b->k->ins.at[x];
  if (ins.op != IR_MUL) return IR_NONE;
  for (int i = 0; i < 2; i++)
    if (is_constant(b, ins.arg[i])) return *ret_c = ins.arg[i], ins.arg[1 - i];
  for (int i = 0; depth && i < 2; i++) {
    IrVal u = without_constant(b, ins.arg[i], depth - 1, ret_c);
    if (u != IR_NONE) return ir_op2(b, IR_MUL, u, ins.arg[1 - i]);
  }
  return IR_NONE;
}

/* Where y is a constant: x y with x's own constant in y. */
static void constants_join(IrBuild *b, IrVal *x, IrVal *y) {
  IrVal own, u = is_constant(b, *y) ? without_constant(b, *x, DEPTH, &own) : IR_NONE;
  if (u == IR_NONE) return;
  *x = u;
  *y = alg_mul(b, own, *y);
}

static IrVal times(IrBuild *b, IrVal x, IrVal y) {
  constants_join(b, &x, &y);
  constants_join(b, &y, &x);
  return is_constant(b, x) || is_constant(b, y) ? alg_mul(b, x, y) : ir_op2(b, IR_MUL, x, y);
}

static IrVal plus_times(IrBuild *b, IrVal sum, IrVal x, IrVal y) {
  constants_join(b, &x, &y);
  constants_join(b, &y, &x);
  return alg_fma(b, x, y, sum);
}

static IrVal condition(AdLinear *l, IrVal guard, bool unless) { return unless ? ir_op1(l->b, IR_NOT, guard) : guard; }

static bool same_guard(const AdLink *x, const AdLink *y) { return x->guard == y->guard && x->unless == y->unless; }

/* e counts only where the other condition holds as well. */
static void guard_more(AdLinear *l, AdLink *e, IrVal guard, bool unless) {
  if (guard == IR_NONE || (e->guard == guard && e->unless == unless)) return;
  if (e->guard == IR_NONE) {
    e->guard = guard, e->unless = unless;
    return;
  }
  e->guard = ir_op2(l->b, IR_AND, condition(l, e->guard, e->unless), condition(l, guard, unless));
  e->unless = false;
}

IrVal ad_linear_weight(AdLinear *l, const AdLink *e) {
  if (e->guard == IR_NONE) return e->weight;
  IrVal zero = alg_zero_like(l->b, e->weight);
  return alg_select(l->b, e->guard, e->unless ? zero : e->weight, e->unless ? e->weight : zero);
}

/* ---- edges */

static AdLink *edge_find(AdLinear *l, uint32_t from, uint32_t to) {
  for (uint32_t i = 0; i < l->in[to].n; i++) {
    AdLink *e = &l->edges.at[l->in[to].at[i]];
    if (!e->gone && e->from == from) return e;
  }
  return NULL;
}

static void merge(AdLinear *l, AdLink *e, const AdLink *other) {
  IrBuild *b = l->b;
  if (same_guard(e, other)) {
    e->weight = alg_add(b, e->weight, other->weight);
  } else if (e->guard == other->guard && e->guard != IR_NONE) {
    const AdLink *yes = e->unless ? other : e, *no = e->unless ? e : other;
    e->weight = alg_select(b, e->guard, yes->weight, no->weight);
    e->guard = IR_NONE;
  } else {
    e->weight = alg_add(b, ad_linear_weight(l, e), ad_linear_weight(l, other));
    e->guard = IR_NONE;
  }
}

static void edge_add(AdLinear *l, AdLink edge) {
  if (alg_is(l->b, edge.weight, 0)) return;
  AdLink *e = edge_find(l, edge.from, edge.to);
  if (e) {
    merge(l, e, &edge);
    return;
  }
  vec_push(l->b->arena, &l->edges, edge);
  vec_push(l->b->arena, &l->in[edge.to], l->edges.n - 1);
  vec_push(l->b->arena, &l->out[edge.from], l->edges.n - 1);
}

static uint32_t alive(AdLinear *l, AdLinkList *list) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < list->n; i++)
    if (!l->edges.at[list->at[i]].gone) list->at[n++] = list->at[i];
  return list->n = n;
}

/* ---- the graph */

/* A derivative that is 0 by a choice (of min, max, clip, pow): the choice becomes the edge's guard. */
static void guard_found(AdLinear *l, AdLink *e) {
  for (;;) {
    const IrIns ins = l->b->k->ins.at[e->weight];
    if (ins.op != IR_SELECT) return;
    bool no = alg_is(l->b, ins.arg[1], 0), yes = alg_is(l->b, ins.arg[2], 0);
    if (no == yes) return;
    e->weight = ins.arg[no ? 2 : 1];
    guard_more(l, e, ins.arg[0], no);
  }
}

static void edge_of(AdLinear *l, IrVal from, IrVal to, IrVal weight) {
  AdLink e = {.from = from, .to = to, .weight = weight, .guard = IR_NONE};
  guard_found(l, &e);
  edge_add(l, e);
}

/* x (1 / y) is differentiated as the quotient that it is: with the reciprocal and the value at hand, by y it is - v (1 / y). Where y is
 * the same in every step, (1 / y)^2 costs nothing, and a product does as well. */
static bool edges_of_quotient(AdLinear *l, IrVal v, const IrIns *ins, const IrVal *map, const bool *active, IrVal first) {
  for (int i = 0; ins->op == IR_MUL && i < 2; i++) {
    IrVal x = ins->arg[i], per = ins->arg[1 - i];
    const IrIns *r = &l->k->ins.at[per], *one = &l->k->ins.at[r->arg[0]];
    if (per < first || l->steady[per] || r->op != IR_DIV || one->op != IR_CONST || one->num != 1 || !dim_none(one->dim)) continue;
    if (active[x]) edge_of(l, x, v, map[per]);
    if (active[r->arg[1]]) edge_of(l, r->arg[1], v, ir_op1(l->b, IR_NEG, ir_op2(l->b, IR_MUL, map[v], map[per])));
    return true;
  }
  return false;
}

static void edges_of_op(AdLinear *l, IrVal v, const IrIns *ins, const IrVal *map, const bool *active) {
  IrVal args[4];
  for (int i = 0; i < ir_ops[ins->op].arity; i++) args[i] = map[ins->arg[i]];
  for (int i = 0; i < ir_ops[ins->op].arity; i++) {
    if (!active[ins->arg[i]]) continue;
    const char *why = NULL;
    IrVal d = ir_partial(l->b, (IrOp)ins->op, args, map[v], i, &why);
    if (why && !l->why) l->why = why, l->seen = v;
    if (d != IR_NONE) edge_of(l, ins->arg[i], v, d);
  }
}

static void edges_of_choice(AdLinear *l, IrVal v, const IrIns *ins, const IrVal *map, const bool *active) {
  AdLink e = {.to = v, .weight = alg_num(l->b, 1), .guard = ins->arg[1] == ins->arg[2] ? IR_NONE : map[ins->arg[0]]};
  e.from = ins->arg[1];
  if (active[e.from]) edge_add(l, e);
  e.from = ins->arg[2], e.unless = true;
  if (active[e.from] && e.guard != IR_NONE) edge_add(l, e);
}

/* The condition under which v matters to anything, as the guard of `ret`; IR_NONE: always. */
static void live(AdLinear *l, IrVal v, AdLink *ret, bool *ret_alike) {
  ret->guard = IR_NONE;
  *ret_alike = true;
  for (uint32_t i = 0; i < l->out[v].n; i++) {
    const AdLink *e = &l->edges.at[l->out[v].at[i]];
    if (i == 0) ret->guard = e->guard, ret->unless = e->unless;
    if (same_guard(ret, e)) continue;
    *ret_alike = false;
    bool all = ret->guard == IR_NONE || e->guard == IR_NONE || e->guard == ret->guard;
    if (!all)
      ret->guard = ir_op2(l->b, IR_OR, condition(l, ret->guard, ret->unless), condition(l, e->guard, e->unless));
    ret->unless = false;
    if (!all) continue;
    ret->guard = IR_NONE;
    return;
  }
}

/* From stores to loads, so that all edges out of v are guarded already. An edge of constant weight needs no guard of its own
 * where all that lies behind it has the same one. */
static void guard(AdLinear *l, IrVal v) {
  AdLink when = {0};
  bool alike;
  if (l->stays && l->stays[v]) return;
  live(l, v, &when, &alike);
  if (when.guard == IR_NONE) return;
  l->b->span = l->k->ins.at[v].span;
  for (uint32_t i = 0; i < l->in[v].n; i++) guard_more(l, &l->edges.at[l->in[v].at[i]], when.guard, when.unless);
  for (uint32_t i = 0; alike && i < l->out[v].n; i++) {
    AdLink *e = &l->edges.at[l->out[v].at[i]];
    double c;
    if (l->k->ins.at[v].op != IR_LOAD && alg_const(l->b, e->weight, &c)) e->guard = IR_NONE;
  }
}

AdLinear ad_linear_new(IrBuild *b, const IrKernel *k, uint32_t others) {
  AdLinear l = {.b = b, .k = k, .steady = ad_steady(k, b->arena), .seen = IR_NONE};
  l.in = NEW_ARRAY(b->arena, AdLinkList, k->ins.n + others + 1);
  l.out = NEW_ARRAY(b->arena, AdLinkList, k->ins.n + others + 1);
  return l;
}

void ad_linear_edge(AdLinear *l, uint32_t from, uint32_t to, IrVal weight) {
  edge_add(l, (AdLink){.from = from, .to = to, .weight = weight, .guard = IR_NONE});
}

void ad_linear_fill(AdLinear *l, const IrVal *map, const bool *active, IrVal from, IrVal to) {
  for (IrVal v = from; v < to; v++) {
    const IrIns *ins = &l->k->ins.at[v];
    if (!active[v] || ins->op == IR_LOAD) continue;
    l->b->span = ins->span;
    if (ins->op == IR_STORE) ad_linear_edge(l, ins->arg[0], v, alg_num(l->b, 1));
    else if (ins->op == IR_SELECT) edges_of_choice(l, v, ins, map, active);
    else if (!edges_of_quotient(l, v, ins, map, active, from)) edges_of_op(l, v, ins, map, active);
  }
}

void ad_linear_guard(AdLinear *l, const bool *active, IrVal from, IrVal to) {
  for (IrVal v = to; v-- > from;)
    if (active[v] && l->k->ins.at[v].op != IR_STORE) guard(l, v);
}

/* ---- the chain rule */

static void take_out(AdLinear *l, IrVal v) {
  l->b->span = l->k->ins.at[v].span;
  for (uint32_t i = 0; i < l->in[v].n; i++)
    for (uint32_t j = 0; j < l->out[v].n; j++) {
      const AdLink x = l->edges.at[l->in[v].at[i]], y = l->edges.at[l->out[v].at[j]];
      AdLink *had = x.guard == IR_NONE && y.guard == IR_NONE ? edge_find(l, x.from, y.to) : NULL;
      if (had && had->guard == IR_NONE) {
        had->weight = plus_times(l->b, had->weight, y.weight, x.weight);
        continue;
      }
      AdLink e = {.from = x.from, .to = y.to, .weight = times(l->b, x.weight, y.weight), .guard = x.guard, .unless = x.unless};
      guard_more(l, &e, y.guard, y.unless);
      edge_add(l, e);
    }
  for (uint32_t i = 0; i < l->in[v].n; i++) l->edges.at[l->in[v].at[i]].gone = true;
  for (uint32_t j = 0; j < l->out[v].n; j++) l->edges.at[l->out[v].at[j]].gone = true;
}

/* Would the number of edges not grow without v? */
static bool worth(AdLinear *l, IrVal v) {
  uint32_t in = alive(l, &l->in[v]), out = alive(l, &l->out[v]), added = 0;
  if (!in || !out) return in || out;
  if (in > 1 && out > 1 && in * out > 4 * (in + out)) return false;
  for (uint32_t i = 0; i < in; i++)
    for (uint32_t j = 0; j < out; j++)
      added += !edge_find(l, l->edges.at[l->in[v].at[i]].from, l->edges.at[l->out[v].at[j]].to);
  return added <= in + out;
}

/* The next to go. Inner: an instruction with edges in and out; what has none on one side serves nothing and is taken out for nothing,
 * but for leaves. worthy: only where edges do not get more; first: of those alike. IR_NONE: there is none. */
static uint32_t cheapest(AdLinear *l, bool worthy, bool first) {
  uint32_t best = IR_NONE;
  uint64_t least = UINT64_MAX;
  for (IrVal v = 0; v < l->k->ins.n; v++) {
    uint64_t in = alive(l, &l->in[v]), out = alive(l, &l->out[v]);
    const IrOp op = (IrOp)l->k->ins.at[v].op;
    bool leaf = op == IR_STORE || (op == IR_LOAD && (!in || worthy)) || (l->stays && l->stays[v]);
    if (leaf || !(in || out) || in * out > least || (first && in * out == least)) continue;
    if (worthy && !worth(l, v)) continue;
    best = v;
    least = in * out;
  }
  return best;
}

/* Where the derivatives of v are numbers, 0 times them is 0: guards of the edges out become parts of their weights once, before
 * these are multiplied with the whole row of v. */
static void guards_out(AdLinear *l, IrVal v) {
  l->b->span = l->k->ins.at[v].span;
  for (uint32_t i = 0; i < l->out[v].n; i++) {
    AdLink *e = &l->edges.at[l->out[v].at[i]];
    e->weight = ad_linear_weight(l, e);
    e->guard = IR_NONE;
  }
}

void ad_linear_eliminate(AdLinear *l, const bool *known) {
  for (IrVal v; (v = cheapest(l, false, !known)) != IR_NONE;) {
    if (known && known[v]) guards_out(l, v);
    take_out(l, v);
  }
}

IrVal ad_linear_between(AdLinear *l, uint32_t from, uint32_t to) {
  const AdLink *e = edge_find(l, from, to);
  return e ? ad_linear_weight(l, e) : IR_NONE;
}

void ad_linear_reduce(AdLinear *l, int effort) {
  if (effort == 3) ad_linear_eliminate(l, NULL);
  for (IrVal v; effort == 2 && (v = cheapest(l, true, true)) != IR_NONE;) take_out(l, v);
  for (bool more = effort == 1; more;) {
    more = false;
    for (IrVal v = l->k->ins.n; v-- > 0;) {
      IrOp op = (IrOp)l->k->ins.at[v].op;
      if (op == IR_LOAD || op == IR_STORE || (l->stays && l->stays[v]) || !worth(l, v)) continue;
      take_out(l, v);
      more = true;
    }
  }
}
