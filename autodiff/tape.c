/* What of a step is kept on the tape: the cheapest way for the steps backwards to have what they need. A value is loaded from
 * the tape, or computed again from its arguments, which then must be there as well; parameters, uniforms, samples and time are
 * there anyway, and what is made of steady ones alone is computed once, before all steps.
 *
 * Method: least cut. Each value has two nodes: "there" and "computed again". Cut between the two: the value is kept; between
 * the second and the sink: its operation is run again; "again" without arguments that are there has infinite weight. The least
 * cut between what is needed and the sink is found as the greatest flow (Dinic 1970), so no choice of kept values is cheaper.
 * Costs are in multiplications: a function about 20, a division 6. A value kept counts KEPT, for its store, its load and their
 * share of the caches: of Hodgkin-Huxley neurons 12 was the best of 2, 6, 12, 16 and 24 (gradient_bench).
 *
 * What a loop leaves is kept if it is needed: its way back runs the loop again from its first values (turns.c). Gives: for each instruction whether it is kept, computed again, or not there. */
#include "autodiff/ad.h"
#include "autodiff/reverse.h"

#include <string.h>

enum { FUNCTION = 20, DIVISION = 6, KEPT = 12, REGISTERS = 16, NEVER = 1 << 28 };

/* ---- costs */

static uint32_t op_cost(IrOp op) {
  if (op == IR_DIV || op == IR_SQRT) return DIVISION;
  return ir_ops[op].ulp ? FUNCTION : 1;
}

static uint32_t again_cost(const IrKernel *k, const bool *steady, IrVal i) {
  const IrIns *ins = &k->ins.at[i];
  if (steady[i]) return 0;
  if (ins->op == IR_CARRY) return NEVER;
  if (ins->op == IR_LOAD) return k->slots.at[ins->slot].kind == SLOT_SAMPLE ? 1 : NEVER;
  return ins->op == IR_TIME ? 1 : op_cost((IrOp)ins->op);
}

/* States live in registers; so many leave room for what a step computes, and each more is written and read in every step. */
static uint32_t states_cost(const IrKernel *k) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < k->slots.n; i++) n += k->slots.at[i].kind == SLOT_STATE;
  return n > REGISTERS ? (n - REGISTERS) * (KEPT / 2) : 0;
}

uint32_t ad_cost(const IrKernel *k, Arena *a) {
  const bool *steady = ad_steady(k, a);
  uint32_t cost = states_cost(k);
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    bool memory = ins->op == IR_LOAD || ins->op == IR_STORE;
    if (memory) cost += k->slots.at[ins->slot].kind == SLOT_TAPE ? KEPT / 2 : 0;
    else if (!steady[i]) cost += op_cost((IrOp)ins->op);
  }
  return cost;
}

/* ---- flow. Arcs come in pairs: at ^ 1 is the way back */

typedef struct {
  uint32_t to, next;
  int32_t room;
} Arc;

typedef struct {
  Arena *arena;
  VEC(Arc) arcs;
  uint32_t *first, *level, *at, *queue; /* by node: its first arc; distance from the source; the arc to be tried next */
  uint32_t n, *path;
} Flow;

static Flow flow_new(Arena *a, uint32_t n) {
  Flow f = {.arena = a, .n = n};
  f.first = NEW_ARRAY(a, uint32_t, n), f.level = NEW_ARRAY(a, uint32_t, n), f.at = NEW_ARRAY(a, uint32_t, n);
  f.queue = NEW_ARRAY(a, uint32_t, n), f.path = NEW_ARRAY(a, uint32_t, n);
  for (uint32_t i = 0; i < n; i++) f.first[i] = IR_NONE;
  return f;
}

static void arc_add(Flow *f, uint32_t from, uint32_t to, uint32_t room) {
  vec_push(f->arena, &f->arcs, ((Arc){to, f->first[from], (int32_t)room}));
  f->first[from] = f->arcs.n - 1;
  vec_push(f->arena, &f->arcs, ((Arc){from, f->first[to], 0}));
  f->first[to] = f->arcs.n - 1;
}

/* Distances from the source over arcs with room; whether the sink is reached. */
static bool levels(Flow *f, uint32_t source, uint32_t sink) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < f->n; i++) f->level[i] = IR_NONE;
  f->level[source] = 0;
  f->queue[n++] = source;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t e = f->first[f->queue[i]]; e != IR_NONE; e = f->arcs.at[e].next) {
      uint32_t to = f->arcs.at[e].to;
      if (f->arcs.at[e].room <= 0 || f->level[to] != IR_NONE) continue;
      f->level[to] = f->level[f->queue[i]] + 1;
      f->queue[n++] = to;
    }
  return f->level[sink] != IR_NONE;
}

/* One path by rising levels, filled; false: there is none. */
static bool augment(Flow *f, uint32_t source, uint32_t sink) {
  uint32_t node = source, depth = 0;
  while (node != sink) {
    uint32_t e = f->at[node];
    while (e != IR_NONE && (f->arcs.at[e].room <= 0 || f->level[f->arcs.at[e].to] != f->level[node] + 1))
      e = f->arcs.at[e].next;
    f->at[node] = e;
    if (e != IR_NONE) {
      f->path[depth++] = e;
      node = f->arcs.at[e].to;
      continue;
    }
    if (node == source) return false;
    e = f->path[--depth]; /* a dead end: back, and past it */
    node = f->arcs.at[e ^ 1].to;
    f->at[node] = f->arcs.at[e].next;
  }
  int32_t least = NEVER;
  for (uint32_t i = 0; i < depth; i++)
    if (f->arcs.at[f->path[i]].room < least) least = f->arcs.at[f->path[i]].room;
  for (uint32_t i = 0; i < depth; i++) f->arcs.at[f->path[i]].room -= least, f->arcs.at[f->path[i] ^ 1].room += least;
  return true;
}

static void flow_fill(Flow *f, uint32_t source, uint32_t sink) {
  while (levels(f, source, sink)) {
    memcpy(f->at, f->first, f->n * sizeof *f->at);
    while (augment(f, source, sink)) continue;
  }
}

/* ---- the choice */

AdTaped *ad_tape(const IrKernel *k, const bool *needed, Arena *a) {
  const bool *steady = ad_steady(k, a);
  uint32_t n = k->ins.n, source = 2 * n, sink = 2 * n + 1;
  Flow f = flow_new(a, 2 * n + 2);
  for (IrVal i = 0; i < n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->type == IR_VOID) continue;
    if (needed[i]) arc_add(&f, source, 2 * i, NEVER);
    arc_add(&f, 2 * i, 2 * i + 1, ins->type == IR_REAL ? KEPT : NEVER);
    arc_add(&f, 2 * i + 1, sink, again_cost(k, steady, i));
    for (int j = 0; j < ir_ops[ins->op].arity; j++) arc_add(&f, 2 * i + 1, 2 * ins->arg[j], NEVER);
  }
  flow_fill(&f, source, sink);
  AdTaped *taped = NEW_ARRAY(a, AdTaped, n + 1);
  for (IrVal i = 0; i < n; i++)
    taped[i] = f.level[2 * i + 1] != IR_NONE ? TAPE_AGAIN : f.level[2 * i] != IR_NONE ? TAPE_KEPT : TAPE_NOT;
  return taped;
}
