/* Common subexpressions: an instruction equal to an earlier one (op, slot, number, dimension, arguments after
 * mapping; of ops that commute in either order) is dropped and the earlier one stands for it. Method: a hash
 * table of the new instructions, so time is linear. Loads merge because a kernel never loads a slot on both
 * sides of its store; draws merge because a draw is a function of its ordinal. Takes, stores, checks and what
 * makes a loop never do; a value of a loop's body stands for no value outside of it. Needs nothing; exact. */
#include <string.h>

#include "ir/pass.h"

typedef struct {
  IrRewrite r;
  IrVal *table; /* open addressing; IR_NONE: free */
  uint32_t mask;
  const uint32_t *loop; /* by old instruction */
  uint32_t *made_in;    /* by new instruction: its loop */
} Cse;

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

static uint64_t ins_hash(const IrIns *ins) {
  uint64_t num, h = mix(ins->op, ins->slot);
  memcpy(&num, &ins->num, sizeof num);
  h = mix(h, num);
  for (int j = 0; j < 4; j++) h = mix(h, ins->arg[j]);
  return h;
}

static bool ins_same(const IrIns *a, const IrIns *b) {
  return a->op == b->op && a->slot == b->slot && memcmp(&a->num, &b->num, sizeof a->num) == 0 &&
         dim_eq(a->dim, b->dim) && memcmp(a->arg, b->arg, sizeof a->arg) == 0;
}

/* As the copy would be, arguments of ops that commute in order of position: the form that is compared. */
static IrIns ins_key(const Cse *c, IrVal i) {
  IrIns ins = c->r.in->ins.at[i];
  for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = ir_rewrite_arg(&c->r, i, j);
  if ((ir_ops[ins.op].flags & IRF_COMMUTES) && ins.arg[0] > ins.arg[1]) {
    IrVal swap = ins.arg[0];
    ins.arg[0] = ins.arg[1];
    ins.arg[1] = swap;
  }
  return ins;
}

static void cse_ins(Cse *c, IrVal i, IrIns *keys) {
  IrIns key = ins_key(c, i);
  uint32_t at = (uint32_t)ins_hash(&key) & c->mask;
  for (; c->table[at] != IR_NONE; at = (at + 1) & c->mask)
    if (ins_same(&keys[c->table[at]], &key) &&
        (!c->made_in[c->table[at]] || c->made_in[c->table[at]] == c->loop[i])) {
      c->r.map[i] = c->table[at];
      return;
    }
  IrVal v = ir_rewrite_copy(&c->r, i);
  keys[v] = key;
  c->made_in[v] = c->loop[i];
  if (!(ir_ops[key.op].flags & (IRF_EFFECT | IRF_CONTROL))) c->table[at] = v;
}

static IrKernel *cse_kernel(const IrKernel *k, Arena *out, Session *s) {
  uint32_t size = 16;
  while (size < 2 * k->ins.n) size *= 2;
  Cse c = {.r = ir_rewrite(k, out, s), .table = NEW_ARRAY(out, IrVal, size), .mask = size - 1};
  IrIns *keys = NEW_ARRAY(out, IrIns, k->ins.n + 1);
  c.loop = ir_loops(k, out);
  c.made_in = NEW_ARRAY(out, uint32_t, k->ins.n + 1);
  for (uint32_t i = 0; i < size; i++) c.table[i] = IR_NONE;
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&c.r, i);
    cse_ins(&c, i, keys);
  }
  return c.r.b.k;
}

IrModule *ir_pass_cse(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, cse_kernel);
}
