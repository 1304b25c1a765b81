/* What cannot run on a device yet. Nothing has been allocated there when this is asked. */
#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/pace.h"
#include "runtime/verify.h"

#define INSTEAD "; run it with --device cpu"

static int refuse(const char *place, const char *path, const char *what) {
  return rt_fail_at(NSL_ECANNOT, place, "%s%s%s cannot run on a device yet" INSTEAD, path ? path : "", path ? ": " : "", what);
}

static int pop_refuse(const struct rt_pop *p) {
  const char *place = p->def->place, *path = p->def->path;
  if (rt_has_own_step(p)) return refuse(place, path, "a time step of its own");
  return 0;
}

static int drive_refuse(const struct rt_drive *d) {
  const char *place = d->def->place, *path = d->def->path;
  if (rt_device_draws(d) && d->def->n_data) return refuse(place, path, "samples of a file with a column for each element");
  if (d->kernel && !d->def->steady && d->delays) return refuse(place, path, "a rate that changes in time, with a delay for each element");
  return 0;
}

int rt_device_refuse(const struct rt_sim *s) {
  int e = 0;
  if (s->ranks) return rt_fail(NSL_ECANNOT, "--device: a run of several processes goes on processors; start one process");
  if (s->verify && s->verify->n_steps)
    return rt_fail(NSL_ECANNOT, "--verify looks at sums that a device does not show; a run on a device is checked by --compare DIR, with the folder of a "
                                "run with --verify --device cpu");
  if (s->n_plastic) return refuse(s->projs[s->n_projs].def->place, s->projs[s->n_projs].def->path, "synapses with memory");
  if (s->couplings && s->couplings->agree)
    return refuse(s->x->couplings[0].link.place, s->x->couplings[0].link.path, "joint steps of continuous synapses");
  if (s->connectivity == NSL_PROCEDURAL)
    return refuse(s->projs[0].def->place, s->projs[0].def->path, "connectivity that is made anew at each spike");
  if (s->by_source) return rt_fail(NSL_ECANNOT, "--rows source: a device has rows of its own; leave it out");
  for (uint32_t i = 0; !e && i < s->n_pops; i++) e = pop_refuse(&s->pops[i]);
  for (uint32_t i = 0; !e && i < s->n_drives; i++) e = drive_refuse(&s->drives[i]);
  return e;
}
