/* The order in which a device's thread computes a kernel: one in which few values are waiting. A processor
 * has a dozen vectors and a stack in its cache; a thread of a GPU has at most 255 registers, and behind these
 * memory.
 *
 * Between the parts of loops the instructions may stand in any order in which what they need comes first.
 * Four are made, and the one whose most waiting values are fewest is taken, part by part:
 *
 *   as it is     what the passes left
 *   on demand    each value directly before the first that needs it; roots (stores, checks, what later parts
 *                use) as they stand
 *   backwards    from the last to the first, always what adds fewest values to those that wait; ties: as in
 *                either of these
 *
 * The bits are the same: nothing but the order of pure instructions, of accesses to different arrays, and of
 * draws, which are numbered, changes. Needs: a kernel that passed ir_verify. */
#include "codegen/emit.h"

enum { CONDITION = 1, NUMBER = 8 }; /* what a waiting value takes: predicates are not among the registers */
enum { LOOKED_AT = 512 }; /* of those that are ready, so that the time grows with the kernel's length */

typedef struct {
  IrVal before;
  uint32_t next; /* link of the same instruction + 1; 0: the last */
} Link;

typedef struct {
  const Emit *e;
  Arena *a;
  IrVal n, from, to;    /* the part at work */
  IrVal loop;           /* where the loop that it is in begins; n: in none */
  IrVal *used;          /* by value: the last instruction that needs it */
  bool *kept;           /* by value: over time, it is a state behind the step */
  VEC(Link) links;      /* accesses to one array that keep their order */
  uint32_t *link;       /* by instruction: the first of those that come before it, + 1 */
  uint32_t *waits;      /* by instruction: for so many that need it */
  IrVal *place;         /* by instruction: where it stands in the order that decides ties */
  bool *live, *done;
} Order;

static const IrIns *ins_at(const Order *o, IrVal i) { return &o->e->k->ins.at[i]; }
static uint32_t arity(const Order *o, IrVal i) { return ir_ops[ins_at(o, i)->op].arity; }
static bool inside(const Order *o, IrVal i) { return i >= o->from && i < o->to; }

static bool is_slot(const Order *o, IrVal i, IrOp op, SlotKind kind) {
  const IrIns *ins = ins_at(o, i);
  return ins->op == op && o->e->k->slots.at[ins->slot].kind == kind;
}

/* Over time, a state or param is there before it is loaded. */
static bool is_there(const Order *o, IrVal i) {
  return o->e->over_time && (is_slot(o, i, IR_LOAD, SLOT_STATE) || is_slot(o, i, IR_LOAD, SLOT_PARAM));
}

static int weight(const Order *o, IrVal v) {
  const IrIns *ins = ins_at(o, v);
  if (ins->op == IR_CONST || ins->op == IR_DT || (is_there(o, v) && is_slot(o, v, IR_LOAD, SLOT_PARAM)))
    return 0;
  return ins->type == IR_BOOL ? CONDITION : NUMBER;
}

/* The value is needed behind the part, or by its next turn. */
static bool is_out(const Order *o, IrVal v) {
  if (o->loop < o->n && ins_at(o, v)->op == IR_CARRY)
    return false; /* what is carried on has a register of its own */
  return o->used[v] >= o->to || o->kept[v] || (o->loop < o->n && v < o->loop);
}

/* ---- what keeps its order: accesses to an array of which one is a store, and checks, which are one sum */
static void link_add(Order *o, IrVal before, IrVal after) {
  vec_push(o->a, &o->links, ((Link){before, o->link[after]}));
  o->link[after] = o->links.n;
}

static void links_make(Order *o) {
  uint32_t n_slots = o->e->k->slots.n;
  IrVal *stored = NEW_ARRAY(o->a, IrVal, n_slots + 1); /* by slot, then checks: the last one, + 1 */
  IrVal *loaded = NEW_ARRAY(o->a, IrVal, n_slots + 1),
        *other = NEW_ARRAY(o->a, IrVal, o->n + 1); /* since then, + 1; the one before it */
  for (IrVal i = 0; i < o->n; i++) {
    const IrIns *ins = ins_at(o, i);
    uint32_t flags = ir_ops[ins->op].flags, slot = ins->op == IR_CHECK ? n_slots : ins->slot;
    if (!(flags & (IRF_MEMORY | IRF_EFFECT))) continue;
    if (stored[slot]) link_add(o, stored[slot] - 1, i);
    if (!(flags & IRF_EFFECT)) {
      other[i] = loaded[slot];
      loaded[slot] = i + 1;
      continue;
    }
    for (IrVal l = loaded[slot]; l; l = other[l - 1]) link_add(o, l - 1, i);
    stored[slot] = i + 1;
    loaded[slot] = 0;
  }
}

/* ---- orders of the part */
typedef struct {
  IrVal *at;
  int most; /* waiting, beyond what waits behind the part */
} Sequence;

static Sequence sequence(Order *o) { return (Sequence){NEW_ARRAY(o->a, IrVal, o->to - o->from + 1), 0}; }

static void live_begin(Order *o) {
  for (IrVal i = o->from; i < o->to; i++) {
    o->live[i] = is_out(o, i);
    for (uint32_t j = 0; j < arity(o, i); j++)
      o->live[ins_at(o, i)->arg[j]] = is_out(o, ins_at(o, i)->arg[j]);
  }
}

/* What more waits, if this comes before all that is placed. */
static int adds(const Order *o, IrVal i) {
  const IrIns *ins = ins_at(o, i);
  int more = o->live[i] && !is_there(o, i) ? -weight(o, i) : 0;
  for (uint32_t j = 0; j < arity(o, i); j++) {
    bool again = o->live[ins->arg[j]];
    for (uint32_t k = 0; k < j; k++) again |= ins->arg[k] == ins->arg[j];
    if (!again) more += weight(o, ins->arg[j]);
  }
  return more;
}

static int live_before(Order *o, IrVal i) {
  int more = adds(o, i);
  o->live[i] = false;
  for (uint32_t j = 0; j < arity(o, i); j++) o->live[ins_at(o, i)->arg[j]] = true;
  return more;
}

static void measure(Order *o, Sequence *s) {
  int now = 0;
  live_begin(o);
  s->most = 0;
  for (IrVal i = o->to - o->from; i-- > 0;) {
    now += live_before(o, s->at[i]);
    if (now > s->most) s->most = now;
  }
}

static Sequence as_it_is(Order *o) {
  Sequence s = sequence(o);
  for (IrVal i = o->from; i < o->to; i++) s.at[i - o->from] = i;
  measure(o, &s);
  return s;
}

typedef VEC(IrVal) Stack;

/* The value and what it needs, which comes before it. */
static void demand(Order *o, Stack *stack, IrVal root, Sequence *s, IrVal *n) {
  vec_push(o->a, stack, root);
  while (stack->n) {
    IrVal i = stack->at[stack->n - 1];
    uint32_t height = stack->n;
    if (!o->done[i]) {
      for (uint32_t l = o->link[i]; l; l = o->links.at[l - 1].next)
        if (inside(o, o->links.at[l - 1].before) && !o->done[o->links.at[l - 1].before])
          vec_push(o->a, stack, o->links.at[l - 1].before);
      for (uint32_t j = arity(o, i); j-- > 0;)
        if (inside(o, ins_at(o, i)->arg[j]) && !o->done[ins_at(o, i)->arg[j]])
          vec_push(o->a, stack, ins_at(o, i)->arg[j]);
    }
    if (stack->n > height) continue;
    stack->n--;
    if (!o->done[i]) s->at[(*n)++] = i;
    o->done[i] = true;
  }
}

static Sequence on_demand(Order *o) {
  Sequence s = sequence(o);
  Stack stack = {0};
  IrVal n = 0;
  for (IrVal i = o->from; i < o->to; i++)
    if ((ir_ops[ins_at(o, i)->op].flags & IRF_EFFECT) || is_out(o, i)) demand(o, &stack, i, &s, &n);
  for (IrVal i = o->from; i < o->to; i++) demand(o, &stack, i, &s, &n);
  measure(o, &s);
  return s;
}

static void needed_less(Order *o, IrVal i, IrVal *ready, uint32_t *n) {
  if (inside(o, i) && --o->waits[i] == 0) ready[(*n)++] = i;
}

static void ready_after(Order *o, IrVal i, IrVal *ready, uint32_t *n) {
  for (uint32_t j = 0; j < arity(o, i); j++) needed_less(o, ins_at(o, i)->arg[j], ready, n);
  for (uint32_t l = o->link[i]; l; l = o->links.at[l - 1].next)
    needed_less(o, o->links.at[l - 1].before, ready, n);
}

static uint32_t best_of(const Order *o, const IrVal *ready, uint32_t n) {
  uint32_t best = n - 1;
  int least = adds(o, ready[best]);
  for (uint32_t r = n - 1; r-- > 0 && n - r <= LOOKED_AT;) {
    int more = adds(o, ready[r]);
    if (more > least || (more == least && o->place[ready[r]] < o->place[ready[best]])) continue;
    best = r;
    least = more;
  }
  return best;
}

static Sequence backwards(Order *o, const Sequence *ties) {
  Sequence s = sequence(o);
  IrVal *ready = NEW_ARRAY(o->a, IrVal, o->to - o->from + 1);
  uint32_t n = 0, m = o->to - o->from;
  for (IrVal i = o->from; i < o->to; i++) o->waits[i] = 0;
  for (IrVal i = o->from; i < o->to; i++) {
    for (uint32_t j = 0; j < arity(o, i); j++) o->waits[ins_at(o, i)->arg[j]]++;
    for (uint32_t l = o->link[i]; l; l = o->links.at[l - 1].next) o->waits[o->links.at[l - 1].before]++;
  }
  for (uint32_t i = 0; i < m; i++) o->place[ties->at[i]] = i;
  for (IrVal i = o->from; i < o->to; i++)
    if (!o->waits[i]) ready[n++] = i;
  live_begin(o);
  while (n) {
    uint32_t best = best_of(o, ready, n);
    IrVal i = ready[best];
    ready[best] = ready[--n];
    live_before(o, i);
    s.at[--m] = i;
    ready_after(o, i, ready, &n);
  }
  measure(o, &s);
  return s;
}

static const IrVal *part(Order *o) {
  Sequence all[4] = {as_it_is(o), on_demand(o)};
  all[2] = backwards(o, &all[0]);
  all[3] = backwards(o, &all[1]);
  int best = 0;
  for (int i = 1; i < 4; i++)
    if (all[i].most < all[best].most) best = i;
  return all[best].at;
}

static void uses_find(Order *o) {
  for (IrVal i = 0; i < o->n; i++) {
    for (uint32_t j = ins_at(o, i)->op == IR_NEXT; j < arity(o, i); j++) o->used[ins_at(o, i)->arg[j]] = i;
    if (o->e->over_time && is_slot(o, i, IR_STORE, SLOT_STATE)) o->kept[ins_at(o, i)->arg[0]] = true;
  }
}

const IrVal *emit_order(const Emit *e) {
  IrVal n = e->k->ins.n;
  Arena *a = e->u->arena;
  Order o = {.e = e,
             .a = a,
             .n = n,
             .loop = n,
             .used = NEW_ARRAY(a, IrVal, n + 1),
             .kept = NEW_ARRAY(a, bool, n + 1),
             .link = NEW_ARRAY(a, uint32_t, n + 1),
             .waits = NEW_ARRAY(a, uint32_t, n + 1),
             .place = NEW_ARRAY(a, IrVal, n + 1),
             .live = NEW_ARRAY(a, bool, n + 1),
             .done = NEW_ARRAY(a, bool, n + 1)};
  IrVal *order = NEW_ARRAY(a, IrVal, n + 1);
  uses_find(&o);
  links_make(&o);
  for (IrVal i = 0; i < n; i = o.to) {
    if (ir_ops[ins_at(&o, i)->op].flags & IRF_CONTROL) {
      if (ins_at(&o, i)->op == IR_LOOP) o.loop = i;
      if (ins_at(&o, i)->op == IR_AGAIN) o.loop = n;
      order[i] = i;
      o.to = i + 1;
      continue;
    }
    o.from = o.to = i;
    while (o.to < n && !(ir_ops[ins_at(&o, o.to)->op].flags & IRF_CONTROL)) o.to++;
    const IrVal *at = part(&o);
    for (IrVal j = o.from; j < o.to; j++) order[j] = at[j - o.from];
  }
  return order;
}
