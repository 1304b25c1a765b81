/* The reference evaluator in 113-bit arithmetic: ir/eval.h a third time, with libquadmath for the functions of math/. */
#ifndef NSL_TESTS_GRADIENTS_QUAD_H
#define NSL_TESTS_GRADIENTS_QUAD_H

#include "ir/ir.h"

typedef __float128 Quad;
/* As ir_eval; all arrays hold Quads. Kernels of fits only. */
uint64_t quad_eval(const IrKernel *k, const IrEnv *env);

#endif
