/* The object of the runtime's functions for a target, as prepare.c made it when nslc was built: they are the
 * same in every program, and were four fifths of the time that a small model took to compile. */
#include "codegen/unit.h"

#define OBJECTS(O) O(hot_v2) O(hot_v3) O(hot_v4) O(dev_sm_75) O(dev_sm_90) O(dev_emulated)
#define DECLARE(name) extern const char cg_##name[], cg_##name##_end[];
OBJECTS(DECLARE)
#undef DECLARE

CgBytes cg_hot_object(const CgTarget *target) {
#define BOUNDS(name) {cg_##name, cg_##name##_end},
  const char *const bounds[TARGETS][2] = {OBJECTS(BOUNDS)}; /* in the order of targets.def */
#undef BOUNDS
  const char *const *at = bounds[target->id];
  return (CgBytes){at[0], (size_t)(at[1] - at[0])};
}
