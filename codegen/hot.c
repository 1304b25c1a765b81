/* The object of a level's hot functions, as prepare.c made it when nslc was built: they are the same in every
 * program, and were four fifths of the time that a small model took to compile. */
#include "codegen/unit.h"

extern const char cg_hot_v2[], cg_hot_v2_end[], cg_hot_v3[], cg_hot_v3_end[], cg_hot_v4[], cg_hot_v4_end[];

CgBytes cg_hot_object(const CgTarget *target) {
  const char *const bounds[TARGETS][2] = {[TARGET_X86_64_V2] = {cg_hot_v2, cg_hot_v2_end},
                                          [TARGET_X86_64_V3] = {cg_hot_v3, cg_hot_v3_end},
                                          [TARGET_X86_64_V4] = {cg_hot_v4, cg_hot_v4_end}};
  const char *const *at = bounds[target->id];
  return (CgBytes){at[0], (size_t)(at[1] - at[0])};
}
