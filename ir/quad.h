/* The reference evaluator in 113-bit arithmetic: ir/eval.h a third time, with libquadmath for the functions of math/. */
#ifndef NSL_IR_QUAD_H
#define NSL_IR_QUAD_H

#include "ir/ir.h"

typedef __float128 Quad;
/* As ir_eval; all arrays hold Quads, and so does `u`. Kernels of fits only, and setup kernels without draws (count = 1). */
uint64_t ir_eval_quad(const IrKernel *k, const IrEnv *env);

#endif
