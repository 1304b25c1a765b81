/* What passes share: making a new kernel from an old one, instruction by instruction.
 *
 *   IrRewrite r = ir_rewrite(k, out, s);                  same kind, name, index and slots, no instructions
 *   for (IrVal i = 0; i < k->ins.n; i++) {
 *     ir_rewrite_at(&r, i);                               what is made next has the span of i
 *     if (...) r.map[i] = ir_op2(&r.b, IR_MUL, ...);      another value stands for i
 *     else ir_rewrite_copy(&r, i);                        the same instruction, its arguments mapped
 *   }
 *   return r.b.k; */
#ifndef NSL_IR_PASS_H
#define NSL_IR_PASS_H

#include "ir/ir.h"

typedef struct {
  IrBuild b; /* to the new kernel */
  const IrKernel *in;
  IrVal *map; /* old value -> new value */
} IrRewrite;
IrRewrite ir_rewrite(const IrKernel *in, Arena *out, Session *s);
void ir_rewrite_at(IrRewrite *r, IrVal i);
IrVal ir_rewrite_copy(IrRewrite *r, IrVal i); /* the new position; also in map */
/* The mapped argument j of old instruction i. */
static inline IrVal ir_rewrite_arg(const IrRewrite *r, IrVal i, int j) {
  return r->map[r->in->ins.at[i].arg[j]];
}

IrKernel *ir_kernel_copy(const IrKernel *k, Arena *out);
/* A copy of the module in which map(k) stands for each kernel k. */
IrModule *ir_map_kernels(const IrModule *in, Arena *out, Session *s,
                         IrKernel *(*map)(const IrKernel *k, Arena *out, Session *s));
void ir_module_add(IrModule *m, Arena *a, IrKernel *k); /* appends, and sets the index */
void ir_module_renumber(IrModule *m, Arena *a); /* the list anew: what tables refer to, in their order */

/* What runs in every step, or for every event (level 2): worth making cheap. */
static inline bool ir_in_step(KernelKind kind) {
  return kind == KERNEL_STEP || kind == KERNEL_RECEIVE || kind == KERNEL_FINISH || kind == KERNEL_LEARN ||
         kind == KERNEL_AHEAD;
}

/* Values that are the same for all elements of a population: computed from uniforms, globals, constants and
 * dt alone. One entry for each instruction of k. */
bool *ir_uniform_values(const IrKernel *k, Arena *a);

/* By instruction: the loop that it belongs to (from `loop` to `again`; 1 for the first), 0 for none. */
uint32_t *ir_loops(const IrKernel *k, Arena *a);

#define PASS(name, function, exact, doc) IrModule *function(const IrModule *in, Arena *out, Session *s);
#include "ir/passes.def"
#undef PASS

#endif
