/* struct nsl_program -> constants of an object, by walking the rows of runtime/abi.def: C structs in memory
 * are read at their offsets and written as LLVM constants of the same layout. The level arrays refer to the
 * kernels' symbols. Also `main` of a program, and what a shared library exports. */
#include <stddef.h>
#include <string.h>

#include "codegen/unit.h"

/* ---- abi.def as data */
typedef enum {
  FIELD_STR,
  FIELD_U32,
  FIELD_U64,
  FIELD_F64,
  FIELD_ONE,
  FIELD_ARR,
  FIELD_STRS,
  FIELD_NUMS
} FieldKind;
typedef enum {
#define STRUCT(name, fields) STRUCT_##name,
#include "runtime/abi.def"
#undef STRUCT
  STRUCT_level,
  STRUCT_device,
  STRUCTS
} StructId;
typedef struct {
  FieldKind kind;
  size_t at, n_at; /* offsets of the field and of its count */
  StructId type;   /* FIELD_ONE, FIELD_ARR */
} Field;
typedef struct {
  size_t size;
  uint32_t n;
  const Field *fields;
} Struct;

#define STR(S, f) {FIELD_STR, offsetof(struct nsl_##S, f), 0, STRUCTS},
#define U32(S, f) {FIELD_U32, offsetof(struct nsl_##S, f), 0, STRUCTS},
#define U64(S, f) {FIELD_U64, offsetof(struct nsl_##S, f), 0, STRUCTS},
#define F64(S, f) {FIELD_F64, offsetof(struct nsl_##S, f), 0, STRUCTS},
#define ONE(S, T, f) {FIELD_ONE, offsetof(struct nsl_##S, f), 0, STRUCT_##T},
#define ARR(S, T, f) {FIELD_ARR, offsetof(struct nsl_##S, f), offsetof(struct nsl_##S, n_##f), STRUCT_##T},
#define STRS(S, f) {FIELD_STRS, offsetof(struct nsl_##S, f), offsetof(struct nsl_##S, n_##f), STRUCTS},
#define NUMS(S, f) {FIELD_NUMS, offsetof(struct nsl_##S, f), offsetof(struct nsl_##S, n_##f), STRUCTS},
#define STRUCT(name, fields) static const Field fields_##name[] = {fields};
#include "runtime/abi.def"
#undef STRUCT
#define STRUCT(name, fields) \
  [STRUCT_##name] = {sizeof(struct nsl_##name), sizeof(fields_##name) / sizeof(Field), fields_##name},
static const Struct structs[STRUCTS] = {
#include "runtime/abi.def"
    [STRUCT_level] = {sizeof(struct nsl_level), 0, NULL},
    [STRUCT_device] = {sizeof(struct nsl_device), 0, NULL},
};
#undef STRUCT
#undef STR
#undef U32
#undef U64
#undef F64
#undef ONE
#undef ARR
#undef STRS
#undef NUMS

/* ---- constants */
typedef struct {
  Session *s;
  Arena *a;
  CgProgram *p;
  LLVMContextRef ctx;
  LLVMModuleRef module;
  LLVMTypeRef i32, i64, f64, ptr;
  LLVMTypeRef struct_types[STRUCTS];
  uint32_t n_globals;
} Constants;

static LLVMValueRef global(Constants *c, const char *name, LLVMValueRef value) {
  LLVMValueRef g = LLVMAddGlobal(c->module, LLVMTypeOf(value), name);
  LLVMSetInitializer(g, value);
  LLVMSetGlobalConstant(g, true);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
  return g;
}

static LLVMValueRef text(Constants *c, const char *t) {
  return t ? global(c, "text", LLVMConstStringInContext2(c->ctx, t, strlen(t), false))
           : LLVMConstNull(c->ptr);
}

static LLVMValueRef u32_constant(Constants *c, uint32_t n) { return LLVMConstInt(c->i32, n, false); }

static LLVMValueRef structure(Constants *c, StructId id, const char *from);

static LLVMValueRef array(Constants *c, StructId id, const char *from, uint32_t n) {
  if (n == 0) return LLVMConstNull(c->ptr);
  LLVMValueRef *all = NEW_ARRAY(c->a, LLVMValueRef, n);
  for (uint32_t i = 0; i < n; i++) all[i] = structure(c, id, from + i * structs[id].size);
  return global(c, "array", LLVMConstArray2(LLVMTypeOf(all[0]), all, n));
}

static LLVMValueRef texts(Constants *c, const char *const *from, uint32_t n) {
  if (n == 0) return LLVMConstNull(c->ptr);
  LLVMValueRef *all = NEW_ARRAY(c->a, LLVMValueRef, n);
  for (uint32_t i = 0; i < n; i++) all[i] = text(c, from[i]);
  return global(c, "texts", LLVMConstArray2(c->ptr, all, n));
}

static LLVMValueRef numbers(Constants *c, const uint32_t *from, uint32_t n) {
  if (n == 0) return LLVMConstNull(c->ptr);
  LLVMValueRef *all = NEW_ARRAY(c->a, LLVMValueRef, n);
  for (uint32_t i = 0; i < n; i++) all[i] = u32_constant(c, from[i]);
  return global(c, "numbers", LLVMConstArray2(c->i32, all, n));
}

/* Appends the constants of one field: one, or a count and a pointer. */
static uint32_t field(Constants *c, const Field *f, const char *from, LLVMValueRef *ret) {
  const void *at = from + f->at;
  uint32_t n;
  memcpy(&n, from + f->n_at, sizeof n);
  switch (f->kind) {
    case FIELD_STR: *ret = text(c, *(const char *const *)at); return 1;
    case FIELD_U32: *ret = u32_constant(c, *(const uint32_t *)at); return 1;
    case FIELD_U64: *ret = LLVMConstInt(c->i64, *(const uint64_t *)at, false); return 1;
    case FIELD_F64: *ret = LLVMConstReal(c->f64, *(const double *)at); return 1;
    case FIELD_ONE: *ret = structure(c, f->type, at); return 1;
    case FIELD_ARR: ret[1] = array(c, f->type, *(const char *const *)at, n); break;
    case FIELD_STRS: ret[1] = texts(c, *(const char *const *const *)at, n); break;
    case FIELD_NUMS: ret[1] = numbers(c, *(const uint32_t *const *)at, n); break;
  }
  ret[0] = u32_constant(c, n);
  return 2;
}

static LLVMValueRef external_function(Constants *c, const char *name) {
  LLVMValueRef f = LLVMGetNamedFunction(c->module, name);
  if (f) return f;
  f = LLVMAddFunction(c->module, name, LLVMFunctionType(c->i64, &c->ptr, 1, false));
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return f;
}

/* struct nsl_level of one target: its kernels by number, and its hot functions. */
static LLVMValueRef level(Constants *c, const CgTarget *target) {
  uint32_t n = c->p->kernels.n;
  LLVMValueRef *kernels = NEW_ARRAY(c->a, LLVMValueRef, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    const IrKernel *k = c->p->kernels.at[i];
    kernels[i] = k ? external_function(c, cg_kernel_symbol(c->s, c->a, k, target)) : LLVMConstNull(c->ptr);
  }
  LLVMValueRef *hot = NEW_ARRAY(c->a, LLVMValueRef, cg_n_hot + 1);
  for (uint32_t i = 0; i < cg_n_hot; i++)
    hot[i] = external_function(c, cg_hot_symbol(c->a, cg_hot_names[i], target));
  LLVMValueRef fields[] = {text(c, target->text), u32_constant(c, target->x86_level),
                           global(c, "kernels", LLVMConstArray2(c->ptr, kernels, n)),
                           global(c, "hot", LLVMConstArray2(c->ptr, hot, cg_n_hot))};
  return LLVMConstNamedStruct(c->struct_types[STRUCT_level], fields, COUNT_OF(fields));
}

/* struct nsl_device: texts, or addresses. */
static LLVMValueRef device(Constants *c, const CgTarget *target) {
  uint32_t n = c->p->kernels.n;
  const char *const *symbols = cg_device_symbols(c->s, c->p, c->a);
  LLVMValueRef *kernels = NEW_ARRAY(c->a, LLVMValueRef, n + 1),
               *functions = NEW_ARRAY(c->a, LLVMValueRef, cg_n_dev + 1);
  LLVMValueRef none = LLVMConstNull(c->ptr);
  bool text_only = target->machine->text;
  for (uint32_t i = 0; i < n; i++)
    kernels[i] = symbols[i] && !text_only ? external_function(c, symbols[i]) : none;
  for (uint32_t i = 0; i < cg_n_dev; i++)
    functions[i] = text_only || !cg_dev_has(i, c->p->makes) ? none : external_function(c, cg_dev_names[i]);
  LLVMValueRef fields[] = {text(c, target->text),
                           text(c, cg_device_ptx(c->p, target, UNIT_KERNELS)),
                           text(c, cg_device_ptx(c->p, target, UNIT_HOT)),
                           text_only ? none : global(c, "kernels", LLVMConstArray2(c->ptr, kernels, n)),
                           text_only ? none
                                     : global(c, "functions", LLVMConstArray2(c->ptr, functions, cg_n_dev)),
                           texts(c, symbols, n)};
  return LLVMConstNamedStruct(c->struct_types[STRUCT_device], fields, COUNT_OF(fields));
}

static LLVMValueRef devices(Constants *c) {
  uint32_t n = c->p->devices.n;
  LLVMValueRef *all = NEW_ARRAY(c->a, LLVMValueRef, n + 1);
  for (uint32_t i = 0; i < n; i++) all[i] = device(c, c->p->devices.at[i]);
  return n ? global(c, "devices", LLVMConstArray2(c->struct_types[STRUCT_device], all, n))
           : LLVMConstNull(c->ptr);
}

static LLVMValueRef levels(Constants *c) {
  uint32_t n = c->p->levels.n;
  LLVMValueRef *all = NEW_ARRAY(c->a, LLVMValueRef, n);
  for (uint32_t i = 0; i < n; i++) all[i] = level(c, c->p->levels.at[i]);
  return global(c, "levels", LLVMConstArray2(c->struct_types[STRUCT_level], all, n));
}

static LLVMValueRef structure(Constants *c, StructId id, const char *from) {
  LLVMValueRef values[64];
  uint32_t n = 0;
  for (uint32_t i = 0; i < structs[id].n; i++) {
    const Field *f = &structs[id].fields[i];
    if (f->kind == FIELD_ARR && f->type == STRUCT_level) {
      values[n++] = u32_constant(c, c->p->levels.n);
      values[n++] = levels(c);
    } else if (f->kind == FIELD_ARR && f->type == STRUCT_device) {
      values[n++] = u32_constant(c, c->p->devices.n);
      values[n++] = devices(c);
    } else {
      n += field(c, f, from, &values[n]);
    }
  }
  return LLVMConstNamedStruct(c->struct_types[id], values, n);
}

/* LLVM's struct types by the same rows; a struct is used only by rows below its own. */
static void struct_types(Constants *c) {
  c->struct_types[STRUCT_level] =
      LLVMStructTypeInContext(c->ctx, (LLVMTypeRef[]){c->ptr, c->i32, c->ptr, c->ptr}, 4, false);
  c->struct_types[STRUCT_device] = LLVMStructTypeInContext(
      c->ctx, (LLVMTypeRef[]){c->ptr, c->ptr, c->ptr, c->ptr, c->ptr, c->ptr}, 6, false);
  for (int id = 0; id < STRUCT_level; id++) {
    LLVMTypeRef types[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < structs[id].n; i++) switch (structs[id].fields[i].kind) {
        case FIELD_STR: types[n++] = c->ptr; break;
        case FIELD_U32: types[n++] = c->i32; break;
        case FIELD_U64: types[n++] = c->i64; break;
        case FIELD_F64: types[n++] = c->f64; break;
        case FIELD_ONE: types[n++] = c->struct_types[structs[id].fields[i].type]; break;
        case FIELD_ARR:
        case FIELD_STRS:
        case FIELD_NUMS:
          types[n++] = c->i32;
          types[n++] = c->ptr;
          break;
      }
    c->struct_types[id] = LLVMStructTypeInContext(c->ctx, types, n, false);
  }
}

/* int NAME(int argc, char **argv) { return nsl_main(&program, argc, argv); } */
static void main_function(Constants *c, const char *name, LLVMValueRef program) {
  LLVMTypeRef main_type = LLVMFunctionType(c->i32, (LLVMTypeRef[]){c->i32, c->ptr}, 2, false);
  LLVMTypeRef run_type = LLVMFunctionType(c->i32, (LLVMTypeRef[]){c->ptr, c->i32, c->ptr}, 3, false);
  LLVMValueRef run = LLVMAddFunction(c->module, "nsl_main", run_type),
               f = LLVMAddFunction(c->module, name, main_type);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(c->ctx);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(c->ctx, f, "entry"));
  LLVMValueRef args[] = {program, LLVMGetParam(f, 0), LLVMGetParam(f, 1)};
  LLVMBuildRet(b, LLVMBuildCall2(b, run_type, run, args, 3, ""));
  LLVMDisposeBuilder(b);
}

const char *cg_program_symbol(const CgProgram *p, Arena *a, const char *suffix) {
  char *name = arena_printf(a, "nsl_%s_%s", p->table->name, suffix);
  for (char *c = name; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9'))) *c = '_';
  return name;
}

CgBytes cg_table_object(Session *s, Arena *a, CgProgram *p, bool with_main) {
  Constants constants = {.s = s, .a = a, .p = p, .ctx = LLVMContextCreate()}, *c = &constants;
  c->module = LLVMModuleCreateWithNameInContext("program", c->ctx);
  c->i32 = LLVMInt32TypeInContext(c->ctx);
  c->i64 = LLVMInt64TypeInContext(c->ctx);
  c->f64 = LLVMDoubleTypeInContext(c->ctx);
  c->ptr = LLVMPointerTypeInContext(c->ctx, 0);
  LLVMTargetMachineRef machine = cg_machine(p->levels.at[0], true);
  if (!machine) BUG(s, ((Span){0, 0}), "no LLVM target for %s", p->levels.at[0]->text);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  LLVMSetModuleDataLayout(c->module, layout);
  LLVMDisposeTargetData(layout);
  struct_types(c);
  LLVMValueRef program = global(c, "program", structure(c, STRUCT_program, (const char *)p->table));
  const char *name = cg_program_symbol(p, a, "program");
  LLVMSetValueName2(program, name, strlen(name));
  LLVMSetLinkage(program, LLVMExternalLinkage);
  LLVMSetUnnamedAddress(program, LLVMNoUnnamedAddr);
  main_function(c, with_main ? "main" : cg_program_symbol(p, a, "main"), program);
  CgBytes object = cg_emit_object(s, a, machine, c->module);
  LLVMDisposeTargetMachine(machine);
  LLVMDisposeModule(c->module);
  LLVMContextDispose(c->ctx);
  return object;
}
