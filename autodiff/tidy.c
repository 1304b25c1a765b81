/* Cheaper arithmetic in kernels over time; last bits change. Two passes:
 *
 * reciprocals  A division becomes a product with the divisor's reciprocal, which derivatives need as well, and which is computed
 *              before the loop over time where the divisor is the same in every step (made of free parameters, uniforms and
 *              constants): a division takes as long as a dozen multiplications.
 * contract     x + y * z, where nothing else needs the product, becomes one fused operation. Derivatives are made of these.
 *
 * Need marches; touch nothing else. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"

bool *ad_steady(const IrKernel *k, Arena *a) {
  bool *steady = NEW_ARRAY(a, bool, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_LOAD) {
      SlotKind kind = k->slots.at[ins->slot].kind;
      steady[i] = kind == SLOT_UNIFORM || kind == SLOT_PARAM;
      continue;
    }
    steady[i] = (ir_ops[ins->op].flags & IRF_PURE) && ins->op != IR_TIME;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) steady[i] &= steady[ins->arg[j]];
  }
  return steady;
}

static bool is_one(const IrKernel *k, IrVal v) { return k->ins.at[v].op == IR_CONST && k->ins.at[v].num == 1; }

/* The reciprocal of a divisor is made where it is first divided by; one made within a loop does not serve behind it. */
static IrKernel *reciprocals_from(const IrKernel *k, IrVal from, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  const bool *steady = ad_steady(k, out);
  const uint32_t *loops = ir_loops(k, out);
  uint32_t *made_in = NEW_ARRAY(out, uint32_t, k->ins.n + 1);
  IrVal *per = NEW_ARRAY(out, IrVal, k->ins.n + 1);
  for (IrVal i = 0; i < k->ins.n; i++) per[i] = IR_NONE;
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    IrVal by = ins->arg[1];
    bool one = ins->op == IR_DIV && is_one(k, ins->arg[0]) && dim_none(k->ins.at[ins->arg[0]].dim);
    ir_rewrite_at(&r, i);
    if (ins->op != IR_DIV || i < from || (steady[by] && steady[ins->arg[0]])) {
      ir_rewrite_copy(&r, i);
      if (one && !loops[i]) per[by] = r.map[i];
      continue;
    }
    if (per[by] == IR_NONE || (made_in[by] && made_in[by] != loops[i])) {
      per[by] = ir_op2(&r.b, IR_DIV, alg_num(&r.b, 1), r.map[by]);
      made_in[by] = loops[i];
    }
    r.map[i] = one ? per[by] : ir_op2(&r.b, IR_MUL, r.map[ins->arg[0]], per[by]);
  }
  return r.b.k;
}

static IrKernel *reciprocals_kernel(const IrKernel *k, Arena *out, Session *s) {
  return ir_kernel_over_time(k->kind) ? reciprocals_from(k, 0, out, s) : ir_kernel_copy(k, out);
}

IrModule *ad_pass_reciprocals(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, reciprocals_kernel);
}

/* ---- contract */

typedef struct {
  const IrKernel *k;
  const uint32_t *uses, *loops;
  const bool *steady;
} Contract;

/* A product that this sum alone needs, in the same turn of the same loop. */
static bool product_for(const Contract *c, IrVal v, IrVal sum) {
  return c->k->ins.at[v].op == IR_MUL && c->uses[v] == 1 && c->loops[v] == c->loops[sum] && !(c->steady[v] && !c->steady[sum]);
}

static IrVal contracted(IrRewrite *r, const Contract *c, IrVal i) {
  const IrIns *ins = &c->k->ins.at[i];
  IrVal x = ins->arg[0], y = ins->arg[1];
  if (ins->op != IR_ADD && ins->op != IR_SUB) return IR_NONE;
  if (product_for(c, y, i)) {
    IrVal p = ir_rewrite_arg(r, y, 0), q = ir_rewrite_arg(r, y, 1);
    return alg_fma(&r->b, ins->op == IR_SUB ? alg_neg(&r->b, p) : p, q, r->map[x]);
  }
  if (!product_for(c, x, i)) return IR_NONE;
  IrVal rest = ins->op == IR_SUB ? alg_neg(&r->b, r->map[y]) : r->map[y];
  return alg_fma(&r->b, ir_rewrite_arg(r, x, 0), ir_rewrite_arg(r, x, 1), rest);
}

static IrKernel *contract_from(const IrKernel *k, IrVal from, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  uint32_t *uses = NEW_ARRAY(out, uint32_t, k->ins.n + 1);
  for (IrVal i = 0; i < k->ins.n; i++)
    for (int j = 0; j < ir_ops[k->ins.at[i].op].arity; j++) uses[k->ins.at[i].arg[j]]++;
  Contract c = {k, uses, ir_loops(k, out), ad_steady(k, out)};
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&r, i);
    r.map[i] = i < from ? IR_NONE : contracted(&r, &c, i);
    if (r.map[i] == IR_NONE) ir_rewrite_copy(&r, i);
  }
  return r.b.k;
}

static IrKernel *contract_kernel(const IrKernel *k, Arena *out, Session *s) {
  return ir_kernel_over_time(k->kind) ? contract_from(k, 0, out, s) : ir_kernel_copy(k, out);
}

IrModule *ad_pass_contract(const IrModule *in, Arena *out, Session *s) { return ir_map_kernels(in, out, s, contract_kernel); }

/* ---- solved: behind all derivatives a solution is its value */

IrKernel *ad_solved(const IrKernel *k, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&r, i);
    if (k->ins.at[i].op == IR_SOLVED) r.map[i] = ir_rewrite_arg(&r, i, 0);
    else ir_rewrite_copy(&r, i);
  }
  return r.b.k;
}

IrModule *ad_pass_solved(const IrModule *in, Arena *out, Session *s) { return ir_map_kernels(in, out, s, ad_solved); }

IrKernel *ad_tidy_from(const IrKernel *k, IrVal from, Arena *out, Session *s) {
  return contract_from(reciprocals_from(k, from, out, s), from, out, s);
}
