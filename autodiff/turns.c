/* Loops backwards. A loop of the march ran some turns, for each element as many as it needed; its way back is another loop, which
 * runs the same turns again and sends adjoints through each of them, the last first:
 *
 *   adjoints of the carried values   what they are behind the loop; before a turn, from those behind it
 *   … of what the body uses beside   sums over all turns
 *
 * What a turn began with is found by running the body again from the first carried values, so a loop needs nothing on the tape but
 * these and how many turns there were. To go back over N turns the body would run N (N + 1) / 2 times; the carried values of one
 * turn are kept on the way, at the begin of a block of sqrt(N) turns, so that it runs about N sqrt(N) times, and once where
 * there was one turn. Both ways stand in one loop, since loops have no loops: in each turn the body runs, and only where the
 * turn is the one whose turn it is (`at`) adjoints change.
 *
 * Within a body what is not chosen may be infinite, as anywhere (linear.c). So may be what a later turn overwrites: no condition
 * of its own turn tells, so it is the adjoint that is looked at, and where it is 0 nothing flows. Values may be
 * infinite there as well, so this holds for all edges but constants: a third more time of loops' ways back.
 *
 * Needs ad_loops_ready. Gives the bits of any other way to have the turns' values: they are computed as in the march. */
#include "autodiff/reverse.h"

#include <math.h>

#include "ir/algebra.h"
#include "ir/pass.h"

/* ---- a kernel that is ready: no loads in bodies, turns counted, what is seen behind a loop is a number */

static void count_begin(IrRewrite *r, IrVal zero, IrVal *ret_count) {
  if (*ret_count == IR_NONE) *ret_count = ir_carry(&r->b, zero);
}

/* Behind the loop a condition that it has carried is that of a number, which a tape can hold. */
static void conditions_behind(IrRewrite *r, IrVal loop, IrVal again) {
  const IrKernel *k = r->in;
  for (IrVal v = loop + 1; v < again && k->ins.at[v].op == IR_CARRY; v++)
    if (k->ins.at[v].type == IR_BOOL) r->map[v] = ad_condition(&r->b, ad_number(&r->b, r->map[v]));
}

IrKernel *ad_loops_ready(const IrKernel *k, Arena *a, Session *s) {
  IrRewrite r = ir_rewrite(k, a, s);
  const uint32_t *loops = ir_loops(k, a);
  IrVal zero = IR_NONE, count = IR_NONE, more = IR_NONE, loop = IR_NONE;
  for (IrVal i = 0; i < k->ins.n; i++) {
    if (!loops[i] || k->ins.at[i].op != IR_LOAD) continue;
    ir_rewrite_at(&r, i);
    ir_rewrite_copy(&r, i);
  }
  for (IrVal i = 0; i < k->ins.n; i++) {
    IrOp op = (IrOp)k->ins.at[i].op;
    if (loops[i] && op == IR_LOAD) continue;
    ir_rewrite_at(&r, i);
    if (op == IR_LOOP) zero = alg_num(&r.b, 0), count = more = IR_NONE, loop = i;
    else if (loops[i] && op != IR_CARRY) count_begin(&r, zero, &count);
    if ((op == IR_NEXT || op == IR_AGAIN) && more == IR_NONE) more = ir_op2(&r.b, IR_ADD, count, alg_num(&r.b, 1));
    if (op == IR_AGAIN) ir_next(&r.b, count, more);
    ir_rewrite_copy(&r, i);
    if (op == IR_AGAIN) conditions_behind(&r, loop, i);
  }
  return r.b.k;
}

IrVal ad_number(IrBuild *b, IrVal v) {
  return b->k->ins.at[v].type == IR_BOOL ? ir_op3(b, IR_SELECT, v, alg_num(b, 1), alg_num(b, 0)) : v;
}
IrVal ad_condition(IrBuild *b, IrVal v) { return ir_op2(b, IR_GT, v, alg_num(b, 0.5)); }

static void outer_add(AdLoop *l, Arena *a, bool *seen, IrVal v) {
  if (v >= l->loop || seen[v]) return;
  seen[v] = true;
  vec_push(a, &l->outer, v);
}

static AdLoop loop_of(const IrKernel *k, IrVal at, Arena *a) {
  AdLoop l = {.loop = at, .body = at + 1};
  bool *seen = NEW_ARRAY(a, bool, at + 1);
  while (k->ins.at[l.body].op == IR_CARRY) l.body++;
  l.count = l.body - 1;
  for (l.next = l.body; k->ins.at[l.next].op != IR_NEXT; l.next++)
    for (int j = 0; j < ir_ops[k->ins.at[l.next].op].arity; j++) outer_add(&l, a, seen, k->ins.at[l.next].arg[j]);
  for (l.again = l.next; k->ins.at[l.again].op == IR_NEXT; l.again++) outer_add(&l, a, seen, k->ins.at[l.again].arg[1]);
  return l;
}

AdLoopList ad_loops_of(const IrKernel *k, Arena *a) {
  AdLoopList all = {0};
  for (IrVal i = 0; i < k->ins.n; i++) {
    if (k->ins.at[i].op != IR_LOOP) continue;
    AdLoop l = loop_of(k, i, a);
    vec_push(a, &all, l);
  }
  return all;
}

/* ---- the way back */

typedef struct { /* carried by the loop that goes back */
  IrVal *first, *turn, *kept;  /* by the loop's carry: before all turns; now; at the begin of the block */
  IrVal i, j, begin;           /* the turn that `turn` stands before; the one whose turn it is; that of the block's begin */
  IrVal *adjoint;              /* by instruction, of carries and of outer values: IR_NONE: there is none */
  IrVal turns, block, zero;
} Turns;

static uint32_t n_carries(const AdLoop *l) { return l->count - l->loop - 1; }

static IrVal zero_by(AdTurns *t, IrVal v) { return ir_const(t->b, 0, dim_div(DIM_NONE, t->k->ins.at[v].dim)); }

/* What the loop begins with; all of it must be there before. */
static void begin(AdTurns *t, Turns *w) {
  IrBuild *b = t->b;
  const AdLoop *l = t->loop;
  IrVal half = alg_num(b, 0.5), one = alg_num(b, 1), *adjoint = NEW_ARRAY(b->arena, IrVal, l->body + 1);
  w->zero = alg_num(b, 0);
  w->turns = t->value[l->count];
  w->block = ir_op2(b, IR_ADD, ir_op1(b, IR_FLOOR, ir_op1(b, IR_SQRT, w->turns)), one);
  IrVal last = ir_op2(b, IR_SUB, w->turns, one);
  IrVal first = ir_op2(b, IR_MUL, ir_op1(b, IR_FLOOR, ir_op2(b, IR_DIV, last, w->block)), w->block);
  for (IrVal v = 0; v < l->body; v++) {
    bool there = t->active[v] && (v > l->loop || t->uses[v]);
    adjoint[v] = !there ? IR_NONE : v > l->loop && t->adjoint[v] != IR_NONE ? t->adjoint[v] : zero_by(t, v);
  }
  IrVal enters = ir_op2(b, IR_GT, w->turns, half);
  ir_loop(b, IR_MOST_TURNS, enters);
  for (uint32_t q = 0; q < n_carries(l); q++) w->first[q] = t->value[t->k->ins.at[l->loop + 1 + q].arg[0]];
  for (uint32_t q = 0; q < n_carries(l); q++) w->turn[q] = ir_carry(b, w->first[q]);
  for (uint32_t q = 0; q < n_carries(l); q++) w->kept[q] = ir_carry(b, w->first[q]);
  w->i = ir_carry(b, w->zero);
  w->j = ir_carry(b, last);
  w->begin = ir_carry(b, first);
  for (IrVal v = 0; v < l->body; v++) w->adjoint[v] = adjoint[v] == IR_NONE ? IR_NONE : ir_carry(b, adjoint[v]);
}

/* The body once more: by instruction its value. */
static IrVal *body(AdTurns *t, const Turns *w) {
  const AdLoop *l = t->loop;
  IrVal *now = NEW_ARRAY(t->b->arena, IrVal, t->k->ins.n + 1);
  for (IrVal v = 0; v < l->loop; v++) now[v] = t->value[v];
  for (uint32_t q = 0; q < n_carries(l); q++) now[l->loop + 1 + q] = w->turn[q];
  now[l->count] = w->i;
  for (IrVal v = l->body; v < l->next; v++) {
    IrIns ins = t->k->ins.at[v];
    t->b->span = ins.span;
    for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = now[ins.arg[j]];
    now[v] = ir_push(t->b, ins);
  }
  return now;
}

static IrVal sum_out(AdLinear *l, IrVal v, const IrVal *adjoint) {
  IrVal sum = IR_NONE;
  for (uint32_t i = 0; i < l->out[v].n; i++) {
    const AdLink *e = &l->edges.at[l->out[v].at[i]];
    if (e->gone || adjoint[e->to] == IR_NONE) continue;
    sum = ad_add_times(l->b, sum, ad_where_flows(l->b, adjoint[e->to], ad_linear_weight(l, e)), adjoint[e->to]);
  }
  return sum;
}

/* Adjoints before the turn, by instruction of carries and outer values. */
static IrVal *through(AdTurns *t, const Turns *w, const IrVal *now) {
  const AdLoop *l = t->loop;
  AdLinear graph = ad_linear_new(t->b, t->k, 0);
  IrVal *adjoint = NEW_ARRAY(t->b->arena, IrVal, l->again + 1);
  graph.stays = NEW_ARRAY(t->b->arena, bool, t->k->ins.n + 1);
  for (IrVal v = 0; v < t->k->ins.n; v++) graph.stays[v] = v < l->body || v >= l->next;
  ad_linear_fill(&graph, now, t->active, l->body, l->again);
  ad_linear_guard(&graph, t->active, l->body, l->again);
  ad_linear_reduce(&graph, t->effort);
  if (graph.why && !t->why) t->why = graph.why, t->seen = graph.seen;
  for (IrVal v = l->again; v-- > 0;) {
    if (v >= l->next) adjoint[v] = w->adjoint[t->k->ins.at[v].arg[0]];
    else adjoint[v] = t->active[v] && v != l->loop ? sum_out(&graph, v, adjoint) : IR_NONE;
  }
  return adjoint;
}

static IrVal carried_next(const AdTurns *t, uint32_t q, const IrVal *now) {
  for (IrVal v = t->loop->next; v < t->loop->again; v++)
    if (t->k->ins.at[v].arg[0] == t->loop->loop + 1 + q) return now[t->k->ins.at[v].arg[1]];
  return IR_NONE; /* each carry has one: ir_verify */
}

/* To the next turn of the loop that goes back. */
static void follow(AdTurns *t, const Turns *w, const IrVal *now, const IrVal *before) {
  IrBuild *b = t->b;
  const AdLoop *l = t->loop;
  IrVal one = alg_num(b, 1), at = ir_op2(b, IR_GE, w->i, w->j), keeps = ir_op2(b, IR_EQ, w->i, w->begin);
  IrVal j = ir_op3(b, IR_SELECT, at, ir_op2(b, IR_SUB, w->j, one), w->j);
  IrVal over = ir_op2(b, IR_AND, at, ir_op2(b, IR_LT, j, w->begin)); /* the block is done: from the first turn to the one before */
  IrVal i = ir_op3(b, IR_SELECT, at, ir_op3(b, IR_SELECT, over, w->zero, w->begin), ir_op2(b, IR_ADD, w->i, one));
  IrVal block = ir_op3(b, IR_SELECT, over, ir_op2(b, IR_SUB, w->begin, w->block), w->begin);
  IrVal *turn = NEW_ARRAY(b->arena, IrVal, n_carries(l) + 1), *kept = NEW_ARRAY(b->arena, IrVal, n_carries(l) + 1);
  IrVal *adjoint = NEW_ARRAY(b->arena, IrVal, l->body + 1);
  for (uint32_t q = 0; q < n_carries(l); q++) {
    kept[q] = ir_op3(b, IR_SELECT, keeps, w->turn[q], w->kept[q]);
    turn[q] = ir_op3(b, IR_SELECT, at, ir_op3(b, IR_SELECT, over, w->first[q], kept[q]), carried_next(t, q, now));
  }
  for (IrVal v = 0; v < l->body; v++) {
    if (w->adjoint[v] == IR_NONE) continue;
    IrVal is = before[v];
    if (v < l->loop) is = is == IR_NONE ? w->adjoint[v] : ir_op2(b, IR_ADD, w->adjoint[v], is);
    else if (is == IR_NONE) is = zero_by(t, v);
    adjoint[v] = ir_op3(b, IR_SELECT, at, is, w->adjoint[v]);
  }
  IrVal more = ir_op2(b, IR_GE, j, w->zero);
  for (uint32_t q = 0; q < n_carries(l); q++) ir_next(b, w->turn[q], turn[q]);
  for (uint32_t q = 0; q < n_carries(l); q++) ir_next(b, w->kept[q], kept[q]);
  ir_next(b, w->i, i);
  ir_next(b, w->j, j);
  ir_next(b, w->begin, block);
  for (IrVal v = 0; v < l->body; v++)
    if (w->adjoint[v] != IR_NONE) ir_next(b, w->adjoint[v], adjoint[v]);
  ir_again(b, more);
}

/* Turns that the way back has no room for make its adjoints no numbers: such a place of a fit counts as one that diverges. */
static IrVal or_too_long(const AdTurns *t, const Turns *w, IrVal v) {
  double most = t->k->ins.at[t->loop->loop].slot;
  if (most * (sqrt(most) + 2) < IR_MOST_TURNS) return v;
  return ir_op3(t->b, IR_SELECT, ir_op2(t->b, IR_LT, w->j, w->zero), v, ir_const(t->b, NAN, t->b->k->ins.at[v].dim));
}

void ad_turns_back(AdTurns *t) {
  const AdLoop *l = t->loop;
  Arena *a = t->b->arena;
  Turns w = {.first = NEW_ARRAY(a, IrVal, n_carries(l) + 1), .turn = NEW_ARRAY(a, IrVal, n_carries(l) + 1),
             .kept = NEW_ARRAY(a, IrVal, n_carries(l) + 1), .adjoint = NEW_ARRAY(a, IrVal, l->body + 1)};
  bool *uses = NEW_ARRAY(a, bool, l->body + 1);
  for (uint32_t i = 0; i < l->outer.n; i++) uses[l->outer.at[i]] = true;
  t->uses = uses;
  t->b->span = t->k->ins.at[l->loop].span;
  begin(t, &w);
  const IrVal *now = body(t, &w), *before = through(t, &w, now);
  t->b->span = t->k->ins.at[l->again].span;
  follow(t, &w, now, before);
  for (IrVal v = l->loop + 1; v < l->body; v++) {
    IrVal from = t->k->ins.at[v].arg[0];
    if (w.adjoint[v] != IR_NONE && t->active[from]) t->adjoint[from] = ad_sum(t->b, t->adjoint[from], or_too_long(t, &w, w.adjoint[v]));
  }
  for (IrVal v = 0; v < l->loop; v++)
    if (w.adjoint[v] != IR_NONE) t->adjoint[v] = ad_sum(t->b, t->adjoint[v], or_too_long(t, &w, w.adjoint[v]));
}
