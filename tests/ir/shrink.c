/* Makes a failing kernel small: drops stores, puts an argument or a constant in the place of an instruction,
 * drops what is dead, as long as the failure stays. Method: greedy, from the end, until nothing helps. */
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "tests/ir/random_kernel.h"

IrKernel *random_pass(Session *s, Arena *a, const IrKernel *k, const char *pass) {
  IrModule *m = NEW(a, IrModule);
  m->level = 2;
  ir_module_add(m, a, ir_kernel_copy(k, a));
  for (uint32_t i = 0; i < ir_n_passes; i++)
    if (strcmp(ir_passes[i].name, pass) == 0) return ir_passes[i].run(m, a, s)->kernels.at[0];
  BUG(s, (Span){0}, "no pass %s", pass);
}

/* The kernel without instruction at (no value), or with another value in its place; NULL if the choice does
 * not exist. */
static IrKernel *reduce(Session *s, Arena *a, const IrKernel *k, IrVal at, int choice) {
  const IrIns *ins = &k->ins.at[at];
  if (ins->op == IR_LOOP || ins->op == IR_AGAIN) return NULL; /* half a loop is none; dce drops whole ones */
  IrRewrite r = ir_rewrite(k, a, s);
  if (ins->type == IR_VOID ? choice != 0 : choice > 4) return NULL;
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&r, i);
    if (k->ins.at[i].op == IR_NEXT && k->ins.at[i].arg[0] == at) continue; /* with its carry */
    if (i != at) {
      ir_rewrite_copy(&r, i);
      continue;
    }
    if (ins->type == IR_VOID) continue;
    if (choice == 4) {
      if (ins->type != IR_REAL || ins->op == IR_CONST) return NULL;
      r.map[i] = ir_const(&r.b, 1.5, ins->dim);
      continue;
    }
    if (choice >= ir_ops[ins->op].arity) return NULL;
    const IrIns *x = &k->ins.at[ins->arg[choice]];
    if (x->type != ins->type || !dim_eq(x->dim, ins->dim)) return NULL;
    r.map[i] = ir_rewrite_arg(&r, i, choice);
  }
  return random_pass(s, a, r.b.k, "dce");
}

static bool sound(Session *s, const IrKernel *k) {
  FILE *nowhere = fopen("/dev/null", "w");
  if (!nowhere) return false;
  int complaints = ir_verify_kernel(s, k, nowhere);
  fclose(nowhere);
  return complaints == 0;
}

IrKernel *random_shrink(Session *s, Arena *a, const IrKernel *k, bool (*fails)(const IrKernel *k, void *ctx),
                        void *ctx) {
  IrKernel *best = ir_kernel_copy(k, a);
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (IrVal at = best->ins.n; at-- > 0;)
      for (int choice = 0; choice <= 4 && at < best->ins.n; choice++) {
        IrKernel *tried = reduce(s, a, best, at, choice);
        if (!tried || tried->ins.n >= best->ins.n || !sound(s, tried) || !fails(tried, ctx)) continue;
        best = tried;
        smaller = true;
        choice = -1;
      }
  }
  return best;
}
