/* Lines of a printed kernel, shared by the printer and the verifier. */
#ifndef NSL_IR_TEXT_H
#define NSL_IR_TEXT_H

#include "ir/ir.h"

void ir_print_head(Session *s, const IrKernel *k, FILE *out);
void ir_print_slot(Session *s, const IrKernel *k, uint32_t slot, FILE *out);
void ir_print_ins(Session *s, const IrKernel *k, uint32_t at, FILE *out);

/* Base units of dimensions in the text form, in the order of DIM_*. */
extern const char *const ir_base_text[DIM_BASES];

#endif
