/* What cannot run on a device yet. Nothing has been allocated there when this is asked. */
#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/pace.h"
#include "runtime/verify.h"

#define INSTEAD "; run it with --device cpu"

static int refuse(const char *place, const char *path, const char *what) {
  return rt_fail_at(NSL_ECANNOT, place, "%s%s%s cannot run on a device yet" INSTEAD, path ? path : "", path ? ": " : "", what);
}

static bool drive_refused(const struct rt_sim *s, const struct nsl_drive *d) {
  bool there = d->cond == NSL_NONE || s->G[d->cond] != 0;
  return there && d->code.kernel != NSL_NONE && d->delay_code.kernel != NSL_NONE && d->n_processes; /* the host could not draw again what waits */
}

static int pace_refuse(const struct rt_pop *p) {
  const char *place = p->def->place, *path = p->def->path;
  bool each = p->class->has_finish;
  for (uint32_t q = 0; q < p->class->n_ports; q++) each |= p->class->ports[q].each != 0;
  if (p->within > 1) return refuse(place, path, "a time step that is shorter than the run's");
  if (p->every > 1 && each) return refuse(place, path, "a longer time step with handlers that do more than add");
  return p->every > 1 && p->class->n_pasts ? refuse(place, path, "a longer time step with delayed values") : 0;
}

/* What the model says of itself, before anything is built. */
int rt_device_refuse_model(const struct rt_sim *s) {
  const struct nsl_experiment *x = s->x;
  int e;
  if (s->ranks) return rt_fail(NSL_ECANNOT, "--device: a run of several processes goes on processors; start one process");
  for (uint32_t i = 0; i < s->n_pops; i++)
    if ((e = pace_refuse(&s->pops[i]))) return e;
  for (uint32_t i = 0; i < x->n_projections; i++) {
    bool there = x->projections[i].cond == NSL_NONE || s->G[x->projections[i].cond] != 0;
    const char *what = there && x->projections[i].cells ? rt_device_plastic_lacks(s, &x->projections[i]) : NULL;
    if (what) return refuse(x->projections[i].place, x->projections[i].path, what);
  }
  for (uint32_t i = 0; i < x->n_drives; i++)
    if (drive_refused(s, &x->drives[i])) return refuse(x->drives[i].place, x->drives[i].path, "a rate with noise, and with a delay for each element");
  if (s->rows == RT_ROWS_BY_SOURCE) return rt_fail(NSL_ECANNOT, "--rows source: a device has rows of its own; leave it out");
  return 0;
}

int rt_device_refuse(const struct rt_sim *s) {
  if (s->verify && s->verify->n_steps)
    return rt_fail(NSL_ECANNOT, "--verify looks at sums that a device does not show; a run on a device is checked by --compare DIR, with the folder of a "
                                "run with --verify --device cpu");
  return 0;
}
