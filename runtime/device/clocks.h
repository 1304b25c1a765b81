/* The clocks of a run: which step it is, and for kernels that run for another one. */
#ifndef NSL_RUNTIME_DEVICE_CLOCKS_H
#define NSL_RUNTIME_DEVICE_CLOCKS_H

#include "runtime/agreeing.h"
#include "runtime/device/args.h"

/* Behind everything that reads it. */
static inline void clocks_go_on(const struct dev_args *a, uint64_t step) {
  a->clock->step = step;
  for (uint32_t i = 0; i < a->n_late; i++) {
    const struct dev_late_clock *late = &a->late[i];
    if (late->every) {
      late->clock->step = step / late->every * late->within - late->left;
      late->clock->now = step;
      if (late->count) *late->count = step % late->every ? 0 : late->n;
      continue;
    }
    late->clock->step = step > late->delay ? step - late->delay : 0;
    *late->count = step > late->delay ? late->n : 0;
  }
}

/* Until they go on with the same step; joint steps do not agree yet. */
static inline void clocks_stand(const struct dev_args *a) {
  a->clock->step = 0;
  for (uint32_t i = 0; i < a->n_late; i++) a->late[i].clock->step = 0;
}

/* What flows has been set as it is at T - dt. */
static inline void agree_begin(struct dev_agree *g, uint64_t step) {
  g->clock.step = g->clock.now = g->step = step;
  g->next = 0;
  g->change[0] = 0;
  g->state[0] = rt_agreeing_begin();
}

#endif
