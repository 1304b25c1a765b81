/* Inside codegen/: one LLVM module in the making. A unit holds some kernels of one target, or its hot
 * functions, in an LLVM context of its own, so that units are compiled side by side in threads; nothing is
 * shared but what is only read. */
#ifndef NSL_CODEGEN_UNIT_H
#define NSL_CODEGEN_UNIT_H

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/codegen.h"
#include "codegen/target.h"

typedef struct {
  const char *data;
  size_t size;
} CgBytes;

typedef enum {
  UNIT_KERNELS, /* per-element kernels: vectors, everything inlined */
  UNIT_ONCE,    /* scalar kernels, which run once: compiled fast, calls stay calls */
  UNIT_HOT      /* the runtime's own functions: hot ones, or those for devices */
} CgUnitKind;

typedef struct CgDebug CgDebug;

enum { CG_MAKES_SUMS = 1, CG_MAKES_EVENTS = 2, CG_MAKES_THIRDS = 4 };
/* A kernel of synapses, which has this number in the program's table. */
typedef struct {
  uint32_t number;
  const IrKernel *kernel;
} CgValue;

typedef struct CgUnit {
  /* what to do */
  Session *s;
  const CgOptions *options;
  const CgTarget *target;
  const char *tune; /* processor to schedule for; NULL: the target's */
  CgUnitKind kind;
  const Source *main_source;
  VEC(const IrKernel *) kernels;
  unsigned makes; /* a device's: has what makes rows anew, CG_MAKES_…, */
  VEC(CgValue) values; /* and what that calls */
  /* what came out */
  CgBytes object; /* in arena; of a GPU: a text */
  const char *text;
  bool want_text;
  CgText text_form;
  /* at work */
  Arena *arena; /* of this unit */
  LLVMContextRef ctx;
  LLVMModuleRef module, math; /* math: parsed lazily; only what is called is read */
  LLVMBuilderRef builder;
  LLVMTargetMachineRef machine;
  CgDebug *debug; /* NULL: none */
  LLVMTypeRef i1, i8, i32, i64, f32, f64, ptr, nothing;
} CgUnit;

/* unit.c: all of it, from kernels to an object (and text) in the unit. */
void cg_unit_compile(CgUnit *u);
LLVMTargetMachineRef cg_machine(const CgTarget *target, bool quick);
void cg_llvm_start(void); /* registers the machines; any number of times, from any thread */
CgBytes cg_emit_object(Session *s, Arena *a, LLVMTargetMachineRef machine, LLVMModuleRef module);
void cg_function_target(CgUnit *u, LLVMValueRef function);
void cg_launched(CgUnit *u, LLVMValueRef function);   /* it is a kernel of a device */
void cg_convergent(CgUnit *u, LLVMValueRef function); /* its calls stay where all threads of a warp come by */

/* watch.c: ends the process where LLVM does not come to an end; all take NULL for "nobody watches" */
enum { CG_MAX_THREADS = 16 };
typedef struct CgWatch CgWatch;
CgWatch *cg_watch_begin(Arena *a, double patience_s);                    /* 0: the usual patience */
unsigned cg_watch_worker(CgWatch *w);                                    /* by the worker: its number */
void cg_watch_unit(CgWatch *w, unsigned worker, const CgUnit *u);        /* begins u; NULL: it rests */
void cg_watch_end(CgWatch *w);

/* kernel.c */
void cg_kernel(CgUnit *u, const IrKernel *k);
/* Symbol of a kernel, or of a hot function, at a level. */
const char *cg_kernel_symbol(const Session *s, Arena *a, const IrKernel *k, const CgTarget *target);
const char *cg_hot_symbol(Arena *a, const char *name, const CgTarget *target);

/* bitcode.c: the embedded math.bc and hot.bc */
void cg_math_open(CgUnit *u);
/* Declares it in the unit. */
bool cg_math_has(const CgUnit *u, const char *name);
LLVMValueRef cg_math_function(CgUnit *u, const char *name, LLVMTypeRef *ret_type);
void cg_hot_link(CgUnit *u);
void cg_dev_link(CgUnit *u);
void cg_made_link(CgUnit *u);
void cg_hot_level(CgUnit *u);
void cg_math_link(CgUnit *u); /* after the last cg_math_function */
extern const char *const cg_hot_names[]; /* rows of runtime/hot.def */
extern const uint32_t cg_n_hot;
extern const char *const cg_dev_names[]; /* rows of runtime/device/device.def, as symbols */
extern const uint32_t cg_n_dev;
bool cg_dev_has(uint32_t row, unsigned makes); /* some are there only for models that need them */

/* made.c: the unit's values, as nsl_dev_value */
void cg_values(CgUnit *u);

/* flush.c: before math/ is linked */
void cg_flush(CgUnit *u);

/* hot.c: the runtime's functions for a target, compiled when nslc was */
CgBytes cg_hot_object(const CgTarget *target);

/* debug.c; all do nothing without u->debug */
void cg_debug_begin(CgUnit *u);
void cg_debug_kernel(CgUnit *u, const IrKernel *k, LLVMValueRef function, unsigned lanes, bool f32);
void cg_debug_at(CgUnit *u, Span span); /* what is built next comes from there */
void cg_debug_value(CgUnit *u, Name name, Span span, LLVMValueRef value); /* a state's value, by its name */
void cg_debug_end(CgUnit *u);

/* device.c: texts of a device's kernels (UNIT_KERNELS) or of the runtime's functions for it (UNIT_HOT), NULL:
 * it has objects; what its kernels are called, by number, NULL: it has none */
const char *cg_device_ptx(const CgProgram *p, const CgTarget *device, CgUnitKind kind);
const char *const *cg_device_symbols(Session *s, const CgProgram *p, Arena *a);

/* constant.c: struct nsl_program -> constants of an object */
CgBytes cg_table_object(Session *s, Arena *a, CgProgram *p, bool with_main);

/* object.c */
struct CgProgram {
  const IrModule *module; /* NULL: kernels only */
  CgOptions options;
  Arena *arena;
  VEC(const CgTarget *) levels, devices;
  VEC(CgUnit) units;                     /* with their objects */
  VEC(const IrKernel *) kernels;         /* by index; equal kernels: the one that was compiled */
  /* CG_MAKES_…: what its rows need, if they are made anew on a device */
  unsigned makes;
  const struct nsl_program *table;       /* NULL: kernels only */
};
const char *cg_program_symbol(const CgProgram *p, Arena *a, const char *suffix); /* "nsl_<model>_main" */

#endif
