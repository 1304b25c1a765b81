/* The tables of ir/ at run time, and what they mean: ops.def, types.def, slots.def, kernels.def, access.def
 * as arrays; the type and dimension of an instruction by its row's rules. build.c makes instructions by these
 * rules and verify.c checks by them, so that they cannot differ. */
#include "ir/ir.h"

#include <math.h>

const IrOpInfo ir_ops[IR_OPS] = {
#define OP(id, text, arity, type, dim, eval, partials, cpu, ptx, domain, ulp, flags) \
  [IR_##id] = {text, arity, IRT_##type, IRD_##dim, flags, ulp},
#include "ir/ops.def"
#undef OP
};

bool ir_has_slot(IrOp op) { return (ir_ops[op].flags & (IRF_DRAW | IRF_MEMORY | IRF_EFFECT)) || op == IR_LOOP; }

const char *const ir_type_text[IR_TYPES] = {
#define TYPE(id, text, doc) text,
#define TYPE_RULE(id, doc)
#define DIM_RULE(id, doc)
#include "ir/types.def"
#undef TYPE
#undef TYPE_RULE
#undef DIM_RULE
};

const char *const ir_slot_text[SLOT_KINDS] = {
#define SLOT(id, text, doc) text,
#include "ir/slots.def"
#undef SLOT
};

const char *const ir_kernel_text[KERNEL_KINDS] = {
#define KERNEL(id, text, level, scalar, device, doc) text,
#include "ir/kernels.def"
#undef KERNEL
};

bool ir_kernel_scalar(KernelKind kind) {
  static const bool scalars[KERNEL_KINDS] = {
#define KERNEL(id, text, level, scalar, device, doc) scalar,
#include "ir/kernels.def"
#undef KERNEL
  };
  return scalars[kind];
}

static int device_form(KernelKind kind) {
  static const int forms[KERNEL_KINDS] = {
#define KERNEL(id, text, level, scalar, device, doc) device,
#include "ir/kernels.def"
#undef KERNEL
  };
  return forms[kind];
}

bool ir_kernel_on_devices(KernelKind kind) { return device_form(kind) == 1; }

bool ir_kernel_called(KernelKind kind) { return device_form(kind) == 2; }

int ir_kernel_levels(KernelKind kind) {
  static const int levels[KERNEL_KINDS] = {
#define KERNEL(id, text, level, scalar, device, doc) level,
#include "ir/kernels.def"
#undef KERNEL
  };
  return levels[kind];
}

bool ir_kernel_f64(KernelKind kind) {
  return ir_kernel_scalar(kind) || kind == KERNEL_INIT || kind == KERNEL_DRIVE || kind == KERNEL_SYNAPSE_F64 || ir_kernel_fit(kind);
}

bool ir_kernel_f32(KernelKind kind, bool program) {
  return kind == KERNEL_SYNAPSE_F32 || (program && !ir_kernel_f64(kind));
}

bool ir_kernel_f64_arrays(KernelKind kind) {
  return kind == KERNEL_SYNAPSE || kind == KERNEL_SYNAPSE_F32 || kind == KERNEL_SYNAPSE_F64 || kind == KERNEL_DRIVE || ir_kernel_fit(kind);
}

bool ir_kernel_fit(KernelKind kind) { return kind == KERNEL_BEGIN || kind == KERNEL_MARCH || kind == KERNEL_BACK; }

bool ir_kernel_over_time(KernelKind kind) { return kind == KERNEL_MARCH || kind == KERNEL_BACK; }

unsigned ir_access(KernelKind kernel, SlotKind slot) {
  static const uint8_t access[KERNEL_KINDS][SLOT_KINDS] = {
#define ACCESS(k, slot_kind, what) [KERNEL_##k][SLOT_##slot_kind] = what,
#include "ir/access.def"
#undef ACCESS
  };
  return access[kernel][slot];
}

/* ---- rules */

static const IrIns *arg_ins(const IrKernel *k, const IrIns *ins, int i) { return &k->ins.at[ins->arg[i]]; }

static const char *dims_differ(Session *s, Dim a, Dim b) {
  return arena_printf(s->arena, "dimensions differ: %s and %s", dim_text(s, a), dim_text(s, b));
}

static const char *args_are(const IrKernel *k, const IrIns *ins, int from, IrType type) {
  static const char *const message[IR_TYPES] = {
      [IR_REAL] = "an argument is not a real", [IR_BOOL] = "an argument is not a condition", [IR_VOID] = "?"};
  for (int i = from; i < ir_ops[ins->op].arity; i++)
    if (arg_ins(k, ins, i)->type != type) return message[type];
  return NULL;
}

static const char *infer_type(const IrKernel *k, const IrIns *ins, IrType *ret) {
  switch ((IrTypeRule)ir_ops[ins->op].type) {
    case IRT_GIVEN: *ret = IR_REAL; return NULL;
    case IRT_SLOT: *ret = k->slots.at[ins->slot].type; return NULL;
    case IRT_REALS: *ret = IR_REAL; return args_are(k, ins, 0, IR_REAL);
    case IRT_COMPARE: *ret = IR_BOOL; return args_are(k, ins, 0, IR_REAL);
    case IRT_LOGIC: *ret = IR_BOOL; return args_are(k, ins, 0, IR_BOOL);
    case IRT_CHOICE:
      *ret = arg_ins(k, ins, 1)->type;
      if (arg_ins(k, ins, 0)->type != IR_BOOL) return "the first argument is not a condition";
      if (*ret == IR_VOID) return "an argument has no value";
      return *ret == arg_ins(k, ins, 2)->type ? NULL : "select between different types";
    case IRT_KEEP: *ret = arg_ins(k, ins, 0)->type; return *ret == IR_VOID ? "an argument has no value" : NULL;
    case IRT_EFFECT:
      *ret = IR_VOID;
      if (ins->op == IR_NEXT && arg_ins(k, ins, 0)->type != arg_ins(k, ins, 1)->type)
        return "the value's type is not the carried one's";
      if (ins->op == IR_AGAIN || ins->op == IR_LOOP) return args_are(k, ins, 0, IR_BOOL);
      if (ins->op == IR_STORE && arg_ins(k, ins, 0)->type != k->slots.at[ins->slot].type)
        return "the value's type is not the slot's";
      return ins->op == IR_CHECK ? args_are(k, ins, 0, IR_REAL) : NULL;
  }
  return "no such type rule";
}

/* pow: the exponent as n/12, which is what dimensions can bear. */
static const char *infer_pow(const IrKernel *k, const IrIns *ins, Dim *ret) {
  Dim base = arg_ins(k, ins, 0)->dim;
  const IrIns *e = arg_ins(k, ins, 1);
  *ret = DIM_NONE;
  if (!dim_none(e->dim)) return "the exponent has a dimension";
  if (dim_none(base)) return NULL;
  double n = nearbyint(e->num * DIM_ONE);
  if (e->op != IR_CONST) return "the exponent of a value with a dimension is not a constant";
  if (!(fabs(n) <= INT16_MAX) || fabs(e->num * DIM_ONE - n) > 1e-9 || !dim_pow(base, (int)n, DIM_ONE, ret))
    return "the power has no dimension";
  return NULL;
}

static const char *all_alike(Session *s, const IrKernel *k, const IrIns *ins, int from) {
  for (int i = from + 1; i < ir_ops[ins->op].arity; i++) {
    Dim a = arg_ins(k, ins, from)->dim, b = arg_ins(k, ins, i)->dim;
    if (!dim_eq(a, b)) return dims_differ(s, a, b);
  }
  return NULL;
}

static const char *all_numbers(Session *s, const IrKernel *k, const IrIns *ins) {
  for (int i = 0; i < ir_ops[ins->op].arity; i++)
    if (!dim_none(arg_ins(k, ins, i)->dim))
      return arena_printf(s->arena, "the argument is not a plain number: %s",
                          dim_text(s, arg_ins(k, ins, i)->dim));
  return NULL;
}

static const char *infer_dim(Session *s, const IrKernel *k, const IrIns *ins, Dim *ret) {
  int n = ir_ops[ins->op].arity;
  Dim a = n > 0 ? arg_ins(k, ins, 0)->dim : DIM_NONE, b = n > 1 ? arg_ins(k, ins, 1)->dim : DIM_NONE;
  *ret = DIM_NONE;
  switch ((IrDimRule)ir_ops[ins->op].dim) {
    case IRD_GIVEN: *ret = ins->dim; return NULL;
    case IRD_SLOT:
      *ret = k->slots.at[ins->slot].dim;
      return n == 0 || dim_eq(a, *ret) ? NULL : dims_differ(s, a, *ret);
    case IRD_EFFECT:
      if (ins->op == IR_NEXT && !dim_eq(a, b)) return dims_differ(s, b, a);
      if (ins->op != IR_STORE || dim_eq(a, k->slots.at[ins->slot].dim)) return NULL;
      return dims_differ(s, a, k->slots.at[ins->slot].dim);
    case IRD_TIME: ret->e[DIM_TIME] = DIM_ONE; return NULL;
    case IRD_NUMBER: return all_numbers(s, k, ins);
    case IRD_SAME: *ret = a; return all_alike(s, k, ins, 0);
    case IRD_KEEP: *ret = a; return NULL;
    case IRD_MUL: *ret = dim_mul(a, b); return NULL;
    case IRD_DIV: *ret = dim_div(a, b); return NULL;
    case IRD_FMA:
      *ret = dim_mul(a, b);
      return dim_eq(*ret, arg_ins(k, ins, 2)->dim) ? NULL : dims_differ(s, *ret, arg_ins(k, ins, 2)->dim);
    case IRD_SQRT: return dim_pow(a, 1, 2, ret) ? NULL : "the square root has no dimension";
    case IRD_POW: return infer_pow(k, ins, ret);
    case IRD_COMPARE: return all_alike(s, k, ins, 0);
    case IRD_LOGIC: return NULL;
    case IRD_SELECT: *ret = b; return all_alike(s, k, ins, 1);
    case IRD_BLEND: *ret = b; return dim_none(a) ? all_alike(s, k, ins, 1) : "what it blends by is not a plain number";
    case IRD_SIGN: return NULL;
  }
  return "no such dimension rule";
}

const char *ir_infer(Session *s, const IrKernel *k, const IrIns *ins, IrType *ret_type, Dim *ret_dim) {
  const char *wrong = infer_type(k, ins, ret_type);
  return wrong ? wrong : infer_dim(s, k, ins, ret_dim);
}
