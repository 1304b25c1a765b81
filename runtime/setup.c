/* From the tables and what the user has set to the numbers of the run: G, time step, seed, duration, sizes of
 * populations.
 *
 * G is computed by the setup kernel, which keeps values that the user has set. Domains are checked after
 * that, for defaults too, since a default may depend on what was set. Nothing large is allocated before the
 * sizes are known to fit. */
#include "runtime/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/data.h"
#include "math/math.h"
#include "runtime/describe.h"
#include "runtime/error.h"
#include "runtime/flush.h"
#include "runtime/quantity.h"

static uint32_t host_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
            __builtin_cpu_supports("ssse3");
  bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
            __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
  bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl");
  return v4 ? 4 : v3 ? 3 : v2 ? 2 : 1;
#else
  return 0;
#endif
}

int rt_level_choose(struct rt_sim *s) {
  const struct nsl_program *p = s->program;
  if (p->abi != NSL_ABI)
    return rt_fail(NSL_EINPUT, "this program has tables of version %u, its runtime is of version %u", p->abi,
                   NSL_ABI);
  uint32_t host = host_level();
  for (uint32_t i = 0; i < p->n_levels; i++)
    if (p->levels[i].x86_level <= host && (!s->level || p->levels[i].x86_level > s->level->x86_level))
      s->level = &p->levels[i];
  if (!s->level)
    return rt_fail(NSL_ECANNOT,
                   "this program was built for %s, which this processor is not; build it with --cpu portable",
                   p->n_levels ? p->levels[0].cpu : "no processor");
  uint32_t i = 0;
#define HOT(name, arguments, doc) memcpy(&s->hot.name, &s->level->hot[i++], sizeof s->hot.name);
#include "runtime/hot.def"
#undef HOT
  s->real_size = p->f32 ? sizeof(float) : sizeof(double);
  return 0;
}

int rt_experiment_choose(struct rt_sim *s, const char *name) {
  const struct nsl_program *p = s->program;
  for (uint32_t i = 0; i < p->n_experiments; i++)
    if (name ? strcmp(p->experiments[i].name, name) == 0 : p->n_experiments == 1) s->x = &p->experiments[i];
  if (s->x) return 0;
  char names[600] = "";
  for (uint32_t i = 0; i < p->n_experiments && strlen(names) < 500; i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.64s", i ? ", " : "",
             p->experiments[i].name);
  if (!p->n_experiments) return rt_fail(NSL_EINPUT, "this program holds no experiment");
  if (name) return rt_fail(NSL_EINPUT, "no experiment `%s`; this program holds: %s", name, names);
  return rt_fail(NSL_EINPUT, "this program holds several experiments; choose one with --experiment: %s",
                 names);
}

double rt_value(const struct rt_sim *s, uint32_t slot, double without) {
  return slot == NSL_NONE ? without : s->G[slot];
}

double rt_steps(double time, double dt) { return floor(time / dt + 0.5 + 1e-9); }

/* ---- what the user has set */

static int param_set(struct rt_sim *s, const struct nsl_param *p, const char *text) {
  for (uint32_t i = 0; i < p->n_labels; i++)
    if (strcmp(p->labels[i], text) == 0) {
      s->G[p->slot] = i;
      s->set[p->slot] = 1;
      return 0;
    }
  if (p->n_labels) {
    char all[300] = "";
    for (uint32_t i = 0; i < p->n_labels && strlen(all) < 200; i++)
      snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.60s", i ? ", " : "", p->labels[i]);
    return rt_fail(NSL_EINPUT, "--set %s=%s: the value must be one of {%s}", p->path, text, all);
  }
  struct rt_quantity q;
  const char *wrong = rt_quantity_read(text, &q);
  if (wrong) return rt_fail(NSL_EINPUT, "--set %s=%s: %s", p->path, text, wrong);
  struct rt_dim dim = rt_dim_read(p->dim);
  bool any = !q.has_unit && (q.value == 0 || isinf(q.value)); /* 0 and inf fit any dimension */
  if (!any && !rt_dim_equal(dim, q.dim)) {
    if (!q.has_unit)
      return rt_fail(NSL_EINPUT, "--set %s=%s: a unit is missing, as in %s%s", p->path, text, text, p->unit);
    return rt_fail(NSL_EINPUT, "--set %s=%s: the unit does not fit; it must be one like %s", p->path, text,
                   rt_dim_none(dim) ? "none (a bare number)" : p->unit);
  }
  s->G[p->slot] = q.value;
  s->set[p->slot] = 1;
  return 0;
}

/* `cell.tau_m` for cell[L4e].tau_m, `net.w` for net.w[2]: the path without what stands in brackets. */
static bool is_of_family(const char *path, const char *family) {
  bool indexed = false;
  for (; *path; path++) {
    if (*path == '[') {
      indexed = true;
      path += strcspn(path, "]");
      if (!*path) return false;
      continue;
    }
    if (*path != *family++) return false;
  }
  return indexed && !*family;
}

static int param_take(struct rt_sim *s, const struct nsl_param *p, const struct rt_setting *set) {
  if (set->text) return param_set(s, p, set->text);
  s->G[p->slot] = set->number;
  s->set[p->slot] = 1;
  return 0;
}

int rt_set(struct rt_sim *s, const struct rt_setting *set) {
  const char *path = set->path;
  for (uint32_t i = 0; i < s->x->n_params; i++)
    if (strcmp(s->x->params[i].path, path) == 0) return param_take(s, &s->x->params[i], set);
  bool found = false;
  for (uint32_t i = 0; i < s->x->n_params; i++) {
    if (!is_of_family(s->x->params[i].path, path)) continue;
    int e = param_take(s, &s->x->params[i], set);
    if (e) return e;
    found = true;
  }
  if (found) return 0;
  const char *near = rt_nearest_path(s->x, path);
  if (near) return rt_fail(NSL_EINPUT, "--set %s: no such parameter; did you mean %s?", path, near);
  return rt_fail(NSL_EINPUT, "--set %s: no such parameter; --describe lists them", path);
}

/* ---- domains */

static bool inside(double v, double lo, double hi, bool open_lo, bool open_hi) {
  return (open_lo ? v > lo : v >= lo) && (open_hi ? v < hi : v <= hi);
}

static int param_check(const struct rt_sim *s, const struct nsl_param *p) {
  double v = s->G[p->slot];
  char value[64], domain[160];
  rt_quantity_text(v / p->unit_scale, p->unit, value, sizeof value);
  const char *place = p->place;
  if (isnan(v)) return rt_fail_at(NSL_EINPUT, place, "`%s` is not a number", p->path);
  if (p->n_labels) {
    if (v == floor(v) && v >= 0 && v < p->n_labels) return 0;
    return rt_fail_at(NSL_EINPUT, place, "`%s` is none of its labels", p->path);
  }
  if (p->integer && v != floor(v))
    return rt_fail_at(NSL_EINPUT, place, "`%s` is %s, but it must be whole", p->path, value);
  if (inside(v, rt_value(s, p->lo, -INFINITY), rt_value(s, p->hi, INFINITY), p->open_lo, p->open_hi))
    return 0;
  rt_domain_text(s->G, p, domain, sizeof domain);
  return rt_fail_at(NSL_EINPUT, place, "`%s` is %s, outside of its domain %s", p->path, value, domain);
}

/* ---- numbers of the run */

static int setup_kernel(struct rt_sim *s, uint64_t key) {
  const struct nsl_code *code = &s->x->setup;
  if (code->kernel == NSL_NONE) return 0;
  void **slots = rt_alloc(&s->build_mem, code->n_bindings + 1, sizeof *slots);
  if (!slots) return NSL_EMEMORY;
  struct nsl_env env = {.slots = slots, .u = s->G, .set = s->set, .key = key, .first = 0, .count = 1};
  rt_kernel(s, code)(&env);
  return 0;
}

static int time_read(struct rt_sim *s, const struct rt_config *config) {
  const struct nsl_experiment *x = s->x;
  s->dt = rt_value(s, x->dt, NAN);
  if (!(s->dt > 0) || isinf(s->dt))
    return rt_fail(NSL_EMODEL, "experiment %s: dt must be a positive time", x->name);
  s->duration = 0;
  for (uint32_t i = 0; i < x->n_phases; i++) {
    double length = s->G[x->phases[i].duration];
    if (!config->has_duration && length > 0 && rt_steps(length, s->dt) == 0)
      return rt_fail(NSL_EMODEL, "experiment %s: a run of %g ms is less than one step of %g ms", x->name, length, s->dt);
    s->duration += length;
  }
  if (config->has_duration) s->duration = config->duration;
  if (!(s->duration >= 0))
    return rt_fail(NSL_EMODEL, "experiment %s: the duration must not be negative", x->name);
  double steps = rt_steps(s->duration, s->dt);
  if (s->duration > 0 && steps == 0)
    return rt_fail(NSL_EMODEL, "experiment %s: a run of %g ms is less than one step of %g ms", x->name, s->duration,
                   s->dt);
  if (fabs(steps * s->dt - s->duration) > fmax(1e-6, 1e-12 * steps) * s->dt)
    rt_warn(s, "%g ms are no whole number of steps of %g ms: the run ends at %g ms", s->duration, s->dt,
            steps * s->dt);
  if (!(steps < 4294967295.0))
    return rt_fail(NSL_EMODEL, "experiment %s: %.3g steps of %g ms are too many (at most 4.29e9)", x->name,
                   steps, s->dt);
  s->n_steps = (uint64_t)steps;
  double seed = rt_value(s, x->seed, 1);
  if (!config->has_seed && !(seed >= 0 && seed < 0x1p64 && seed == floor(seed)))
    return rt_fail(NSL_EMODEL, "experiment %s: the seed must be a whole number from 0", x->name);
  s->connectivity = config->connectivity ? config->connectivity : (enum nsl_connectivity)x->connectivity;
  s->rows = config->rows == RT_ROWS_CHOSEN && config->device ? RT_ROWS_BY_SHARD : config->rows; /* a device has rows of its own, made of these */
  s->seed = config->has_seed ? config->seed : (uint64_t)seed;
  return 0;
}

static double element_bytes(const struct rt_sim *s, const struct nsl_class *c) {
  double arrays = (double)c->n_states + c->n_params + c->n_inputs;
  return arrays * s->real_size + 8.0 * c->n_ports + (c->n_holds + 4) / 8.0 +
         40; /* intervals between spikes, lists */
}

static const double MOST_ELEMENTS = 4294967040.0;

/* Said before anything is allocated: what it would need, what there is, what would fit. */
static int size_refuse(const struct nsl_population *def, double size, double each, double before,
                       double left) {
  char others[100] = "";
  if (before > 0) snprintf(others, sizeof others, ", those before it %.3g GB", before / 1e9);
  double fits = fmin(floor(fmax(left - before, 0) / each), MOST_ELEMENTS);
  return rt_fail_at(NSL_EMEMORY, def->place,
                    "population %s of %.4g elements needs about %.3g GB of memory%s; %.3g GB are free on this machine: "
                    "%.2g elements would fit",
                    def->path, size, size * each / 1e9, others, left / 1e9, fits);
}

static int pop_size(struct rt_sim *s, uint32_t i, double *bytes) {
  const struct nsl_population *def = &s->x->populations[i];
  struct rt_pop *p = &s->pops[i];
  double size = s->G[def->size], whole = floor(size + 0.5);
  if (!(size >= 1) || fabs(size - whole) > 1e-9 * size)
    return rt_fail_at(NSL_EMODEL, def->place, "the size of population %s must be a whole number from 1, this is %.12g",
                      def->path, size);
  if (def->class_index >= s->program->n_classes)
    return rt_fail(NSL_EINPUT, "population %s has no class", def->path);
  const struct nsl_class *class = &s->program->classes[def->class_index];
  double each = element_bytes(s, class), own = whole * each, before = *bytes, left = (double)rt_memory_left();
  *bytes += own;
  if (*bytes > left || whole > MOST_ELEMENTS) return size_refuse(def, whole, each, before, left);
  p->def = def;
  p->class = class;
  p->index = i;
  p->size = (uint32_t)whole;
  p->within = def->parts > 1 ? def->parts : 1;
  p->every = def->every > 1 ? def->every : 1;
  p->dt = s->dt * p->every / p->within;
  p->words = (p->size + 63) / 64;
  p->padded = p->words * 64;
  p->first = s->n_elements;
  p->u = s->G + def->block;
  p->port0 = s->n_ports;
  s->n_ports += class->n_ports;
  s->n_elements += p->padded;
  return 0;
}

static int pops_size(struct rt_sim *s) {
  s->n_pops = s->x->n_populations;
  s->pops = rt_alloc(&s->mem, s->n_pops, sizeof *s->pops);
  if (!s->pops) return NSL_EMEMORY;
  double bytes = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    int e = pop_size(s, i, &bytes);
    if (e) return e;
  }
  if (s->n_elements > UINT32_MAX)
    return rt_fail(NSL_EMEMORY, "%llu elements are too many", (unsigned long long)s->n_elements);
  return 0;
}

int rt_slice_range(struct rt_sim *s, const struct nsl_slice *slice, const char *place, uint32_t *ret_first,
                   uint32_t *ret_n) {
  const struct rt_pop *p = &s->pops[slice->pop];
  double from = rt_value(s, slice->from, 0), to = rt_value(s, slice->to, (double)p->size - 1);
  if (slice->from == NSL_NONE && slice->to == NSL_NONE) {
    *ret_first = 0;
    *ret_n = p->size;
    return 0;
  }
  if (!(from >= 0) || !(to < p->size) || !(from <= to) || from != floor(from) || to != floor(to))
    return rt_fail_at(NSL_EMODEL, place, "%s[%g..%g] is not a part of %s, which has elements 0..%g",
                      p->def->path, from, to, p->def->path, (double)p->size - 1);
  *ret_first = (uint32_t)from;
  *ret_n = (uint32_t)(to - from + 1);
  return 0;
}

int rt_setup(struct rt_sim *s, const struct rt_config *config) {
  const struct nsl_experiment *x = s->x;
  s->mem.close = true;
  s->G = rt_alloc(&s->mem, x->n_globals, sizeof *s->G);
  s->set = rt_alloc(&s->mem, x->n_globals, 1);
  if (!s->G || !s->set) return NSL_EMEMORY;
  int e;
  for (uint32_t i = 0; i < config->n_sets; i++)
    if ((e = rt_set(s, &config->sets[i]))) return e;
  rt_flush_all(s->G, x->n_globals);
  if ((e = setup_kernel(s, 0))) return e;
  if (x->draws) { /* now that the seed is known */
    double seed = config->has_seed ? 0 : rt_value(s, x->seed, 1);
    uint64_t of = config->has_seed ? config->seed : seed >= 0 && seed < 0x1p64 ? (uint64_t)seed : 0;
    if ((e = setup_kernel(s, nslm_key(of, nslm_hash("values", 6, 0))))) return e;
  }
  rt_flush_all(s->G, x->n_globals);
  for (uint32_t i = 0; i < x->n_params; i++)
    if ((e = param_check(s, &x->params[i]))) return e;
  if ((e = time_read(s, config))) return e;
  return pops_size(s);
}
