/* Code for devices, made to give what x86 gives with flush-to-zero: a result that is too small for a normal
 * number becomes a zero of its sign. A GPU has no such mode for doubles, and where it has one (`.ftz`), it is
 * another one.
 *
 * Behind each operation whose result may be too small stands a choice. x86 looks at the result as it would be
 * rounded with an exponent of any size: it is flushed if that is below the least normal number. Rounded as a
 * subnormal number it may be that number all the same (of exact results in [min - d/2, min - d/4), d the
 * least of all). So where a product, or a product and a sum, is not zero and not above that number, a branch
 * that is hardly ever taken looks at a second result, from arguments that are made larger: exact, since by a
 * power of two. Behind the branch stands the product itself, so nothing else takes a register; and few
 * instructions are in the branch, so an assembler may do without jumps.
 * Sums need none: they are exact where they are small. Quotients: |a/b| is rounded to less than min just if
 * |a| / min < |b|.
 *
 * Most results cannot be small, and that is found out: `least` is an exponent for each value, which is 0 or
 * not below 2^least. An addend that is a number of ordinary size is enough for a sum. Needs: nothing
 * subnormal in memory or among constants (ir_number); the functions of math/ still to be linked: they give
 * the same bits in either mode. */
#include <math.h>
#include <string.h>

#include "codegen/unit.h"

enum { NEVER_SMALL = 1 << 14 };
typedef struct {
  LLVMTypeRef real, bits;
  int least, digits, scale; /* of normal numbers; of the significand; by which arguments are made larger */
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

/* |v| as a number that grows with it: of a double the upper half. */
static LLVMValueRef size_of(Flush *f, const Format *t, LLVMValueRef v) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef bits = LLVMBuildBitCast(b, v, t->bits, "");
  if (t == &f->f64)
    bits = LLVMBuildTrunc(b, LLVMBuildLShr(b, bits, LLVMConstInt(t->bits, 32, false), ""), f->u->i32, "");
  return LLVMBuildAnd(b, bits, LLVMConstInt(f->u->i32, 0x7fffffff, false), "");
}

/* That of 2^exponent. */
static LLVMValueRef size_number(Flush *f, const Format *t, int exponent) {
  return LLVMConstInt(f->u->i32, (unsigned long long)(exponent - t->least + 1) << (t == &f->f64 ? 20 : 23),
                      false);
}

static LLVMValueRef is_below(Flush *f, const Format *t, LLVMValueRef v, int exponent) {
  return LLVMBuildICmp(f->u->builder, LLVMIntULT, size_of(f, t, v), size_number(f, t, exponent), "");
}

static LLVMValueRef intrinsic(Flush *f, const char *name, LLVMTypeRef type, LLVMValueRef *args, unsigned n) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef callee = LLVMGetIntrinsicDeclaration(f->u->module, id, &type, 1);
  return LLVMBuildCall2(f->u->builder, LLVMIntrinsicGetType(f->u->ctx, id, &type, 1), callee, args, n, "");
}

static LLVMValueRef absolute(Flush *f, LLVMValueRef v) {
  return intrinsic(f, "llvm.fabs", LLVMTypeOf(v), &v, 1);
}

static LLVMValueRef argument(LLVMValueRef i, unsigned k) { return LLVMGetOperand(i, k); }

/* Of an instruction, before what comes behind it: is its result to be flushed? */
static LLVMValueRef small_itself(Flush *f, const Format *t, LLVMValueRef i) {
  return is_below(f, t, i, t->least);
}

static LLVMValueRef small_quotient(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef a = LLVMBuildFMul(b, absolute(f, argument(i, 0)), number(t, scalbn(1, -t->least)), "");
  return LLVMBuildFCmp(b, LLVMRealOLT, a, absolute(f, argument(i, 1)), "");
}

static LLVMValueRef small_narrowed(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef from = absolute(f, argument(i, 0));
  double least_number = scalbn(1, t->least), half = scalbn(1, t->least - t->digits - 1);
  return LLVMBuildFCmp(f->u->builder, LLVMRealOLT, from, LLVMConstReal(LLVMTypeOf(from), least_number - half),
                       "");
}

typedef LLVMValueRef Small(Flush *f, const Format *t, LLVMValueRef i);

static void users_take(LLVMValueRef old, LLVMValueRef now, const LLVMValueRef *users, uint32_t n) {
  for (uint32_t k = 0; k < n; k++)
    for (int j = 0; j < LLVMGetNumOperands(users[k]); j++)
      if (LLVMGetOperand(users[k], (unsigned)j) == old) LLVMSetOperand(users[k], (unsigned)j, now);
}

/* v, or a zero of its sign. */
static LLVMValueRef choice(Flush *f, const Format *t, LLVMValueRef v, LLVMValueRef is_small) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef sign = LLVMConstInt(t->bits, t == &f->f64 ? 1ull << 63 : 1ull << 31, false);
  LLVMValueRef zero = LLVMBuildAnd(b, LLVMBuildBitCast(b, v, t->bits, ""), sign, "");
  return LLVMBuildSelect(b, is_small, LLVMBuildBitCast(b, zero, t->real, ""), v, "");
}

static void flush(Flush *f, const Format *t, LLVMValueRef i, Small *small) {
  VEC(LLVMValueRef) users = {0};
  for (LLVMUseRef use = LLVMGetFirstUse(i); use; use = LLVMGetNextUse(use))
    vec_push(f->u->arena, &users, LLVMGetUser(use));
  if (users.n == 0) return;
  LLVMPositionBuilderBefore(f->u->builder, LLVMGetNextInstruction(i));
  LLVMValueRef flushed = choice(f, t, i, small(f, t, i));
  users_take(i, flushed, users.at, users.n);
  known_put(f, flushed, t->least);
}

/* ---- products, with or without a sum: functions, to be inlined, since they branch */
enum { SELDOM = 1 << 20 };
static const char functions_begin[] = "flushed_";

/* Not above the least normal number (or above by little, for doubles), and not zero: zeros are many, and
 * right as they are. */
static LLVMValueRef may_be_small(Flush *f, const Format *t, LLVMValueRef v) {
  LLVMBuilderRef b = f->u->builder;
  LLVMValueRef size = size_of(f, t, v), most = size_number(f, t, t->least),
               one = LLVMConstInt(f->u->i32, 1, false);
  if (t == &f->f32) return LLVMBuildICmp(b, LLVMIntULT, LLVMBuildSub(b, size, one, ""), most, "");
  LLVMValueRef rest = LLVMBuildTrunc(b, LLVMBuildBitCast(b, v, t->bits, ""), f->u->i32, "");
  LLVMValueRef some = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildOr(b, size, rest, ""), LLVMConstNull(f->u->i32),
                                    "");
  return LLVMBuildAnd(b, some, LLVMBuildICmp(b, LLVMIntULE, size, most, ""), "");
}

/* Of two arguments the product, of three the fma; larger: by `scale`. */
static LLVMValueRef product(Flush *f, const Format *t, LLVMValueRef function, unsigned n, bool larger) {
  LLVMValueRef args[3];
  LLVMGetParams(function, args);
  if (larger) args[0] = larger_by(f, t, args[0]);
  if (n == 2) return LLVMBuildFMul(f->u->builder, args[0], args[1], "");
  if (larger) args[2] = larger_by(f, t, args[2]);
  return intrinsic(f, "llvm.fma", t->real, args, n);
}

static LLVMValueRef product_function(Flush *f, const Format *t, unsigned n) {
  CgUnit *u = f->u;
  LLVMBuilderRef b = u->builder;
  const char *name = arena_printf(u->arena, "%s%u_%d", functions_begin, n, t->digits);
  LLVMValueRef function = LLVMGetNamedFunction(u->module, name);
  if (function) return function;
  LLVMTypeRef args[] = {t->real, t->real, t->real};
  function = LLVMAddFunction(u->module, name, LLVMFunctionType(t->real, args, n, false));
  LLVMBasicBlockRef usual = LLVMAppendBasicBlockInContext(u->ctx, function, ""),
                    seldom = LLVMAppendBasicBlockInContext(u->ctx, function, "small"),
                    end = LLVMAppendBasicBlockInContext(u->ctx, function, "");
  LLVMPositionBuilderAtEnd(b, usual);
  LLVMValueRef v = product(f, t, function, n, false);
  LLVMValueRef branch = LLVMBuildCondBr(b, may_be_small(f, t, v), seldom, end);
  LLVMMetadataRef weights[] = {LLVMMDStringInContext2(u->ctx, "branch_weights", 14),
                               LLVMValueAsMetadata(LLVMConstInt(u->i32, 1, false)),
                               LLVMValueAsMetadata(LLVMConstInt(u->i32, SELDOM, false))};
  LLVMMetadataRef node = LLVMMDNodeInContext2(u->ctx, weights, COUNT_OF(weights));
  LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(u->ctx, "prof", 4), LLVMMetadataAsValue(u->ctx, node));
  LLVMPositionBuilderAtEnd(b, seldom);
  LLVMValueRef second = absolute(f, product(f, t, function, n, true));
  LLVMValueRef is_small = LLVMBuildFCmp(b, LLVMRealOLT, second, number(t, scalbn(1, t->least + t->scale)),
                                        "");
  LLVMValueRef judged = LLVMBuildFMul(b, v, LLVMBuildSelect(b, is_small, number(t, 0), number(t, 1), ""), "");
  LLVMBuildBr(b, end);
  LLVMPositionBuilderAtEnd(b, end);
  LLVMValueRef result = LLVMBuildPhi(b, t->real, "");
  LLVMAddIncoming(result, (LLVMValueRef[]){v, judged}, (LLVMBasicBlockRef[]){usual, seldom}, 2);
  LLVMBuildRet(b, result);
  return function;
}

static void flush_product(Flush *f, const Format *t, LLVMValueRef i, unsigned n) {
  LLVMValueRef args[3], function = product_function(f, t, n);
  for (unsigned k = 0; k < n; k++) args[k] = argument(i, k);
  LLVMPositionBuilderBefore(f->u->builder, i);
  LLVMValueRef flushed = LLVMBuildCall2(f->u->builder, LLVMGlobalGetValueType(function), function, args, n,
                                        "");
  LLVMReplaceAllUsesWith(i, flushed);
  LLVMInstructionEraseFromParent(i);
  known_put(f, flushed, t->least);
}

/* Result `may` be this small. */
static void judge(Flush *f, const Format *t, LLVMValueRef i, int may, Small *small) {
  if (may >= t->least) known_put(f, i, may);
  else if (small) flush(f, t, i, small);
  else flush_product(f, t, i, LLVMGetInstructionOpcode(i) == LLVMCall ? 3 : 2);
}

/* ---- operations */
static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static void call(Flush *f, const Format *t, LLVMValueRef i) {
  LLVMValueRef callee = LLVMGetCalledValue(i);
  size_t n;
  const char *name = LLVMGetValueName2(callee, &n);
  LLVMValueRef a = argument(i, 0);
  if (begins(name, "llvm.fma."))
    judge(f, t, i,
          fma_least(t, least(f, a) + least(f, argument(i, 1)), least(f, argument(i, 2)),
                    is_number(argument(i, 2))),
          NULL);
  else if (begins(name, "llvm.fabs."))
    known_put(f, i, least(f, a));
  else if (begins(name, "llvm.sqrt."))
    known_put(f, i, least(f, a) / 2 - 1);
  else if (begins(name, "llvm.floor.") || begins(name, "llvm.ceil.") || begins(name, "llvm.roundeven.") ||
           begins(name, "llvm.rint."))
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
    case LLVMFSub:
      judge(f, t, i, sum_least(t, least(f, argument(i, 0)), least(f, argument(i, 1))), small_itself);
      return;
    case LLVMFMul: judge(f, t, i, least(f, argument(i, 0)) + least(f, argument(i, 1)), NULL); return;
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
  for (LLVMValueRef k = LLVMGetFirstFunction(u->module); k; k = LLVMGetNextFunction(k)) {
    if (begins(LLVMGetValueName2(k, &(size_t){0}), functions_begin)) continue;
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(k); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
        next = LLVMGetNextInstruction(i);
        instruction(&f, i);
      }
  }
}
