/* What differs between the machines that kernels are compiled for: constants, read by the one emitter, and a
 * few functions. A new machine is a row of targets.def, and for another kind of processor a CgMachine. */
#ifndef NSL_CODEGEN_TARGET_H
#define NSL_CODEGEN_TARGET_H

#include <stdbool.h>

typedef enum {
#define TARGET(id, ...) TARGET_##id,
#include "codegen/targets.def"
#undef TARGET
  TARGETS
} CgTargetId;

struct CgUnit;
typedef struct CgForm CgForm; /* emit.h: how kernels are called */

/* A kind of processor. */
typedef struct {
  const char *triple;
  void (*start)(void);        /* registers its code generator */
  /* bodies for the nsl_dev_… that the unit calls; NULL: they are elsewhere */
  void (*answers)(struct CgUnit *u);
  /* behind the passes: what LLVM's code generator would take for something else; NULL: nothing */
  void (*settle)(struct CgUnit *u);
  bool text;                  /* the code of a unit is a text (PTX); else an object */
  unsigned arrays;            /* address space of the arrays of launched kernels */
  unsigned convention;        /* LLVM's calling convention of launched kernels */
} CgMachine;

typedef struct {
  CgTargetId id;
  const char *text;         /* "x86-64-v3", "sm_90" */
  const char *cpu;
  const CgMachine *machine;
  const CgForm *form;
  unsigned x86_level;       /* 0: a device */
  unsigned f64_lanes, f32_lanes;
  const char *vector_width; /* NULL: LLVM's choice */
  bool fma, i64_to_f64, masks;
} CgTarget;

static inline bool cg_is_device(const CgTarget *t) { return t->x86_level == 0; }

extern const CgTarget cg_targets[TARGETS];
extern const CgMachine cg_machine_x86, cg_machine_nvptx;
extern const CgForm cg_form_host, cg_form_launch;

#endif
