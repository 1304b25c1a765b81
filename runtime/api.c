/* nsl.h over the same driver as the command line: a simulation held open by a C program. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/options.h"
#include "runtime/lump.h"
#include "runtime/record.h"
#include "runtime/setup.h"
#include "runtime/threads.h"

struct nsl_sim {
  struct rt_sim sim;
  struct rt_mem mem;
  struct rt_config config;
  bool built, broken;
  struct nsl_spike *spikes;
  size_t n_spikes, cap_spikes;
};

int nsl_open(const struct nsl_program *program, const char *experiment, struct nsl_sim **ret_sim) {
  struct rt_mem mem = {0};
  struct nsl_sim *n = rt_alloc(&mem, 1, sizeof *n);
  if (!n) return NSL_EMEMORY;
  n->mem = mem;
  n->sim.program = program;
  n->config.sets = rt_alloc(&n->mem, RT_MOST_SETS, sizeof *n->config.sets);
  int e = n->config.sets ? rt_level_choose(&n->sim) : NSL_EMEMORY;
  if (!e) e = rt_experiment_choose(&n->sim, experiment);
  if (e) {
    nsl_close(n);
    return e;
  }
  n->config.experiment = n->sim.x->name;
  *ret_sim = n;
  return NSL_OK;
}

void nsl_close(struct nsl_sim *n) {
  if (!n) return;
  rt_close(&n->sim);
  rt_drop(&n->spikes);
  struct rt_mem mem = n->mem;
  rt_mem_free(&mem);
}

static int not_built(const struct nsl_sim *n) {
  return n->built ? rt_fail(NSL_EINPUT, "this cannot be set after the simulation was built") : NSL_OK;
}

int rt_setting_add(struct rt_mem *m, const struct nsl_experiment *x, struct rt_config *c, const struct rt_setting *set) {
  for (uint32_t i = 0; i < x->n_params; i++) {
    const struct nsl_param *p = &x->params[i];
    if (strcmp(p->path, set->path) != 0) continue;
    if (!set->text && !isfinite(set->number)) return rt_fail(NSL_EINPUT, "%s: the value is not a finite number", p->path);
    if (c->n_sets == RT_MOST_SETS) return rt_fail(NSL_EINPUT, "more than %d values are set", RT_MOST_SETS);
    const char *own = set->text ? rt_text(m, set->text) : NULL;
    if (set->text && !own) return NSL_EMEMORY;
    c->sets[c->n_sets++] = (struct rt_setting){p->path, own, set->number};
    return NSL_OK;
  }
  return rt_fail(NSL_EINPUT, "no parameter `%s`", set->path);
}

static int setting_add(struct nsl_sim *n, const char *path, const char *text, double number) {
  int e = not_built(n);
  return e ? e : rt_setting_add(&n->mem, n->sim.x, &n->config, &(struct rt_setting){path, text, number});
}

int nsl_set_text(struct nsl_sim *n, const char *path, const char *value) {
  return setting_add(n, path, value, 0);
}

int nsl_set(struct nsl_sim *n, const char *path, double value) {
  return setting_add(n, path, NULL, value);
}

int nsl_set_seed(struct nsl_sim *n, uint64_t seed) {
  n->config.has_seed = true;
  n->config.seed = seed;
  return not_built(n);
}

int nsl_set_threads(struct nsl_sim *n, unsigned threads) {
  n->config.threads = threads;
  return not_built(n);
}

int nsl_set_device(struct nsl_sim *n, const char *device) {
  int e = not_built(n);
  return e ? e : rt_options_device(n->sim.program, device, &n->config);
}

static int built(struct nsl_sim *n) {
  if (n->built) return n->broken ? rt_fail(NSL_EINPUT, "the simulation could not be built") : NSL_OK;
  unsigned mode = rt_float_mode_flush();
  int e = rt_setup(&n->sim, &n->config);
  if (!e && n->config.device) e = rt_device_open(&n->sim, n->config.device, n->config.gpu);
  if (!e) e = rt_build(&n->sim, n->config.threads);
  if (!e) e = rt_record_open(&n->sim, NULL, false);
  if (!e && n->sim.device) e = rt_device_make(&n->sim);
  n->sim.stays = true;
  rt_float_mode_restore(mode);
  n->built = true;
  n->broken = e != 0;
  return e;
}

int nsl_run(struct nsl_sim *n, double ms) {
  int e = built(n);
  if (e) return e;
  double steps = rt_steps(ms, n->sim.dt);
  if (!(steps >= 0 && steps + (double)n->sim.step < 4294967295.0))
    return rt_fail(NSL_EINPUT, "cannot run for %g ms", ms);
  return rt_run(&n->sim, n->sim.step + (uint64_t)steps);
}

double nsl_time(const struct nsl_sim *n) { return (double)n->sim.step * n->sim.dt; }

int nsl_population(struct nsl_sim *n, const char *path, uint32_t *ret_index, uint32_t *ret_size) {
  int e = built(n);
  for (uint32_t i = 0; !e && i < n->sim.n_pops; i++)
    if (strcmp(n->sim.pops[i].def->path, path) == 0) {
      *ret_index = i;
      *ret_size = n->sim.pops[i].size;
      return NSL_OK;
    }
  return e ? e : rt_fail(NSL_EINPUT, "no population `%s`", path);
}

int nsl_read(struct nsl_sim *n, uint32_t population, const char *name, uint32_t first, uint32_t count,
             double *ret) {
  int e = built(n);
  if (e) return e;
  const struct rt_sim *s = &n->sim;
  if (population >= s->n_pops) return rt_fail(NSL_EINPUT, "there is no population number %u", population);
  const struct rt_pop *p = &s->pops[population];
  if (first > p->size || count > p->size - first)
    return rt_fail(NSL_EINPUT, "%s has only %u elements", p->def->path, p->size);
  for (uint32_t i = 0; i < p->class->n_states; i++) {
    if (strcmp(p->class->states[i].name, name) != 0) continue;
    if ((e = rt_lump_reads(p, i)) || (e = rt_device_look(&n->sim, p, i, first, count))) return e;
    for (uint32_t k = 0; k < count; k++)
      ret[k] = s->program->f32 ? (double)((const float *)p->states[i])[first + k]
                               : ((const double *)p->states[i])[first + k];
    return NSL_OK;
  }
  return rt_fail(NSL_EINPUT, "%s has no state `%s`", p->def->path, name);
}

int nsl_spikes(struct nsl_sim *n, const struct nsl_spike **ret_spikes, size_t *ret_count) {
  int e = built(n);
  if (e) return e;
  const struct rt_spike_file *f = &n->sim.recorder->spikes;
  e = rt_grow(&n->spikes, &n->cap_spikes, f->n + 1, sizeof *n->spikes);
  if (e) return e;
  for (size_t i = 0; i < f->n; i++)
    n->spikes[i] = (struct nsl_spike){(double)f->marks[i].step * n->sim.dt, f->marks[i].pop, f->marks[i].id};
  *ret_spikes = n->spikes;
  *ret_count = f->n;
  return NSL_OK;
}

void nsl_spikes_clear(struct nsl_sim *n) {
  if (n->sim.recorder) n->sim.recorder->spikes.n = 0;
}

int nsl_state_hash(struct nsl_sim *n, uint64_t *ret_hash) {
  int e = built(n);
  if (!e) e = rt_device_settle(&n->sim);
  if (!e) *ret_hash = rt_state_hash(&n->sim);
  return e;
}
