/* IR instructions -> LLVM values, by the cpu column of ir/ops.def. No semantics here: a row's emitter builds
 * the operation that the row's eval column states, and nothing is contracted or reordered after it (no
 * fast-math flags). What follows from constants alone is computed by the evaluator, so that LLVM, whose
 * folding keeps subnormal results, finds nothing to fold. To add an emitter: a LOW_ kind, its L_ macro, a
 * case. */
#include <string.h>

#include "codegen/emit.h"

typedef enum {
  LOW_CONST, LOW_LOAD, LOW_TAKE, LOW_STORE, LOW_CHECK, LOW_TIME, LOW_DT,
  LOW_BIN, LOW_FCMP, LOW_FNEG, LOW_NOT, LOW_SELECT, LOW_PICK, LOW_CLIP, LOW_HEAVISIDE,
  LOW_FIRST, LOW_BLEND, LOW_INTRIN, LOW_CALL, LOW_DRAW, LOW_NOISE, LOW_LOOP, LOW_CARRY, LOW_NEXT, LOW_AGAIN
} Low;
typedef struct {
  Low how;
  int code;         /* LLVMOpcode or LLVMRealPredicate */
  const char *name; /* intrinsic, or function of math/ without its form */
} Lowering;

#define L_CONST {LOW_CONST, 0, NULL}
#define L_LOAD {LOW_LOAD, 0, NULL}
#define L_TAKE {LOW_TAKE, 0, NULL}
#define L_STORE {LOW_STORE, 0, NULL}
#define L_CHECK {LOW_CHECK, 0, NULL}
#define L_TIME {LOW_TIME, 0, NULL}
#define L_DT {LOW_DT, 0, NULL}
#define L_FBIN(op) {LOW_BIN, LLVM##op, NULL}
#define L_BIN(op) {LOW_BIN, LLVM##op, NULL}
#define L_FCMP(p) {LOW_FCMP, LLVMReal##p, NULL}
#define L_FNEG {LOW_FNEG, 0, NULL}
#define L_NOT {LOW_NOT, 0, NULL}
#define L_SELECT {LOW_SELECT, 0, NULL}
#define L_PICK(p) {LOW_PICK, LLVMReal##p, NULL}
#define L_CLIP {LOW_CLIP, 0, NULL}
#define L_HEAVISIDE {LOW_HEAVISIDE, 0, NULL}
#define L_FIRST {LOW_FIRST, 0, NULL}
#define L_BLEND {LOW_BLEND, 0, NULL}
#define L_INTRIN(name) {LOW_INTRIN, 0, #name}
#define L_CALL(f) {LOW_CALL, 0, "nslm_" #f}
#define L_DRAW(f) {LOW_DRAW, 0, "nslm_" #f}
#define L_LOOP {LOW_LOOP, 0, NULL}
#define L_CARRY {LOW_CARRY, 0, NULL}
#define L_NEXT {LOW_NEXT, 0, NULL}
#define L_AGAIN {LOW_AGAIN, 0, NULL}
#define L_NOISE {LOW_NOISE, 0, "nslm_draw_normal"}

static const Lowering lowerings[IR_OPS] = {
#define OP(id, text, arity, type, dim, eval, partials, cpu, ...) [IR_##id] = cpu,
#include "ir/ops.def"
#undef OP
};

static LLVMValueRef pick(Emit *e, LLVMRealPredicate p, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(e->u->builder, LLVMBuildFCmp(e->u->builder, p, a, b, ""), a, b, "");
}

static LLVMValueRef intrinsic(Emit *e, const char *name, LLVMValueRef *args, unsigned n) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMTypeRef type = LLVMIntrinsicGetType(e->u->ctx, id, &e->real, 1);
  return LLVMBuildCall2(e->u->builder, type, LLVMGetIntrinsicDeclaration(e->u->module, id, &e->real, 1), args,
                        n, "");
}

LLVMValueRef emit_math(Emit *e, const char *function, LLVMValueRef *args, unsigned n) {
  LLVMTypeRef type;
  LLVMValueRef f = cg_math_function(e->u, function, &type);
  return LLVMBuildCall2(e->u->builder, type, f, args, n, "");
}

static LLVMValueRef math_call(Emit *e, const char *name, LLVMValueRef *args, unsigned n) {
  const char *form = e->lanes == 1 ? (e->f32 ? "f32" : "f64") : e->f32 ? "f32v" : "f64v";
  return emit_math(e, arena_printf(e->u->arena, "%s_%s", name, form), args, n);
}

/* Numbers of the elements of lanes [from, from + 8). */
static LLVMValueRef element_numbers(Emit *e, unsigned from) {
  CgUnit *u = e->u;
  if (e->once) return LLVMConstNull(u->i64);
  LLVMValueRef at = LLVMBuildAdd(u->builder, e->first, e->at, "");
  if (e->lanes == 1) return at;
  LLVMValueRef lane[8];
  for (unsigned i = 0; i < 8; i++) lane[i] = LLVMConstInt(u->i64, from + i, false);
  LLVMTypeRef type = LLVMVectorType(u->i64, 8);
  LLVMValueRef one =
      LLVMBuildInsertElement(u->builder, LLVMGetPoison(type), at, LLVMConstInt(u->i32, 0, false), "");
  LLVMValueRef all = LLVMBuildShuffleVector(u->builder, one, LLVMGetPoison(type),
                                            LLVMConstNull(LLVMVectorType(u->i32, 8)), "");
  return LLVMBuildAdd(u->builder, all, LLVMConstVector(lane, 8), "");
}

static unsigned draw_number(Emit *e, uint32_t ordinal, LLVMValueRef *all) {
  unsigned count = 0;
  all[count++] = e->key;
  all[count++] = element_numbers(e, 0);
  if (e->lanes == 16) all[count++] = element_numbers(e, 8);
  all[count++] = e->step;
  all[count++] = LLVMConstInt(e->u->i32, ordinal, false);
  return count;
}

static LLVMValueRef word_at(Emit *e, LLVMValueRef at, uint32_t ordinal) {
  LLVMValueRef all[5], had = e->at;
  e->at = at;
  unsigned count = draw_number(e, ordinal, all);
  e->at = had;
  return math_call(e, "nslm_draw_word", all, count);
}

static LLVMValueRef word_ahead(Emit *e, uint32_t ordinal) {
  CgUnit *u = e->u;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(u->builder);
  LLVMPositionBuilderBefore(u->builder, LLVMGetBasicBlockTerminator(e->entry));
  LLVMValueRef first = word_at(e, LLVMConstNull(u->i64), ordinal);
  LLVMPositionBuilderBefore(u->builder, LLVMGetFirstInstruction(e->body));
  LLVMValueRef word = LLVMBuildPhi(u->builder, LLVMTypeOf(first), "word");
  LLVMAddIncoming(word, &first, &e->entry, 1);
  LLVMPositionBuilderAtEnd(u->builder, here);
  LLVMValueRef lanes = LLVMConstInt(u->i64, e->lanes, false);
  LLVMValueRef next = word_at(e, LLVMBuildAdd(u->builder, e->at, lanes, ""), ordinal);
  vec_push(u->arena, &e->ahead, ((EmitAhead){word, next}));
  return word;
}

/* A draw: math/ wants the number (key, element, step, ordinal) before the parameters. */
static LLVMValueRef draw_call(Emit *e, const char *name, uint32_t ordinal, const LLVMValueRef *args,
                              unsigned n) {
  LLVMValueRef all[10];
  unsigned count = 0;
  const char *of_word = arena_printf(e->u->arena, "%s_of", name);
  bool ahead = e->entry && !e->turning && e->f32 &&
               cg_math_has(e->u, arena_printf(e->u->arena, "%s_f32v", of_word));
  if (ahead) all[count++] = word_ahead(e, ordinal);
  count += draw_number(e, ordinal, all + count);
  for (unsigned i = 0; i < n; i++) all[count++] = args[i];
  return math_call(e, ahead ? of_word : name, all, count);
}

/* int64 -> double where the processor has no such vector conversion: x = high * 2^32 + low, both put by their
 * bits into doubles of known exponent; the last addition is the only rounding, so the bits are those of the
 * conversion. */
static LLVMValueRef to_double_by_halves(Emit *e, LLVMValueRef x) {
  LLVMBuilderRef b = e->u->builder;
  LLVMTypeRef reals = emit_vector(e, e->u->f64);
  LLVMValueRef word[5], all[16];
  const uint64_t number[5] = {0xffffffff, 0x4330000000000000, 32, 0x4530000080000000, 0x4530000080100000};
  for (int i = 0; i < 5; i++) {
    for (unsigned j = 0; j < e->lanes; j++) all[j] = LLVMConstInt(e->u->i64, number[i], false);
    word[i] = e->lanes == 1 ? all[0] : LLVMConstVector(all, e->lanes);
  }
  LLVMValueRef low = LLVMBuildOr(b, LLVMBuildAnd(b, x, word[0], ""), word[1], "");        /* 2^52 + low */
  LLVMValueRef high =
      LLVMBuildXor(b, LLVMBuildLShr(b, x, word[2], ""), word[3], ""); /* 2^84 + 2^63 + high 2^32 */
  LLVMValueRef both =
      LLVMBuildFSub(b, LLVMBuildBitCast(b, high, reals, ""), LLVMBuildBitCast(b, word[4], reals, ""), "");
  return LLVMBuildFAdd(b, both, LLVMBuildBitCast(b, low, reals, ""), "");
}

/* In f32 programs. A scale below 0 says that the accumulator holds the sum itself, as a float (ir.h). */
static LLVMValueRef take_narrow(Emit *e, LLVMValueRef x, LLVMValueRef scale) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef sum = LLVMBuildFMul(b, LLVMBuildSIToFP(b, x, e->real, ""), scale, "");
  LLVMValueRef is_sum = LLVMBuildFCmp(b, LLVMRealOLT, scale, LLVMConstNull(e->real), "");
  return LLVMBuildSelect(b, is_sum, LLVMBuildBitCast(b, x, e->real, ""), sum, "");
}

/* The accumulator as a real times the value of its unit; then it is empty. */
static LLVMValueRef take(Emit *e, uint32_t slot, LLVMValueRef scale) {
  LLVMBuilderRef b = e->u->builder;
  LLVMTypeRef word = e->f32_arrays ? e->u->i32 : e->u->i64, ints = emit_vector(e, word);
  LLVMValueRef p = e->u->target->form->port(e, slot, word), x = LLVMBuildLoad2(b, ints, p, "");
  unsigned align = e->f32_arrays ? 4 : 8;
  LLVMSetAlignment(x, align);
  LLVMSetAlignment(LLVMBuildStore(b, LLVMConstNull(ints), p), align);
  if (e->f32_arrays) return take_narrow(e, x, scale);
  bool halves = !e->f32 && e->lanes > 1 && !e->u->target->i64_to_f64;
  LLVMValueRef real = halves ? to_double_by_halves(e, x) : LLVMBuildSIToFP(b, x, e->real, "");
  return LLVMBuildFMul(b, real, scale, "");
}

/* What is checked is summed up: the sum is not finite if one of them is not. (It may also overflow by itself;
 * the runtime then looks at the states, finds them finite and goes on.) */
static void check(Emit *e, LLVMValueRef v) {
  e->checked = e->checked ? LLVMBuildFAdd(e->u->builder, e->checked, v, "") : v;
}

/* bad + 0 * checked: NaN where a check failed, in this pass or before. */
LLVMValueRef emit_bad(Emit *e, LLVMValueRef bad) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef zero = LLVMConstNull(e->real);
  if (e->u->target->fma) return intrinsic(e, "llvm.fma", (LLVMValueRef[]){e->checked, zero, bad}, 3);
  return LLVMBuildFAdd(b, bad, LLVMBuildFMul(b, e->checked, zero, ""), "");
}

static LLVMValueRef heaviside(Emit *e, LLVMValueRef a) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef above = LLVMBuildFCmp(b, LLVMRealOGT, a, LLVMConstNull(e->real), "");
  return LLVMBuildSelect(b, above, emit_real(e, 1), LLVMConstNull(e->real), "");
}

static LLVMValueRef blend(Emit *e, LLVMValueRef *arg) {
  LLVMBuilderRef b = e->u->builder;
  return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, arg[0], emit_real(e, 0.5), ""), arg[1], arg[2], "");
}

static LLVMValueRef constant(Emit *e, const IrIns *ins, double number) {
  if (ins->type != IR_BOOL) return emit_real(e, number);
  return number != 0 ? LLVMConstAllOnes(e->cond) : LLVMConstNull(e->cond);
}

/* The number that the instruction gives in every element, or NULL. */
static const double *known(Emit *e, const IrIns *ins) {
  unsigned n = ir_ops[ins->op].arity;
  double arg[4] = {0}, *number = NULL;
  if (ins->op != IR_CONST && (n == 0 || !(ir_ops[ins->op].flags & IRF_PURE))) return NULL;
  for (unsigned i = 0; i < n; i++) {
    if (!e->known[ins->arg[i]]) return NULL;
    arg[i] = *e->known[ins->arg[i]];
  }
  number = NEW(e->u->arena, double);
  *number = ins->op == IR_CONST ? ir_number(ins->num, e->f32)
                                : (e->f32 ? ir_eval_op_f32 : ir_eval_op)((IrOp)ins->op, arg);
  return number;
}

/* ---- loops: a block for the body, entered if some lane does; a phi for each carried value, for who still
 * turns, for the turns done. Who is done keeps what it has; the block is left when nobody turns any more. */
static LLVMValueRef any_lane(Emit *e, LLVMValueRef bits) {
  if (e->lanes == 1) return bits;
  LLVMTypeRef whole = LLVMIntTypeInContext(e->u->ctx, e->lanes);
  LLVMValueRef all = LLVMBuildBitCast(e->u->builder, bits, whole, "");
  return LLVMBuildICmp(e->u->builder, LLVMIntNE, all, LLVMConstNull(whole), "");
}

static void loop_begin(Emit *e, LLVMValueRef enters) {
  CgUnit *u = e->u;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(u->builder);
  e->turning = true;
  e->turn.body = LLVMAppendBasicBlockInContext(u->ctx, e->function, "turn");
  e->turn.behind = LLVMAppendBasicBlockInContext(u->ctx, e->function, "behind");
  e->turn.before = before;
  LLVMBuildCondBr(u->builder, any_lane(e, emit_bits(e, enters)), e->turn.body, e->turn.behind);
  LLVMPositionBuilderAtEnd(u->builder, e->turn.body);
  e->turn.active = LLVMBuildPhi(u->builder, e->cond, "active");
  e->turn.done = LLVMBuildPhi(u->builder, u->i32, "turns");
  LLVMAddIncoming(e->turn.active, &enters, &before, 1);
  LLVMAddIncoming(e->turn.done, (LLVMValueRef[]){LLVMConstNull(u->i32)}, &before, 1);
}

static LLVMValueRef carry(Emit *e, LLVMValueRef init) {
  LLVMValueRef v = LLVMBuildPhi(e->u->builder, LLVMTypeOf(init), "carry");
  LLVMAddIncoming(v, &init, &e->turn.before, 1);
  return v;
}

static void loop_end(Emit *e, IrVal again, LLVMValueRef cond) {
  LLVMBuilderRef b = e->u->builder;
  IrVal from = again;
  LLVMValueRef one = LLVMConstInt(e->u->i32, 1, false), turns = LLVMBuildAdd(b, e->turn.done, one, "");
  LLVMValueRef active = e->lanes == 1
                            ? cond
                            : LLVMBuildAnd(b, e->turn.active, cond, ""); /* one lane turns, or is not here */
  while (e->k->ins.at[from].op != IR_LOOP) from--;
  LLVMValueRef most = LLVMConstInt(e->u->i32, e->k->ins.at[from].slot, false);
  LLVMValueRef more = LLVMBuildAnd(b, any_lane(e, emit_bits(e, active)),
                                   LLVMBuildICmp(b, LLVMIntULT, turns, most, ""), "");
  LLVMValueRef *next = NEW_ARRAY(e->u->arena, LLVMValueRef, again - from);
  for (IrVal i = from + 1; i < again; i++) { /* all by the old values: a next may be another carry */
    const IrIns *ins = &e->k->ins.at[i];
    if (ins->op != IR_NEXT) continue;
    LLVMValueRef had = e->value[ins->arg[0]];
    LLVMValueRef v = e->value[ins->arg[1]];
    next[i - from] = e->lanes == 1 ? v : LLVMBuildSelect(b, emit_bits(e, e->turn.active), v, had, "");
  }
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMBuildCondBr(b, more, e->turn.body, e->turn.behind);
  LLVMAddIncoming(e->turn.active, &active, &last, 1);
  LLVMAddIncoming(e->turn.done, &turns, &last, 1);
  LLVMPositionBuilderAtEnd(b, e->turn.behind);
  for (IrVal i = from + 1; i < again; i++) {
    const IrIns *ins = &e->k->ins.at[i];
    if (ins->op != IR_NEXT) continue;
    LLVMValueRef *carried = &e->value[ins->arg[0]], first = e->value[e->k->ins.at[ins->arg[0]].arg[0]];
    LLVMAddIncoming(*carried, &next[i - from], &last, 1);
    *carried = LLVMBuildPhi(b, LLVMTypeOf(first), "");
    LLVMAddIncoming(*carried, (LLVMValueRef[]){first, next[i - from]},
                    (LLVMBasicBlockRef[]){e->turn.before, last}, 2);
  }
  e->turning = false;
}

static LLVMValueRef lower(Emit *e, IrVal at, const IrIns *ins, LLVMValueRef *arg) {
  const Lowering *low = &lowerings[ins->op];
  LLVMBuilderRef b = e->u->builder;
  unsigned n = ir_ops[ins->op].arity;
  switch (low->how) {
    case LOW_CONST: return NULL; /* known */
    case LOW_LOAD: return emit_load(e, ins->slot);
    case LOW_TAKE: return take(e, ins->slot, arg[0]);
    case LOW_STORE: emit_store(e, ins->slot, arg[0]); return NULL;
    case LOW_CHECK: check(e, arg[0]); return NULL;
    case LOW_TIME: return e->t;
    case LOW_DT: return e->dt;
    case LOW_BIN: return LLVMBuildBinOp(b, (LLVMOpcode)low->code, arg[0], arg[1], "");
    case LOW_FCMP: return emit_cond(e, LLVMBuildFCmp(b, (LLVMRealPredicate)low->code, arg[0], arg[1], ""));
    case LOW_FNEG: return LLVMBuildFNeg(b, arg[0], "");
    case LOW_NOT: return LLVMBuildNot(b, arg[0], "");
    case LOW_SELECT: return LLVMBuildSelect(b, emit_bits(e, arg[0]), arg[1], arg[2], "");
    case LOW_PICK: return pick(e, (LLVMRealPredicate)low->code, arg[0], arg[1]);
    case LOW_CLIP: return pick(e, LLVMRealOLT, arg[2], pick(e, LLVMRealOGT, arg[1], arg[0]));
    case LOW_HEAVISIDE: return heaviside(e, arg[0]);
    case LOW_FIRST: return arg[0];
    case LOW_BLEND: return blend(e, arg);
    case LOW_INTRIN: return intrinsic(e, low->name, arg, n);
    case LOW_CALL: return math_call(e, low->name, arg, n);
    case LOW_DRAW: return draw_call(e, low->name, ins->slot, arg, n);
    case LOW_LOOP: loop_begin(e, arg[0]); return NULL;
    case LOW_CARRY: return carry(e, arg[0]);
    case LOW_NEXT: return NULL;
    case LOW_AGAIN: loop_end(e, at, arg[0]); return NULL;
    case LOW_NOISE:
      return draw_call(e, low->name, ins->slot, (LLVMValueRef[]){emit_real(e, 0), emit_real(e, 1)}, 2);
  }
  return NULL;
}

/* A value that is alike, in all lanes. */
static LLVMValueRef spread(Emit *e, IrVal i) {
  if (e->spread[i]) return e->spread[i];
  LLVMValueRef v = e->value[i];
  if (e->known[i]) return e->spread[i] = constant(e, &e->k->ins.at[i], *e->known[i]);
  if (e->k->ins.at[i].type == IR_BOOL && e->wide)
    v = LLVMBuildSExt(e->u->builder, v, LLVMGetElementType(e->cond), "");
  return e->spread[i] = emit_splat(e, v);
}

/* Lane 0 of what the frame holds in all lanes (uniforms, t, dt). */
static LLVMValueRef one_lane(Emit *e, LLVMValueRef v) {
  if (!v || LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) return v;
  return LLVMBuildExtractElement(e->u->builder, v, LLVMConstInt(e->u->i32, 0, false), "");
}

void emit_instruction(Emit *e, IrVal i) {
  const IrIns *ins = &e->k->ins.at[i];
  LLVMValueRef arg[4] = {0};
  if (e->value[i] || (e->aside && e->aside[i] != IR_NONE && e->aside[i] != e->choice))
    return; /* with another, or later */
  if (e->beside && e->beside[i]) {
    emit_together(e, e->beside[i]);
    return;
  }
  bool alike = e->alike && (e->alike[i] || (ins->op == IR_STORE && e->k->slots.at[ins->slot].alike));
  for (unsigned j = 0; j < ir_ops[ins->op].arity; j++) {
    IrVal a = ins->arg[j];
    arg[j] = e->alike && e->alike[a] && !alike ? spread(e, a) : e->value[a];
  }
  if (alike) emit_width(e, 1);
  e->known[i] = known(e, ins);
  if (e->aside && alike && ins->op == IR_SELECT) e->value[i] = emit_choice(e, i, arg[0]);
  if (!e->value[i]) e->value[i] = e->known[i] ? constant(e, ins, *e->known[i]) : lower(e, i, ins, arg);
  if (!alike) return;
  e->value[i] = one_lane(e, e->value[i]);
  emit_width(e, emit_all_lanes(e));
}
