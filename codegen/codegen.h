/* Level-2 IrModule -> machine code: objects, programs, shared libraries, code in memory. What stands here is
 * all that other folders may use of codegen/. */
#ifndef NSL_CODEGEN_CODEGEN_H
#define NSL_CODEGEN_CODEGEN_H

#include "ir/ir.h"
#include "runtime/abi.h"

/* devices, in the order of targets.def */
enum { CG_SM_75 = 1, CG_SM_90 = 2, CG_EMULATED = 4, CG_GPUS = CG_SM_75 | CG_SM_90 };

typedef struct {
  const char *cpu; /* "native" (also NULL), "portable", "x86-64-v2", "x86-64-v3", "x86-64-v4" */
  unsigned devices; /* CG_…: code for these too */
  int opt; /* 0: quick to compile; 1..3: the same full set of passes. The bits that come out are the same */
  bool f32;        /* states and step kernels in float32 */
  bool debug;      /* states as variables in the debug information; .nsl lines are always there */
  bool kernels_only; /* tests: an IrModule without model; no hot functions, no table */
  unsigned threads;  /* to compile with; 0: as many as there are processors, at most 4 */
  double patience_s; /* tests: processor time after which LLVM is taken to hang over a unit; 0: a minute */
} CgOptions;

/* Compiled kernels, not yet linked; lives in the session's arena. */
typedef struct CgProgram CgProgram;

/* NULL after a diagnostic (unknown cpu, a cpu that this machine is not when "native" is asked for, …). */
CgProgram *cg_compile(Session *s, const IrModule *m, const CgOptions *options);

/* The program's table as the runtime sees it, without kernels (levels); what objects carry and the JIT
 * completes. */
struct nsl_program *cg_table(Session *s, const IrModule *m, const CgOptions *options, Arena *a);

/* ---- code as text or objects */
typedef enum { CG_LLVM, CG_ASM, CG_PTX } CgText;
/* All kernels after optimization, one module after another; CG_PTX: of the GPUs alone. */
bool cg_print(Session *s, const IrModule *m, const CgOptions *options, CgText form, FILE *out);

/* ---- files; false after a diagnostic. Written beside `path` under a temporary name, renamed when whole. */
typedef struct {
  const char *runtime;      /* path of libnslrt.a */
  const char *const *libs;  /* further arguments of the link: paths, -l…, -L…; NULL at the end */
  /* cg_link_exe: path of the runtime's mpi.c, compiled by mpicc, or what MPICC names; NULL: without MPI */
  const char *mpi;
  const char *header; /* cg_link_lib: path of the runtime's nsl.h, copied beside the library; NULL: none */
} CgLink;
bool cg_write_object(Session *s, CgProgram *p, const char *path);             /* one relocatable object */
bool cg_link_exe(Session *s, CgProgram *p, const CgLink *link, const char *path);
/* NAME.so and NAME.h, which declares nsl_<model>_main and nsl_<model>_program. */
bool cg_link_lib(Session *s, CgProgram *p, const CgLink *link, const char *path);

/* ---- code in memory */
typedef struct CgJit CgJit;
CgJit *cg_jit(Session *s, CgProgram *p); /* NULL after a diagnostic */
const struct nsl_program *cg_jit_program(const CgJit *j);
nsl_kernel_fn *cg_jit_kernel(const CgJit *j, uint32_t index); /* by IrKernel.index, at the first level */
/* the first, or NULL; also of kernels without a program */
const struct nsl_device *cg_jit_device(const CgJit *j);
void cg_jit_free(CgJit *j);

#endif
