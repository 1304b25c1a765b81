/* What differs between the machines that kernels are compiled for: constants, read by the one emitter. A new
 * machine is a row of targets.def (and for what is no x86, its own sizes of a pass and ways to name an
 * element here). */
#ifndef NSL_CODEGEN_TARGET_H
#define NSL_CODEGEN_TARGET_H

#include <stdbool.h>

typedef enum {
#define TARGET(id, ...) TARGET_##id,
#include "codegen/targets.def"
#undef TARGET
  TARGETS
} CgTargetId;

typedef struct {
  CgTargetId id;
  const char *text;         /* "x86-64-v3" */
  unsigned x86_level;
  unsigned f64_lanes, f32_lanes;
  const char *vector_width; /* NULL: LLVM's choice */
  bool fma, i64_to_f64, masks;
} CgTarget;

extern const CgTarget cg_targets[TARGETS];

#endif
