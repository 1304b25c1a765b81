/* What cannot run on a device yet. Nothing has been allocated there when this is asked. */
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/verify.h"

#define INSTEAD "; run it with --device cpu"

static int refuse(const char *place, const char *path, const char *what) {
  return rt_fail_at(NSL_ECANNOT, place, "%s%s%s cannot run on a device yet" INSTEAD, path ? path : "", path ? ": " : "", what);
}

/* What the model says of itself, before anything is built. */
int rt_device_refuse_model(const struct rt_sim *s) {
  const struct nsl_experiment *x = s->x;
  if (s->ranks) return rt_fail(NSL_ECANNOT, "--device: a run of several processes goes on processors; start one process");
  for (uint32_t i = 0; i < x->n_projections; i++) {
    bool there = x->projections[i].cond == NSL_NONE || s->G[x->projections[i].cond] != 0;
    const char *what = there && x->projections[i].cells ? rt_device_plastic_lacks(s, &x->projections[i]) : NULL;
    if (what) return refuse(x->projections[i].place, x->projections[i].path, what);
  }
  if (s->rows == RT_ROWS_BY_SOURCE) return rt_fail(NSL_ECANNOT, "--rows source: a device has rows of its own; leave it out");
  return 0;
}

int rt_device_refuse(const struct rt_sim *s) {
  if (s->verify && s->verify->n_steps)
    return rt_fail(NSL_ECANNOT, "--verify looks at sums that a device does not show; a run on a device is checked by --compare DIR, with the folder of a "
                                "run with --verify --device cpu");
  return 0;
}
