/* In step kernels, the uniform factors of a product come together: (u * x) * v and v * (x * -u) become x * (u
 * * v), so that hoisting computes u * v once and each element has one product less. Signs go into the uniform
 * factor too.
 *
 * Method: products and negations that have one use are parts of a tree; a tree with two uniform factors, or
 * one and an odd number of signs, is made anew: the other factors from left to right, then times the uniform
 * part. Bits change (REASSOC): each product rounds once in either order, so the error bound stays k/2 units
 * in the last place for k factors; u * v can overflow where u * x * v does not, at magnitudes (1e300) that no
 * parameter in coherent units has. Needs `divide` before it (quotients by uniforms are products then). */
#include "ir/algebra.h"
#include "ir/pass.h"

typedef struct {
  IrRewrite r;
  const bool *uniform;
  const uint32_t *uses, *loop; /* a product made outside of a loop stays there */
  bool *inner, *anew; /* by old instruction: part of a tree that is made anew; its root */
  VEC(IrVal) factors; /* of the tree at hand, from left to right */
  bool minus;
} Regroup;

static bool is_tree(const Regroup *g, IrVal v) {
  const IrIns *ins = &g->r.in->ins.at[v];
  return (ins->op == IR_MUL || ins->op == IR_NEG) && !g->uniform[v];
}

/* The factors of the tree under root. mark: its parts are not needed any more. */
static void collect(Regroup *g, IrVal root, bool mark) {
  VEC(IrVal) todo = {0};
  Arena *a = g->r.b.arena;
  g->factors.n = 0;
  g->minus = false;
  vec_push(a, &todo, root);
  while (todo.n > 0) {
    IrVal v = todo.at[--todo.n];
    const IrIns *ins = &g->r.in->ins.at[v];
    if (v != root && (!is_tree(g, v) || g->uses[v] != 1 || g->loop[v] != g->loop[root])) {
      vec_push(a, &g->factors, v);
      continue;
    }
    if (mark && v != root) g->inner[v] = true;
    if (ins->op == IR_NEG) g->minus = !g->minus;
    for (int j = ir_ops[ins->op].arity; j-- > 0;) vec_push(a, &todo, ins->arg[j]);
  }
}

static bool worth_it(const Regroup *g) {
  uint32_t n = g->minus;
  bool any = false;
  for (uint32_t i = 0; i < g->factors.n; i++) {
    n += g->uniform[g->factors.at[i]];
    any |= g->uniform[g->factors.at[i]];
  }
  return any && n >= 2;
}

static void choose(Regroup *g) {
  for (IrVal i = g->r.in->ins.n; i-- > 0;) {
    if (!is_tree(g, i) || g->inner[i]) continue;
    collect(g, i, false);
    g->anew[i] = worth_it(g);
    if (g->anew[i]) collect(g, i, true);
  }
}

static IrVal make(Regroup *g, IrVal root) {
  IrBuild *b = &g->r.b;
  IrVal all = IR_NONE, u = IR_NONE;
  collect(g, root, false);
  for (uint32_t i = 0; i < g->factors.n; i++) {
    IrVal *to = g->uniform[g->factors.at[i]] ? &u : &all, v = g->r.map[g->factors.at[i]];
    *to = *to == IR_NONE ? v : alg_mul(b, *to, v); /* of numbers: a number */
  }
  /* the sign stays inside: alg_mul would take it out again */
  double number;
  if (g->minus)
    u = alg_const(b, u, &number) ? ir_const(b, -number, b->k->ins.at[u].dim) : ir_op1(b, IR_NEG, u);
  bool is_one = alg_is(b, u, 1) && dim_none(b->k->ins.at[u].dim);
  return is_one ? all : ir_op2(b, IR_MUL, all, u);
}

static uint32_t *count_uses(const IrKernel *k, Arena *a) {
  uint32_t *uses = NEW_ARRAY(a, uint32_t, k->ins.n + 1);
  for (IrVal i = 0; i < k->ins.n; i++)
    for (int j = 0; j < ir_ops[k->ins.at[i].op].arity; j++) uses[k->ins.at[i].arg[j]]++;
  return uses;
}

static IrKernel *regroup_kernel(const IrKernel *k, Arena *out, Session *s) {
  if (!ir_in_step(k->kind)) return ir_kernel_copy(k, out);
  Regroup g = {.r = ir_rewrite(k, out, s), .uniform = ir_uniform_values(k, out), .uses = count_uses(k, out)};
  g.loop = ir_loops(k, out);
  g.inner = NEW_ARRAY(out, bool, k->ins.n + 1);
  g.anew = NEW_ARRAY(out, bool, k->ins.n + 1);
  choose(&g);
  for (IrVal i = 0; i < k->ins.n; i++) {
    if (g.inner[i]) continue;
    ir_rewrite_at(&g.r, i);
    if (g.anew[i])
      g.r.map[i] = make(&g, i);
    else
      ir_rewrite_copy(&g.r, i);
  }
  return g.r.b.k;
}

IrModule *ir_pass_regroup(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, regroup_kernel);
}
