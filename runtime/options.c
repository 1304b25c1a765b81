/* Reads the command line by the rows of options.def. `--name value` and `--name=value` are the same. What
 * this program cannot do is refused with the reason, never ignored. */
#include "runtime/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/describe.h"
#include "runtime/error.h"
#include "runtime/gpu.h"
#include "runtime/quantity.h"

struct reading {
  const struct nsl_program *p;
  struct rt_config *c;
};

static int take_experiment(struct reading *r, const char *v) {
  r->c->experiment = v;
  return 0;
}

static int take_fit(struct reading *r, const char *v) {
  r->c->fit = v;
  return 0;
}

static int take_profile(struct reading *r, const char *v) {
  if (!*v) return rt_fail(NSL_EINPUT, "--profile needs names of free parameters, or all");
  r->c->profile = v;
  return 0;
}

static int take_set(struct reading *r, const char *v) {
  char *equals = strchr(v, '=');
  if (!equals || equals == v) return rt_fail(NSL_EINPUT, "--set %s: NAME=VALUE is expected", v);
  struct rt_setting *set = &r->c->sets[r->c->n_sets++];
  *equals = 0; /* v is our copy */
  set->path = v;
  set->text = equals + 1;
  return 0;
}

static int take_out(struct reading *r, const char *v) {
  if (!*v) return rt_fail(NSL_EINPUT, "--out needs the name of a folder");
  r->c->out = v;
  return 0;
}

static int whole_read(const char *option, const char *v, unsigned long long *ret) {
  char *end;
  errno = 0;
  *ret = strtoull(v, &end, 10);
  if (*v < '0' || *v > '9' || *end || errno)
    return rt_fail(NSL_EINPUT, "%s %s: a whole number from 0 is expected", option, v);
  return 0;
}

static int take_seed(struct reading *r, const char *v) {
  unsigned long long n;
  int e = whole_read("--seed", v, &n);
  if (e) return e;
  r->c->has_seed = true;
  r->c->seed = n;
  return 0;
}

static int time_read(const char *option, const char *v, double *ret_ms) {
  struct rt_quantity q;
  const char *wrong = rt_quantity_read(v, &q);
  if (wrong) return rt_fail(NSL_EINPUT, "%s %s: %s", option, v, wrong);
  bool time = rt_dim_equal(q.dim, rt_dim_read("12 0 0 0 0 0")) || (!q.has_unit && q.value == 0);
  if (!time) return rt_fail(NSL_EINPUT, "%s %s: a time with its unit is expected, such as 500ms", option, v);
  if (!(q.value >= 0 && q.value < 1e300)) return rt_fail(NSL_EINPUT, "%s %s: it must be a time from 0", option, v);
  *ret_ms = q.value;
  return 0;
}

static int take_duration(struct reading *r, const char *v) {
  r->c->has_duration = true;
  return time_read("--duration", v, &r->c->duration);
}

/* Wall time, or with `model=` model time. */
static int take_checkpoint(struct reading *r, const char *v) {
  bool model = strncmp(v, "model=", 6) == 0;
  double ms;
  int e = time_read("--checkpoint", model ? v + 6 : v, &ms);
  if (e) return e;
  if (ms == 0) return rt_fail(NSL_EINPUT, "--checkpoint %s: it must be a time above 0", v);
  r->c->checkpoint_s = model ? 0 : ms / 1000;
  r->c->checkpoint_ms = model ? ms : 0;
  return 0;
}

static int take_resume(struct reading *r, const char *v) {
  if (!*v) return rt_fail(NSL_EINPUT, "--resume needs the name of a folder");
  r->c->resume = v;
  return 0;
}

static int take_threads(struct reading *r, const char *v) {
  unsigned long long n;
  int e = whole_read("--threads", v, &n);
  if (e) return e;
  if (n < 1 || n > 4096) return rt_fail(NSL_EINPUT, "--threads %s: from 1 to 4096", v);
  r->c->threads = (uint32_t)n;
  return 0;
}

static int take_precision(struct reading *r, const char *v) {
  const char *built = r->p->f32 ? "f32" : "f64";
  if (strcmp(v, built) == 0) return 0;
  if (strcmp(v, "f32") != 0 && strcmp(v, "f64") != 0)
    return rt_fail(NSL_EINPUT, "--precision %s: f64 or f32 is expected", v);
  return rt_fail(NSL_ECANNOT, "this program was built for %s; build it with --precision %s", built, v);
}

int rt_options_device(const struct nsl_program *p, const char *v, struct rt_config *c) {
  unsigned long long which = RT_GPU_ANY;
  enum rt_device_kind kind = strcmp(v, "emulated") == 0 ? RT_DEVICE_EMULATED : strncmp(v, "gpu", 3) == 0 ? RT_DEVICE_GPU : RT_DEVICE_CPU;
  int e = strncmp(v, "gpu:", 4) == 0 ? whole_read("--device gpu:", v + 4, &which) : 0;
  if (e) return e;
  if (kind == RT_DEVICE_CPU && strcmp(v, "cpu") != 0) return rt_fail(NSL_EINPUT, "--device %s: cpu, gpu or emulated is expected", v);
  if (kind == RT_DEVICE_GPU && v[3] && v[3] != ':') return rt_fail(NSL_EINPUT, "--device %s: gpu, or gpu:1 for the second one, is expected", v);
  if (kind != RT_DEVICE_CPU && !rt_gpu_holds(kind, p->n_devices, p->devices))
    return rt_fail(NSL_ECANNOT, "this program holds no code for --device %s; build it with `nslc build --target gpu %s`", v, p->source);
  c->device = kind;
  c->gpu = which < RT_GPU_ANY || v[3] != ':' ? (uint32_t)which : RT_GPU_ANY - 1; /* there is none of this number: said when they are counted */
  return 0;
}

static int take_device(struct reading *r, const char *v) { return rt_options_device(r->p, v, r->c); }

static int take_connectivity(struct reading *r, const char *v) {
  r->c->connectivity = strcmp(v, "stored") == 0 ? NSL_STORED : NSL_PROCEDURAL;
  if (strcmp(v, "stored") == 0 || strcmp(v, "procedural") == 0) return 0;
  return rt_fail(NSL_EINPUT, "--connectivity %s: stored or procedural is expected", v);
}

static int take_rows(struct reading *r, const char *v) {
  r->c->rows = strcmp(v, "shard") == 0 ? RT_ROWS_BY_SHARD : RT_ROWS_BY_SOURCE;
  if (strcmp(v, "shard") == 0 || strcmp(v, "source") == 0) return 0;
  return rt_fail(NSL_EINPUT, "--rows %s: shard or source is expected", v);
}

static int take_no_report(struct reading *r, const char *v) {
  (void)v;
  r->c->no_report = true;
  return 0;
}

static int take_all_cells(struct reading *r, const char *v) {
  (void)v;
  r->c->all_cells = true;
  return 0;
}

static int take_csv(struct reading *r, const char *v) {
  (void)v;
  r->c->csv = true;
  return 0;
}

static int take_force(struct reading *r, const char *v) {
  (void)v;
  r->c->force = true;
  return 0;
}

static int take_quiet(struct reading *r, const char *v) {
  (void)v;
  r->c->quiet = true;
  return 0;
}

static int take_describe(struct reading *r, const char *v) {
  (void)v;
  r->c->describe = true;
  return 0;
}

static int take_help(struct reading *r, const char *v) {
  (void)v;
  r->c->help = true;
  return 0;
}

static int take_allow_read(struct reading *r, const char *v) {
  if (!*v) return rt_fail(NSL_EINPUT, "--allow-read needs the name of a folder");
  r->c->allowed[r->c->n_allowed++] = v;
  return 0;
}

static int take_verify(struct reading *r, const char *v) {
  (void)v;
  r->c->verify = true;
  return 0;
}

static int take_compare(struct reading *r, const char *v) {
  if (!*v) return rt_fail(NSL_EINPUT, "--compare needs the name of a folder");
  r->c->compare = v;
  return 0;
}

static const struct option {
  const char *text, *argument;
  int (*take)(struct reading *r, const char *v);
} options[] = {
#define OPTION(text, argument, function, doc) {text, argument, function},
#include "runtime/options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static int option_unknown(const char *arg, size_t n) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)n, arg);
  if (*arg != '-') return rt_fail(NSL_EINPUT, "`%s` is not an option; --help lists them", arg);
  unsigned best = 3;
  const char *near = NULL;
  for (int i = 0; i < N_OPTIONS; i++) {
    bool begins = strlen(name) > 3 && strncmp(name, options[i].text, strlen(name)) == 0;
    unsigned d = begins ? 0 : rt_distance(name, options[i].text, best);
    if (d < best) best = d, near = options[i].text;
  }
  if (near) return rt_fail(NSL_EINPUT, "no option %s; did you mean %s?", name, near);
  return rt_fail(NSL_EINPUT, "no option %s; --help lists them", name);
}

int rt_options_read(const struct nsl_program *p, int argc, char **argv, struct rt_mem *mem,
                    struct rt_config *config) {
  struct reading r = {.p = p, .c = config};
  config->sets = rt_alloc(mem, (uint64_t)argc + 1, sizeof *config->sets);
  config->allowed = rt_alloc(mem, (uint64_t)argc + 1, sizeof *config->allowed);
  if (!config->sets || !config->allowed) return NSL_EMEMORY;
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i], *equals = strchr(arg, '=');
    size_t n = equals && strncmp(arg, "--", 2) == 0 ? (size_t)(equals - arg) : strlen(arg);
    const struct option *o = NULL;
    for (int k = 0; k < N_OPTIONS; k++)
      if (strlen(options[k].text) == n && memcmp(arg, options[k].text, n) == 0) o = &options[k];
    if (!o) return option_unknown(arg, n);
    bool inside = arg[n] == '=';
    if (!*o->argument && inside) return rt_fail(NSL_EINPUT, "%s takes no value", o->text);
    if (*o->argument && !inside && i + 1 == argc)
      return rt_fail(NSL_EINPUT, "%s needs a value: %s", o->text, o->argument);
    const char *value = !*o->argument ? "" : inside ? arg + n + 1 : argv[++i];
    char *own = rt_text(mem, value);
    int e = own ? o->take(&r, own) : NSL_EMEMORY;
    if (e) return e;
  }
  return 0;
}
