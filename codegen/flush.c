/* Code for devices, made to give what x86 gives with flush-to-zero: a result that is too small for a normal number becomes a zero of
 * its sign. A GPU has no such mode for doubles, and where it has one (`.ftz`), it is another one.
 *
 * Behind each operation whose result may be too small stands a choice. x86 looks at the result as it would be rounded with an exponent
 * of any size: it is flushed if that is below the least normal number. Rounded as a subnormal number it may be that number all the
 * same (of exact results in [min - d/2, min - d/4), d the least of all), so the choice looks at a second result, from arguments that
 * are made larger: exact, since they are powers of two larger. Sums need none: they are exact where they are small. Quotients: |a/b|
 * is rounded to less than min just if |a| / min < |b|.
 *
 * Most results cannot be small, and that is found out: `least` is an exponent for each value, which is 0 or not below 2^least. An
 * addend that is a number of ordinary size is enough for a sum. Needs: nothing subnormal in memory or among constants (ir_number); the
 * functions of math/ still to be linked: they give the same bits in either mode. */
#include <math.h>
#include <string.h>

#include "codegen/unit.h"

enum { NEVER_SMALL = 1 << 14 };
typedef struct {
  LLVMTypeRef real, bits;
  int least, digits, scale;      /* of normal numbers; of the significand; by which arguments are made larger */
} Format;

typedef struct {
  LLVMValueRef value;
  int least;
} Known;
typedef struct {
  CgUnit *u;
  Known *known; /* a table by address, at most half of it full */
  uint32_t size, n;
  Format f32, f64;
} Flush;

static const Format *format_of(const Flush *f, LLVMTypeRef type) {
  return type == f->u->f64 ? &f->f64 : type == f->u->f32 ? &f->f32 : NULL;
}

/* ---- what is known of values */
static Known *known_find(Flush *f, LLVMValueRef v) {
  uint32_t i = (uint32_t)(((uintptr_t)v >> 4) * 0x9e3779b97f4a7c15u >> 32) & (f->size - 1);
  while (f->known[i].value && f->known[i].value != v) i = (i + 1) & (f->size - 1);
  return &f->known[i];
}

static void known_put(Flush *f, LLVMValueRef v, int least) {
  if (2 * ++f->n > f->size) {
    Known *old = f->known;
    uint32_t size = f->size;
    f->size = size ? 2 * size : 256;
    f->known = NEW_ARRAY(f->u->arena, Known, f->size);
    for (uint32_t i = 0; i < size; i++)
      if (old[i].value) *known_find(f, old[i].value) = old[i];
  }
  *known_find(f, v) = (Known){v, least};
}

static int constant_least(LLVMValueRef v) {
  LLVMBool loses;
  double x = LLVMConstRealGetDouble(v, &loses);
  return x == 0 || !isfinite(x) ? NEVER_SMALL : ilogb(x);
}

/* The value is 0, not finite, or not below 2 to this. */
static int least(Flush *f, LLVMValueRef v) {
  if (LLVMIsAConstantFP(v)) return constant_least(v);
  Known *k = f->size ? known_find(f, v) : NULL;
  return k && k->value ? k->least : format_of(f, LLVMTypeOf(v))->least;
}

static int smaller(int a, int b) { return a < b ? a : b; }
static int larger(int a, int b) { return a > b ? a : b; }

/* If a is not 0, b is not close enough to leave less than an ulp of a / 2; if it is 0, the sum is b. */
static int sum_least(const Format *t, int a, int b) {
  return larger(smaller(a - t->digits, b), smaller(b - t->digits, a));
}

/* The same; a product has twice the digits. */
static int fma_least(const Format *t, int product, int c, bool c_is_number) {
  int lost = 2 * t->digits + 1;
  return larger(smaller(c - lost, c_is_number ? NEVER_SMALL : product), smaller(product - lost, c));
}

static bool is_number(LLVMValueRef v) {
  LLVMBool loses;
  return LLVMIsAConstantFP(v) && LLVMConstRealGetDouble(v, &loses) != 0;
}

static int quotient_least(Flush *f, LLVMValueRef a, LLVMValueRef b) {
  LLVMBool loses;
  double by = is_number(b) ? fabs(LLVMConstRealGetDouble(b, &loses)) : INFINITY;
  return isfinite(by) ? least(f, a) - ilogb(by) - (scalbn(1, ilogb(by)) != by) : -NEVER_SMALL;
}

/* ---- the choice */
static LLVMValueRef number(const Format *t, double x) { return LLVMConstReal(t->real, x); }

static LLVMValueRef larger_by(Flush *f, const Format *t, LLVMValueRef v) {
  return LLVMBuildFMul(f->u->builder, v, number(t, scalbn(1, t->scale)), "");
}

/* |v| < 2^exponent: of a double the upper half tells. */
static LLVMValueRef is_below(Flush *f, const Format *t, LLVMValueRef v, int exponent) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef bits = LLVMBuildBitCast(b, v, t->bits, "");
  if (t == &f->f64) bits = LLVMBuildTrunc(b, LLVMBuildLShr(b, bits, LLVMConstInt(t->bits, 32, false), ""), f->u->i32, "");
  LLVMValueRef size = LLVMBuildAnd(b, bits, LLVMConstInt(f->u->i32, 0x7fffffff, false), "");
  unsigned field = (unsigned)(exponent - t->least + 1) << (t == &f->f64 ? 20 : 23);
  return LLVMBuildICmp(b, LLVMIntULT, size, LLVMConstInt(f->u->i32, field, false), "");
}

static LLVMValueRef absolute(Flush *f, LLVMValueRef v) {
  LLVMTypeRef type = LLVMTypeOf(v);
  unsigned id = LLVMLookupIntrinsicID("llvm.fabs", 9);
  LLVMValueRef fabs_of = LLVMGetIntrinsicDeclaration(f->u->module, id, &type, 1);
  return LLVMBuildCall2(f->u->builder, LLVMIntrinsicGetType(f->u->ctx, id, &type, 1), fabs_of, &v, 1, "");
}

static LLVMValueRef argument(LLVMValueRef i, unsigned k) { return LLVMGetOperand(i, k); }

/* Of an instruction, before what comes behind it: is its result to be flushed? */
static LLVMValueRef small_itself(Flush *f, const Format *t, LLVMValueRef i) { return is_below(f, t, i, t->least); }

static LLVMValueRef small_product(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef a = argument(i, 0), b = argument(i, 1);
  if (LLVMIsAConstantFP(b)) a = argument(i, 1), b = argument(i, 0);
  return is_below(f, t, LLVMBuildFMul(f->u->builder, larger_by(f, t, a), b, ""), t->least + t->scale);
}

static LLVMValueRef small_fma(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef args[] = {larger_by(f, t, argument(i, 0)), argument(i, 1), larger_by(f, t, argument(i, 2))};
  LLVMValueRef fma = LLVMGetCalledValue(i);
  return is_below(f, t, LLVMBuildCall2(f->u->builder, LLVMGetCalledFunctionType(i), fma, args, 3, ""), t->least + t->scale);
}

static LLVMValueRef small_quotient(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef a = LLVMBuildFMul(b, absolute(f, argument(i, 0)), number(t, scalbn(1, -t->least)), "");
  return LLVMBuildFCmp(b, LLVMRealOLT, a, absolute(f, argument(i, 1)), "");
}

static LLVMValueRef small_narrowed(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef from = absolute(f, argument(i, 0));
  double least_number = scalbn(1, t->least), half = scalbn(1, t->least - t->digits - 1);
  return LLVMBuildFCmp(f->u->builder, LLVMRealOLT, from, LLVMConstReal(LLVMTypeOf(from), least_number - half), "");
}

typedef LLVMValueRef Small(Flush *f, const Format *t, LLVMValueRef i);

static void users_take(LLVMValueRef old, LLVMValueRef now, const LLVMValueRef *users, uint32_t n) {
  for (uint32_t k = 0; k < n; k++)
    for (int j = 0; j < LLVMGetNumOperands(users[k]); j++)
      if (LLVMGetOperand(users[k], (unsigned)j) == old) LLVMSetOperand(users[k], (unsigned)j, now);
}

static void flush(Flush *f, const Format *t, LLVMValueRef i, Small *small) {
  LLVMBuilderRef b = f->u->builder;
  VEC(LLVMValueRef) users = {0};
  for (LLVMUseRef use = LLVMGetFirstUse(i); use; use = LLVMGetNextUse(use)) vec_push(f->u->arena, &users, LLVMGetUser(use));
  if (users.n == 0) return;
  LLVMPositionBuilderBefore(b, LLVMGetNextInstruction(i));
  LLVMValueRef is_small = small(f, t, i), bits = LLVMBuildBitCast(b, i, t->bits, "");
  LLVMValueRef sign = LLVMConstInt(t->bits, t == &f->f64 ? 1ull << 63 : 1ull << 31, false);
  LLVMValueRef zero = LLVMBuildBitCast(b, LLVMBuildAnd(b, bits, sign, ""), t->real, "");
  LLVMValueRef flushed = LLVMBuildSelect(b, is_small, zero, i, "");
  users_take(i, flushed, users.at, users.n);
  known_put(f, flushed, t->least);
}

/* Result `may` be this small. */
static void judge(Flush *f, const Format *t, LLVMValueRef i, int may, Small *small) {
  if (may >= t->least) known_put(f, i, may);
  else flush(f, t, i, small);
}

/* ---- operations */
static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static void call(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef callee = LLVMGetCalledValue(i);
  size_t n;
  const char *name = LLVMGetValueName2(callee, &n);
  LLVMValueRef a = argument(i, 0);
  if (begins(name, "llvm.fma."))
    judge(f, t, i, fma_least(t, least(f, a) + least(f, argument(i, 1)), least(f, argument(i, 2)), is_number(argument(i, 2))), small_fma);
  else if (begins(name, "llvm.fabs."))
    known_put(f, i, least(f, a));
  else if (begins(name, "llvm.sqrt."))
    known_put(f, i, least(f, a) / 2 - 1);
  else if (begins(name, "llvm.floor.") || begins(name, "llvm.ceil.") || begins(name, "llvm.roundeven.") || begins(name, "llvm.rint."))
    known_put(f, i, 0);
  else if (begins(name, "nslm_draw_"))
    flush(f, t, i, small_itself); /* by their parameters, which may be as small as they like */
  else if (begins(name, "llvm."))
    BUG(f->u->s, ((Span){0, 0}), "nobody knows whether %s gives subnormal numbers", name);
}

static void instruction(Flush *f, LLVMValueRef i) {
  const Format *t = format_of(f, LLVMTypeOf(i));
  LLVMOpcode op = LLVMGetInstructionOpcode(i);
  if (!t) return;
  switch ((int)op) { /* all others neither compute nor round */
    case LLVMFAdd:
    case LLVMFSub: judge(f, t, i, sum_least(t, least(f, argument(i, 0)), least(f, argument(i, 1))), small_itself); return;
    case LLVMFMul: judge(f, t, i, least(f, argument(i, 0)) + least(f, argument(i, 1)), small_product); return;
    case LLVMFDiv: judge(f, t, i, quotient_least(f, argument(i, 0), argument(i, 1)), small_quotient); return;
    case LLVMFPTrunc: judge(f, t, i, least(f, argument(i, 0)), small_narrowed); return;
    case LLVMFPExt:
    case LLVMFNeg: known_put(f, i, least(f, argument(i, 0))); return;
    case LLVMSelect: known_put(f, i, smaller(least(f, argument(i, 1)), least(f, argument(i, 2)))); return;
    case LLVMSIToFP:
    case LLVMUIToFP: known_put(f, i, 0); return;
    case LLVMBitCast: flush(f, t, i, small_itself); return; /* numbers that are put together by their bits */
    case LLVMCall: call(f, t, i); return;
    case LLVMFRem:
    case LLVMAtomicRMW: BUG(f->u->s, ((Span){0, 0}), "an operation that code for devices does not flush");
  }
}

void cg_flush(CgUnit *u) {
  Flush f = {.u = u,
             .f32 = {u->f32, u->i32, -126, 24, 30},
             .f64 = {u->f64, u->i64, -1022, 53, 54}};
  for (LLVMValueRef k = LLVMGetFirstFunction(u->module); k; k = LLVMGetNextFunction(k))
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(k); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
        next = LLVMGetNextInstruction(i);
        instruction(&f, i);
      }
}
