/* One IrKernel -> one LLVM function uint64_t (const struct nsl_env *): the frame around the instructions.
 *
 * Per-element kernels are emitted as vector code, a fixed number of elements a pass (targets.def), so that no
 * loop vectorizer has to be trusted and the same operations run at every x86 level. What is uniform is loaded
 * and spread over the lanes before the loop; masks are read and written as the bytes of their words (x86 and
 * PTX are little-endian). Scalar kernels are the same with one lane and no loop; `receive` has one lane and
 * loops over events, each with its element, since one element may have several; kernels over time are in
 * march.c. Needs: a kernel that passed ir_verify, of level 2; arrays with room up to the next multiple of 64
 * elements. Gives: nonzero if a checked value was not finite in some lane, padding lanes included (the
 * runtime looks who it was). */
#include <stddef.h>
#include <string.h>

#include "codegen/emit.h"

const char *cg_kernel_symbol(const Session *s, Arena *a, const IrKernel *k, const CgTarget *target) {
  return target->form->symbol(s, a, k, target);
}

static const char *host_symbol(const Session *s, Arena *a, const IrKernel *k, const CgTarget *target) {
  return arena_printf(a, "%s.%u.v%u", name_str(s, k->name), k->index, target->x86_level);
}

LLVMTypeRef emit_vector(const Emit *e, LLVMTypeRef element) {
  return e->lanes == 1 ? element : LLVMVectorType(element, e->lanes);
}

LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar) {
  if (e->lanes == 1) return scalar;
  LLVMBuilderRef b = e->u->builder;
  LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), e->lanes);
  LLVMValueRef zero = LLVMConstInt(e->u->i32, 0, false);
  LLVMValueRef one = LLVMBuildInsertElement(b, LLVMGetPoison(type), scalar, zero, "");
  return LLVMBuildShuffleVector(b, one, LLVMGetPoison(type),
                                LLVMConstNull(LLVMVectorType(e->u->i32, e->lanes)), "");
}

LLVMValueRef emit_real(const Emit *e, double number) {
  LLVMValueRef lane = LLVMConstReal(e->lane, number), all[16];
  for (unsigned i = 0; i < e->lanes; i++) all[i] = lane;
  return e->lanes == 1 ? lane : LLVMConstVector(all, e->lanes);
}

LLVMValueRef emit_cond(Emit *e, LLVMValueRef bits) {
  return e->wide ? LLVMBuildSExt(e->u->builder, bits, e->cond, "") : bits;
}

LLVMValueRef emit_bits(Emit *e, LLVMValueRef cond) {
  return e->wide ? LLVMBuildICmp(e->u->builder, LLVMIntSLT, cond, LLVMConstNull(e->cond), "") : cond;
}

/* A mask's bits of these lanes in memory. Where conditions are single bits, they are read and written as
 * such: over integers cast to vectors of bits, LLVM 19's DAGCombiner moves `and`, `or` and `xor` from one
 * side of the cast to the other and back for ever (hoistLogicOpWithSameOpcodeHands against X86's
 * combineBitcastToBoolVector). */
static LLVMTypeRef mask_type(const Emit *e) {
  return e->wide ? LLVMIntTypeInContext(e->u->ctx, e->lanes) : e->cond;
}

/* The bits of a mask, one for each lane, as a condition. */
static LLVMValueRef mask_spread(Emit *e, LLVMValueRef mask) {
  LLVMBuilderRef b = e->u->builder;
  if (e->lanes == 1) {
    LLVMValueRef bit = LLVMBuildAnd(b, e->at, LLVMConstInt(e->u->i64, 7, false), "");
    return LLVMBuildTrunc(b, LLVMBuildLShr(b, mask, LLVMBuildTrunc(b, bit, e->u->i8, ""), ""), e->cond, "");
  }
  if (!e->wide) return mask;
  LLVMTypeRef lane = LLVMGetElementType(e->cond);
  LLVMValueRef bit[16];
  for (unsigned i = 0; i < e->lanes; i++) bit[i] = LLVMConstInt(lane, 1u << i, false);
  LLVMValueRef bits = LLVMConstVector(bit, e->lanes), all = emit_splat(e, LLVMBuildZExt(b, mask, lane, ""));
  return emit_cond(e, LLVMBuildICmp(b, LLVMIntEQ, LLVMBuildAnd(b, all, bits, ""), bits, ""));
}

LLVMValueRef emit_bytes(Emit *e, LLVMValueRef base, LLVMValueRef bytes) {
  return LLVMBuildGEP2(e->u->builder, e->u->i8, base, &bytes, 1, "");
}

LLVMValueRef emit_load_at(Emit *e, LLVMTypeRef type, LLVMValueRef p, unsigned align) {
  LLVMValueRef v = LLVMBuildLoad2(e->u->builder, type, p, "");
  LLVMSetAlignment(v, align);
  return v;
}

LLVMValueRef emit_fixed(Emit *e, LLVMTypeRef type, LLVMValueRef p, unsigned align) {
  LLVMValueRef v = emit_load_at(e, type, p, align);
  if (e->u->target->form->loops) return v;
  unsigned kind = LLVMGetMDKindIDInContext(e->u->ctx, "invariant.load", 14);
  LLVMSetMetadata(v, kind, LLVMMetadataAsValue(e->u->ctx, LLVMMDNodeInContext2(e->u->ctx, NULL, 0)));
  return v;
}

LLVMValueRef emit_env(Emit *e, size_t offset, LLVMTypeRef type, const char *name) {
  LLVMValueRef v = emit_fixed(e, type, emit_bytes(e, e->env, LLVMConstInt(e->u->i64, offset, false)), 8);
  LLVMSetValueName2(v, name, strlen(name));
  return v;
}

/* ---- slots */
typedef enum { MEMORY_NUMBER, MEMORY_ARRAY, MEMORY_MASK } Memory;
static Memory slot_memory(SlotKind kind) {
  switch (kind) {
    case SLOT_UNIFORM:
    case SLOT_GLOBAL: return MEMORY_NUMBER;
    case SLOT_HELD:
    case SLOT_PREV:
    case SLOT_SPIKE: return MEMORY_MASK;
    case SLOT_STATE:
    case SLOT_OLD:
    case SLOT_DER:
    case SLOT_PARAM:
    case SLOT_INPUT:
    case SLOT_PAST:
    case SLOT_COLUMN:
    case SLOT_PORT:
    case SLOT_ARG:
    case SLOT_OUT:
    case SLOT_SAMPLE:
    case SLOT_RING:
    case SLOT_TAPE:
    case SLOT_KINDS: break;
  }
  return MEMORY_ARRAY;
}

/* What an element of the slot's array is in memory. */
static LLVMTypeRef slot_element(const Emit *e, const IrSlot *slot) {
  if (slot->kind == SLOT_PORT) return e->f32_arrays ? e->u->i32 : e->u->i64;
  bool f64 = !e->f32_arrays || slot->kind == SLOT_COLUMN || ir_kernel_f64_arrays(e->k->kind);
  return f64 ? e->u->f64 : e->u->f32;
}

static unsigned element_bytes(const Emit *e, LLVMTypeRef element) {
  return element == e->u->f32 || element == e->u->i32 ? 4 : 8;
}

/* A float as the processor would have made it from a double: zero if it is subnormal. LLVM converts constants
 * itself, and knows nothing of this. */
static LLVMValueRef flushed(Emit *e, LLVMValueRef v) {
  LLVMBuilderRef b = e->u->builder;
  LLVMTypeRef ints = emit_vector(e, e->u->i32);
  LLVMValueRef bits = LLVMBuildBitCast(b, v, ints, "");
  LLVMValueRef exponent = LLVMBuildAnd(b, bits, emit_splat(e, LLVMConstInt(e->u->i32, 0x7f800000, false)),
                                       "");
  LLVMValueRef sign = LLVMBuildAnd(b, bits, emit_splat(e, LLVMConstInt(e->u->i32, 0x80000000, false)), "");
  LLVMValueRef small = LLVMBuildICmp(b, LLVMIntEQ, exponent, LLVMConstNull(ints), "");
  return LLVMBuildBitCast(b, LLVMBuildSelect(b, small, sign, bits, ""), emit_vector(e, e->u->f32), "");
}

/* Between reals in memory and reals of the kernel. */
static LLVMValueRef real_convert(Emit *e, LLVMValueRef v, LLVMTypeRef lane) {
  LLVMTypeRef have = LLVMTypeOf(v), want = emit_vector(e, lane);
  return have == want ? v : LLVMBuildFPCast(e->u->builder, v, want, "");
}

static LLVMValueRef number_pointer(Emit *e, const IrSlot *slot) {
  return emit_bytes(e, e->globals, LLVMConstInt(e->u->i64, 8ull * slot->index, false));
}

/* A uniform as this kernel's real, in all lanes. */
static LLVMValueRef number_load(Emit *e, const IrSlot *slot) {
  LLVMValueRef v = e->once ? emit_load_at(e, e->u->f64, number_pointer(e, slot), 8)
                           : emit_fixed(e, e->u->f64, number_pointer(e, slot), 8);
  if (e->f32) v = LLVMBuildFPTrunc(e->u->builder, v, e->u->f32, "");
  return emit_splat(e, v);
}

static LLVMValueRef slot_begin(Emit *e, uint32_t slot);

/* Where registers are few, none holds an address through a solver's loop: it is looked up again behind it. */
static LLVMValueRef slot_pointer(Emit *e, uint32_t slot) {
  if (!e->u->target->form->loops && e->turn.behind && !e->turning && e->after[slot] != e->slots[slot])
    e->slots[slot] = e->after[slot] = slot_begin(e, slot);
  return e->slots[slot];
}

LLVMValueRef emit_array_at(Emit *e, uint32_t slot, LLVMTypeRef element) {
  return LLVMBuildGEP2(e->u->builder, element, slot_pointer(e, slot), &e->at, 1, "");
}

static LLVMValueRef mask_at(Emit *e, LLVMValueRef mask) {
  LLVMValueRef three = LLVMConstInt(e->u->i64, 3, false);
  return emit_bytes(e, mask, LLVMBuildLShr(e->u->builder, e->at, three, ""));
}

LLVMValueRef emit_load(Emit *e, uint32_t slot) {
  const IrSlot *p = &e->k->slots.at[slot];
  switch (slot_memory(p->kind)) {
    case MEMORY_NUMBER: return e->shared[slot] ? e->shared[slot] : number_load(e, p);
    case MEMORY_MASK: {
      LLVMTypeRef bits = e->lanes > 1 ? mask_type(e) : e->u->i8;
      return mask_spread(e, emit_load_at(e, bits, mask_at(e, slot_pointer(e, slot)), 1));
    }
    case MEMORY_ARRAY: break;
  }
  if (p->kind == SLOT_ARG) return e->arg;
  if (e->called) return real_convert(e, emit_called_load(e, slot), e->lane);
  if (e->over_time || p->kind == SLOT_SAMPLE) return real_convert(e, emit_march_load(e, slot), e->lane);
  LLVMTypeRef element = slot_element(e, p);
  LLVMValueRef at = emit_array_at(e, slot, element);
  return real_convert(e, emit_load_at(e, emit_vector(e, element), at, element_bytes(e, element)), e->lane);
}

static void number_store(Emit *e, const IrSlot *slot, LLVMValueRef v) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef p = number_pointer(e, slot);
  if (slot->settable) {
    LLVMValueRef flag = emit_bytes(e, e->set, LLVMConstInt(e->u->i64, slot->index, false));
    LLVMValueRef is_set =
        LLVMBuildICmp(b, LLVMIntNE, emit_load_at(e, e->u->i8, flag, 1), LLVMConstNull(e->u->i8), "");
    /* chosen as bits: LLVM makes a branch of each choice between scalar floats, and takes time quadratic in
     * their number */
    LLVMValueRef made = LLVMBuildBitCast(b, v, e->u->i64, "");
    v = LLVMBuildSelect(b, is_set, emit_load_at(e, e->u->i64, p, 8), made, "");
  }
  LLVMSetAlignment(LLVMBuildStore(b, v, p), 8);
}

void emit_store(Emit *e, uint32_t slot, LLVMValueRef v) {
  const IrSlot *p = &e->k->slots.at[slot];
  LLVMBuilderRef b = e->u->builder;
  switch (slot_memory(p->kind)) {
    case MEMORY_NUMBER: number_store(e, p, v); return;
    case MEMORY_MASK: {
      e->u->target->form->mask_store(e, slot_pointer(e, slot), v);
      return;
    }
    case MEMORY_ARRAY: break;
  }
  if (e->over_time) {
    emit_march_store(e, slot, v);
    return;
  }
  if (e->called) {
    e->result = real_convert(e, v, e->u->f64);
    return;
  }
  LLVMTypeRef element = slot_element(e, p);
  LLVMValueRef at = emit_array_at(e, slot, element);
  v = real_convert(e, v, element);
  if (element == e->u->f32 && !e->f32) v = flushed(e, v); /* init alone: it computes in float64 */
  LLVMSetAlignment(LLVMBuildStore(b, v, at), element_bytes(e, element));
}

/* Moves the pointer of an array slot from element 0 to element `first`; OUT begins there already, a sample
 * has none. */
static LLVMValueRef slot_begin(Emit *e, uint32_t slot) {
  const IrSlot *p = &e->k->slots.at[slot];
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef arrays = emit_env(e, offsetof(struct nsl_env, slots), e->array, "slots");
  LLVMValueRef array =
      emit_fixed(e, e->array, emit_bytes(e, arrays, LLVMConstInt(e->u->i64, 8ull * slot, false)), 8);
  const char *name = name_str(e->u->s, p->name);
  LLVMSetValueName2(array, name, strlen(name));
  if (e->turn.behind) LLVMSetVolatile(array, true); /* else it would be the one of before again */
  if (p->kind == SLOT_OUT || p->kind == SLOT_SAMPLE) return array;
  if (slot_memory(p->kind) == MEMORY_MASK)
    return emit_bytes(e, array, LLVMBuildLShr(b, e->first, LLVMConstInt(e->u->i64, 3, false), ""));
  return LLVMBuildGEP2(b, slot_element(e, p), array, &e->first, 1, "");
}

/* ---- the frame */
void emit_slots(Emit *e) {
  CgUnit *u = e->u;
  e->key = emit_env(e, offsetof(struct nsl_env, key), u->i64, "key");
  e->globals = emit_env(e, offsetof(struct nsl_env, u), e->array, "u");
  e->set = emit_env(e, offsetof(struct nsl_env, set), u->ptr, "set");
  if (e->f32) {
    e->t = LLVMBuildFPTrunc(u->builder, e->t, u->f32, "");
    e->dt = LLVMBuildFPTrunc(u->builder, e->dt, u->f32, "");
  }
  e->t = emit_splat(e, e->t);
  e->dt = emit_splat(e, e->dt);
  if (e->once) return;
  for (uint32_t i = 0; i < e->k->slots.n; i++)
    if (slot_memory(e->k->slots.at[i].kind) != MEMORY_NUMBER)
      e->slots[i] = slot_begin(e, i);
    else if (e->u->target->form->loops)
      e->shared[i] = number_load(e, &e->k->slots.at[i]);
}

static void frame_begin(Emit *e) {
  CgUnit *u = e->u;
  e->step = emit_env(e, offsetof(struct nsl_env, step), u->i64, "step");
  e->first =
      e->lanes == 1 ? LLVMConstNull(u->i64) : emit_env(e, offsetof(struct nsl_env, first), u->i64, "first");
  e->t = emit_env(e, offsetof(struct nsl_env, t), u->f64, "t");
  e->dt = emit_env(e, offsetof(struct nsl_env, dt), u->f64, "dt");
  emit_slots(e);
}

void emit_all(Emit *e) {
  for (uint32_t at = 0; at < e->k->ins.n; at++) {
    IrVal i = e->order ? e->order[at] : at;
    const IrIns *ins = &e->k->ins.at[i];
    cg_debug_at(e->u, ins->span);
    emit_instruction(e, i);
    if (ins->slot == IR_NONE || (ins->op != IR_LOAD && ins->op != IR_STORE)) continue;
    const IrSlot *slot = &e->k->slots.at[ins->slot];
    if (slot->kind == SLOT_STATE || slot->kind == SLOT_INPUT || slot->kind == SLOT_PARAM)
      cg_debug_value(e->u, slot->name, ins->span, e->value[ins->op == IR_LOAD ? i : ins->arg[0]]);
  }
}

static void return_bad(Emit *e, LLVMValueRef bad) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  if (!bad) {
    LLVMBuildRet(b, LLVMConstNull(u->i64));
    return;
  }
  LLVMTypeRef bits = LLVMIntTypeInContext(u->ctx, e->lanes);
  LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, bad, bad, "");
  LLVMValueRef any = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildBitCast(b, nan, bits, ""), LLVMConstNull(bits), "");
  LLVMBuildRet(b, LLVMBuildZExt(b, any, u->i64, ""));
}

LLVMValueRef emit_event_field(Emit *e, LLVMValueRef event, size_t offset, LLVMTypeRef type) {
  LLVMValueRef at = emit_bytes(e, event, LLVMConstInt(e->u->i64, offset, false));
  return emit_load_at(e, type, at, type == e->u->i32 ? 4 : 8);
}

/* One event: its element, weight and key of draws (ir_event_key), then the handler. */
LLVMValueRef emit_event(Emit *e, LLVMValueRef events, LLVMValueRef i, LLVMValueRef key) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMValueRef bytes = LLVMBuildMul(b, i, LLVMConstInt(u->i64, sizeof(struct nsl_event), false), "");
  LLVMValueRef event = emit_bytes(e, events, bytes);
  LLVMValueRef ordinal = emit_event_field(e, event, offsetof(struct nsl_event, ordinal), u->i32);
  LLVMValueRef apart = LLVMBuildMul(b, LLVMBuildZExt(b, ordinal, u->i64, ""),
                                    LLVMConstInt(u->i64, ir_event_key(0, 1), false), "");
  e->key = LLVMBuildAdd(b, key, apart, "");
  e->at = LLVMBuildZExt(b, emit_event_field(e, event, offsetof(struct nsl_event, element), u->i32), u->i64,
                        "");
  e->arg = real_convert(e, emit_event_field(e, event, offsetof(struct nsl_event, weight), u->f64), e->lane);
  emit_all(e);
  return event;
}

static void frame_events(Emit *e) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(u->ctx, e->function, "events");
  LLVMBasicBlockRef exit = LLVMAppendBasicBlockInContext(u->ctx, e->function, "done");
  LLVMValueRef zero = LLVMConstNull(u->i64), key = e->key;
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  LLVMValueRef events = emit_env(e, offsetof(struct nsl_env, events), u->ptr, "events");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSGT, count, zero, ""), loop, exit);
  LLVMPositionBuilderAtEnd(b, loop);
  LLVMValueRef i = LLVMBuildPhi(b, u->i64, "i");
  emit_event(e, events, i, key);
  LLVMValueRef next = LLVMBuildAdd(b, i, LLVMConstInt(u->i64, 1, false), "next");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, count, ""), loop, exit);
  LLVMAddIncoming(i, (LLVMValueRef[]){zero, next}, (LLVMBasicBlockRef[]){entry, last}, 2);
  LLVMPositionBuilderAtEnd(b, exit);
  return_bad(e, NULL);
}

static void frame_loop(Emit *e) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(u->ctx, e->function, "elements");
  LLVMBasicBlockRef exit = LLVMAppendBasicBlockInContext(u->ctx, e->function, "done");
  LLVMValueRef zero = LLVMConstNull(u->i64), no_bad = LLVMConstNull(e->real);
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSGT, count, zero, ""), loop, exit);
  LLVMPositionBuilderAtEnd(b, loop);
  e->at = LLVMBuildPhi(b, u->i64, "at");
  LLVMValueRef bad = LLVMBuildPhi(b, e->real, "bad");
  e->entry = entry;
  e->body = loop;
  emit_all(e);
  LLVMValueRef next_bad = e->checked ? emit_bad(e, bad) : bad;
  LLVMValueRef next = LLVMBuildAdd(b, e->at, LLVMConstInt(u->i64, e->lanes, false), "next");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, count, ""), loop, exit);
  LLVMAddIncoming(e->at, (LLVMValueRef[]){zero, next}, (LLVMBasicBlockRef[]){entry, last}, 2);
  LLVMAddIncoming(bad, (LLVMValueRef[]){no_bad, next_bad}, (LLVMBasicBlockRef[]){entry, last}, 2);
  for (uint32_t i = 0; i < e->ahead.n; i++)
    LLVMAddIncoming(e->ahead.at[i].word, &e->ahead.at[i].next, &last, 1);
  LLVMPositionBuilderAtEnd(b, exit);
  LLVMValueRef all = LLVMBuildPhi(b, e->real, "");
  LLVMAddIncoming(all, (LLVMValueRef[]){no_bad, next_bad}, (LLVMBasicBlockRef[]){entry, last}, 2);
  return_bad(e, e->checked ? all : NULL);
}

unsigned emit_all_lanes(const Emit *e) {
  if (e->once || e->k->kind == KERNEL_RECEIVE) return 1;
  return e->f32 ? e->u->target->f32_lanes : e->u->target->f64_lanes;
}

void emit_width(Emit *e, unsigned lanes) {
  CgUnit *u = e->u;
  e->lanes = lanes;
  e->real = emit_vector(e, e->lane);
  e->wide = lanes > 1 && !u->target->masks;
  e->cond = emit_vector(e, !e->wide ? u->i1 : e->f32 ? u->i32 : u->i64);
}

void cg_kernel(CgUnit *u, const IrKernel *k) {
  bool f32 = ir_kernel_f32(k->kind, u->options->f32);
  bool once = ir_kernel_scalar(k->kind);
  Emit e = {.u = u, .k = k, .once = once, .f32 = f32, .f32_arrays = u->options->f32,
            .over_time = ir_kernel_over_time(k->kind)};
  e.lane = f32 ? u->f32 : u->f64;
  e.array = LLVMPointerTypeInContext(u->ctx, cg_is_device(u->target) ? u->target->machine->arrays : 0);
  emit_width(&e, emit_all_lanes(&e));
  if (e.over_time && e.lanes > 1) e.alike = ir_alike_values(k, u->arena);
  if (e.alike && u->target->fma) e.beside = emit_beside(&e);
  if (e.alike) e.aside = emit_aside(&e);
  if (!u->target->form->loops && u->options->opt > 0) e.order = emit_order(&e);
  e.choice = IR_NONE;
  e.spread = NEW_ARRAY(u->arena, LLVMValueRef, k->ins.n + 1);
  e.slots = NEW_ARRAY(u->arena, LLVMValueRef, k->slots.n + 1);
  e.shared = NEW_ARRAY(u->arena, LLVMValueRef, k->slots.n + 1);
  e.after = NEW_ARRAY(u->arena, LLVMValueRef, k->slots.n + 1);
  e.value = NEW_ARRAY(u->arena, LLVMValueRef, k->ins.n + 1);
  e.known = NEW_ARRAY(u->arena, const double *, k->ins.n + 1);
  e.now.since = e.now.sample = LLVMConstNull(u->i64);
  u->target->form->frame(&e);
}

void emit_function(Emit *e, LLVMTypeRef result, const char *parameter) {
  CgUnit *u = e->u;
  LLVMTypeRef type = LLVMFunctionType(result, &u->ptr, 1, false);
  e->function = LLVMAddFunction(u->module, cg_kernel_symbol(u->s, u->arena, e->k, u->target), type);
  LLVMSetVisibility(e->function, LLVMHiddenVisibility);
  cg_function_target(u, e->function);
  LLVMSetValueName2(LLVMGetParam(e->function, 0), parameter, strlen(parameter));
  LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->ctx, e->function, "entry"));
  cg_debug_kernel(u, e->k, e->function, e->lanes, e->f32);
}

/* ---- the form of the processor's own kernels: uint64_t (const struct nsl_env *), loops inside */
static void host_frame(Emit *e) {
  emit_function(e, e->u->i64, "env");
  e->env = LLVMGetParam(e->function, 0);
  frame_begin(e);
  if (e->k->kind == KERNEL_RECEIVE) {
    frame_events(e);
  } else if (e->once) {
    e->at = LLVMConstNull(e->u->i64);
    emit_all(e);
    return_bad(e, e->checked ? emit_bad(e, LLVMConstNull(e->real)) : NULL);
  } else if (e->over_time) {
    emit_march(e);
  } else {
    frame_loop(e);
  }
}

static void host_mask_store(Emit *e, LLVMValueRef mask, LLVMValueRef cond) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef bits = LLVMBuildBitCast(b, emit_bits(e, cond), mask_type(e), "");
  LLVMSetAlignment(LLVMBuildStore(b, bits, mask_at(e, mask)), 1);
}

const CgForm cg_form_host = {.loops = true,
                             .symbol = host_symbol,
                             .frame = host_frame,
                             .port = emit_array_at,
                             .mask_store = host_mask_store};
