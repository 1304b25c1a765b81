/* Inside of drives: drive.c (before the run), drive_step.c (in it). */
#ifndef NSL_RUNTIME_DRIVE_H
#define NSL_RUNTIME_DRIVE_H

#include "runtime/data.h"
#include "runtime/sim.h"

/* Blocks of 64 that a part's kernel computes: one for all, or those of its elements. */
uint32_t rt_part_first(const struct rt_drive_part *part);
uint32_t rt_part_last(const struct rt_drive_part *part);
/* Runs the part's kernel for a step; its values are in part->out. */
void rt_part_values(const struct rt_sim *s, struct rt_drive_part *part, uint64_t step);
void rt_part_samples(const struct rt_sim *s, const struct rt_drive_part *part, uint64_t step); /* of its files, in part->inputs */
/* Who takes events one by one. */
struct rt_taker {
  void (*take)(void *context, uint32_t element, int64_t count, double weight);
  void *context;
};
/* The events of a part that are handled at `step`: to the taker, or (NULL) to the accumulators. */
void rt_drive_give(struct rt_shard *h, struct rt_drive_part *part, uint64_t step, const struct rt_taker *taker);
/* The Poisson counts of a step onto elements [first, first + n), whole blocks of 64, of a part that is drawn in blocks;
 * after rt_drives_step. */
void rt_drive_draw(struct rt_shard *h, struct rt_drive_part *part, uint64_t step, uint32_t first, uint32_t n);
/* The table of a rate that changes, in this step; NULL: no events. */
const NslmPoisson *rt_drive_table(struct rt_shard *h, struct rt_drive_part *part, uint64_t step);
/* The current of this step becomes `now`, or `out`; true if it is not that of the step before. */
bool rt_current_changes(struct rt_shard *h, struct rt_drive_part *part, uint64_t step);
/* The largest mean count in a step that the units of the accumulators allow for. */
double rt_drive_most(const struct rt_drive *d);
bool rt_drive_is_current(const struct rt_drive *d);
/* In how many steps its rates act: where targets have delays of their own, at once, and the events wait. */
static inline uint32_t rt_drive_late(const struct rt_drive *d) { return d->delays || rt_drive_is_current(d) ? 0 : d->delay_steps; }

#endif
