/* Programs written by hand for the runtime's tests: tables as the compiler would write them, with kernels in
 * C.
 *
 * Classes: "lif" (leak, threshold, reset, hold; port `in` adds its weight to V; input I), "clock" (element e
 * spikes at every step that is a multiple of its period; also counts what arrives), used as source with known
 * spikes and as target that remembers. */
#ifndef NSL_TESTS_RUNTIME_MODEL_H
#define NSL_TESTS_RUNTIME_MODEL_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/abi.h"
#include "runtime/error.h"
#include "runtime/setup.h"
#include "runtime/sim.h"

/* ---- TAP */
static int tests_done, tests_bad;
static inline void ok(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#include <stdarg.h>
static inline void ok(bool good, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  printf("%s %d - ", good ? "ok" : "not ok", ++tests_done);
  vprintf(fmt, args);
  putchar('\n');
  fflush(stdout);
  va_end(args);
  tests_bad += !good;
}
static inline int done(void) {
  printf("1..%d\n", tests_done);
  return tests_bad ? 1 : 0;
}

/* ---- kernels */
enum {
  LIF_TAU,
  LIF_TH,
  LIF_RESET,
  LIF_REF,
  LIF_SCALE,
  LIF_STEPS,
  LIF_DECAY,
  LIF_LO,
  LIF_HI,
  LIF_DRIFT,
  LIF_EVERY,
  LIF_U
};
enum { LIF_V, LIF_I, LIF_IN, LIF_HELD, LIF_SPIKE, LIF_SLOTS };

static uint64_t lif_derive(const struct nsl_env *e) {
  e->u[LIF_STEPS] = ceil(e->u[LIF_REF] / e->dt - 1e-6);
  e->u[LIF_DECAY] = exp(-e->dt / e->u[LIF_TAU]);
  return 0;
}
static uint64_t lif_init(const struct nsl_env *e) {
  double *v = e->slots[0];
  for (int64_t i = e->first; i < e->first + e->count; i++)
    v[i] = nslm_draw_uniform_f64(e->key, (uint64_t)i, 0, 0, e->u[LIF_LO], e->u[LIF_HI]);
  return 0;
}
static uint64_t lif_step(const struct nsl_env *e) {
  double *v = e->slots[LIF_V], *input = e->slots[LIF_I];
  int64_t *acc = e->slots[LIF_IN];
  uint64_t *held = e->slots[LIF_HELD], *spike = e->slots[LIF_SPIKE], bad = 0;
  for (int64_t b = e->first; b < e->first + e->count; b += 64) {
    uint64_t mask = 0;
    for (int64_t k = 0; k < 64; k++) {
      int64_t i = b + k;
      bool hold = held[b / 64] >> k & 1;
      double next = v[i] * e->u[LIF_DECAY] + input[i] * e->dt + e->u[LIF_DRIFT] * e->dt +
                    (double)acc[i] * e->u[LIF_SCALE];
      acc[i] = 0;
      if (!hold) v[i] = next;
      if (!hold && v[i] >= e->u[LIF_TH]) {
        mask |= (uint64_t)1 << k;
        v[i] = e->u[LIF_RESET];
      }
      if (e->u[LIF_EVERY] > 0 && e->step % (uint64_t)e->u[LIF_EVERY] == (uint64_t)i % 3)
        mask |= (uint64_t)1 << k; /* held or not */
      bad |= !isfinite(v[i]);
    }
    spike[b / 64] = mask;
  }
  return bad;
}
static uint64_t lif_record(const struct nsl_env *e) {
  const double *v = e->slots[0];
  double *out = e->slots[1];
  for (int64_t i = 0; i < e->count; i++) out[i] = v[e->first + i];
  return 0;
}

/* clock: state got (what arrived so far), last (step of the last arrival), period in u[0] + element * u[1].
 */
enum { CLOCK_PERIOD, CLOCK_MORE, CLOCK_SCALE_A, CLOCK_SCALE_B, CLOCK_U };
enum { CLOCK_GOT, CLOCK_LAST, CLOCK_A, CLOCK_B, CLOCK_SPIKE };
static uint64_t clock_step(const struct nsl_env *e) {
  double *got = e->slots[CLOCK_GOT], *last = e->slots[CLOCK_LAST];
  int64_t *a = e->slots[CLOCK_A], *b = e->slots[CLOCK_B];
  uint64_t *spike = e->slots[CLOCK_SPIKE];
  for (int64_t i = e->first; i < e->first + e->count; i++) {
    double x = (double)a[i] * e->u[CLOCK_SCALE_A] + (double)b[i] * e->u[CLOCK_SCALE_B];
    a[i] = b[i] = 0;
    got[i] += x;
    if (x != 0) last[i] = (double)e->step;
    uint64_t period = (uint64_t)(e->u[CLOCK_PERIOD] + (double)i * e->u[CLOCK_MORE]),
             bit = (uint64_t)1 << (i % 64);
    spike[i / 64] = (i % 64 ? spike[i / 64] & ~bit : 0) | (period && e->step % period == 0 ? bit : 0);
  }
  return 0;
}

/* weight and delay of a synapse: u[0] mean, u[1] sd, u[2], u[3] bounds (within) */
static uint64_t synapse_normal(const struct nsl_env *e) {
  double *out = e->slots[0];
  for (int64_t i = 0; i < e->count; i++)
    out[i] = nslm_draw_normal_within_f64(e->key, (uint64_t)(e->first + i), e->step, 0, e->u[0], e->u[1],
                                         e->u[2], e->u[3]);
  return 0;
}
static uint64_t synapse_normal_delay(const struct nsl_env *e) {
  double *out = e->slots[0];
  for (int64_t i = 0; i < e->count; i++)
    out[i] = nslm_draw_normal_within_f64(e->key, (uint64_t)(e->first + i), e->step, 1, e->u[4], e->u[5],
                                         e->u[6], e->u[7]);
  return 0;
}

/* the same in float32 */
static inline uint64_t synapse_single(const struct nsl_env *e) {
  double *out = e->slots[0];
  for (int64_t i = 0; i < e->count; i++)
    out[i] = (double)nslm_draw_normal_within_f32(e->key, (uint64_t)(e->first + i), e->step, 0, (float)e->u[0],
                                                 (float)e->u[1], (float)e->u[2], (float)e->u[3]);
  return 0;
}
static inline uint64_t synapse_single_delay(const struct nsl_env *e) {
  double *out = e->slots[0];
  for (int64_t i = 0; i < e->count; i++)
    out[i] = (double)nslm_draw_normal_within_f32(e->key, (uint64_t)(e->first + i), e->step, 1, (float)e->u[4],
                                                 (float)e->u[5], (float)e->u[6], (float)e->u[7]);
  return 0;
}

/* a current: u[0] on (u[1], u[2]]; t is the middle of the step */
static uint64_t drive_box(const struct nsl_env *e) {
  double *out = e->slots[0], end = e->t + e->dt / 2, near = 1e-6 * e->dt;
  for (int64_t i = 0; i < e->count; i++) out[i] = end > e->u[1] + near && end <= e->u[2] + near ? e->u[0] : 0;
  return 0;
}

static const double *setup_values; /* what the setup kernel writes */
static uint32_t setup_n;
static uint64_t setup_kernel_c(const struct nsl_env *e) {
  for (uint32_t i = 0; i < setup_n; i++)
    if (!e->set[i]) e->u[i] = setup_values[i];
  return 0;
}

enum {
  K_SETUP,
  K_LIF_DERIVE,
  K_LIF_INIT,
  K_LIF_STEP,
  K_LIF_RECORD,
  K_CLOCK_STEP,
  K_WEIGHT,
  K_DELAY,
  K_BOX,
  K_WEIGHT_F32,
  K_DELAY_F32,
  K_COUNT
};
static nsl_kernel_fn *const kernels_c[K_COUNT] = {setup_kernel_c, lif_derive,          lif_init,
                                                  lif_step,       lif_record,          clock_step,
                                                  synapse_normal, synapse_normal_delay, drive_box,
                                                  synapse_single, synapse_single_delay};
enum {
#define HOT(name, arguments, doc) HOT_##name,
#include "runtime/hot.def"
#undef HOT
  N_HOT
};
static void *hot_c[N_HOT];
static struct nsl_level level_c = {.cpu = "x86-64", .x86_level = 1, .kernels = kernels_c, .hot = hot_c};

/* ---- a model being made */
enum { MOST = 64, MOST_G = 4096 };
struct model {
  double g[MOST_G];
  uint32_t n_g;
  struct nsl_class classes[2];
  struct nsl_population pops[MOST];
  struct nsl_projection projs[MOST];
  struct nsl_drive drives[MOST];
  struct nsl_record records[MOST];
  struct nsl_record_item items[MOST];
  struct nsl_measure measures[MOST];
  struct nsl_expect expects[MOST];
  struct nsl_slice slices[MOST];
  struct nsl_param params[MOST];
  struct nsl_phase phase;
  struct nsl_experiment x;
  struct nsl_program p;
  uint32_t n_items, n_slices;
};

static const struct nsl_state lif_states[] = {
    {.name = "V", .unit = "mV", .unit_scale = 1, .place = "lif.nsl:7:3", .method = "exact"}};
static const struct nsl_port lif_ports[] = {
    {.name = "in", .unit = "mV", .unit_scale = 1, .has_weight = 1, .scale_u = LIF_SCALE}};
static const struct nsl_hold lif_holds[] = {{LIF_STEPS}};
static const char *const lif_inputs[] = {"I"};
static const struct nsl_binding lif_step_b[] = {
    {NSL_SLOT_STATE, 0}, {NSL_SLOT_INPUT, 0}, {NSL_SLOT_PORT, 0}, {NSL_SLOT_HELD, 0}, {NSL_SLOT_SPIKE, 0}};
static const struct nsl_binding lif_init_b[] = {{NSL_SLOT_STATE, 0}};
static const struct nsl_binding lif_record_b[] = {{NSL_SLOT_STATE, 0}, {NSL_SLOT_OUT, 0}};
static const struct nsl_state clock_states[] = {
    {.name = "got", .unit = "mV", .unit_scale = 1, .place = "clock.nsl:1:1", .method = "none"},
    {.name = "last", .unit = "1", .unit_scale = 1, .place = "clock.nsl:2:1", .method = "none"}};
static const struct nsl_port clock_ports[] = {
    {.name = "a", .unit = "mV", .unit_scale = 1, .has_weight = 1, .scale_u = CLOCK_SCALE_A},
    {.name = "b", .unit = "mV", .unit_scale = 1, .has_weight = 1, .scale_u = CLOCK_SCALE_B}};
static const struct nsl_binding clock_step_b[] = {
    {NSL_SLOT_STATE, 0}, {NSL_SLOT_STATE, 1}, {NSL_SLOT_PORT, 0}, {NSL_SLOT_PORT, 1}, {NSL_SLOT_SPIKE, 0}};
static const struct nsl_binding out_b[] = {{NSL_SLOT_OUT, 0}};
#define NO_CODE \
  { .kernel = NSL_NONE }

static inline uint32_t number(struct model *m, double v) {
  m->g[m->n_g] = v;
  return m->n_g++;
}

static inline struct model *model_new(double dt, double duration, double seed) {
  struct model *m = calloc(1, sizeof *m);
  uint32_t k = 0;
#define HOT(name, arguments, doc) hot_c[k++] = (void *)(uintptr_t)rt_hot_##name;
#include "runtime/hot.def"
#undef HOT
  m->classes[0] = (struct nsl_class){.name = "lif",
                                     .n_states = 1,
                                     .states = lif_states,
                                     .n_inputs = 1,
                                     .inputs = lif_inputs,
                                     .n_ports = 1,
                                     .ports = lif_ports,
                                     .n_holds = 1,
                                     .holds = lif_holds,
                                     .n_uniforms = LIF_U,
                                     .has_spike = 1,
                                     .init = {K_LIF_INIT, 1, lif_init_b},
                                     .derive = {K_LIF_DERIVE, 0, NULL},
                                     .step = {K_LIF_STEP, 5, lif_step_b}};
  m->classes[1] = (struct nsl_class){.name = "clock",
                                     .n_states = 2,
                                     .states = clock_states,
                                     .n_ports = 2,
                                     .ports = clock_ports,
                                     .n_uniforms = CLOCK_U,
                                     .has_spike = 1,
                                     .init = NO_CODE,
                                     .derive = NO_CODE,
                                     .step = {K_CLOCK_STEP, 5, clock_step_b}};
  m->x = (struct nsl_experiment){
      .name = "test", .subject = "test", .dt = number(m, dt), .seed = number(m, seed), .seed_last = NSL_NONE};
  m->phase = (struct nsl_phase){.name = "", .duration = number(m, duration)};
  m->x.n_phases = 1;
  m->x.phases = &m->phase;
  m->x.setup = (struct nsl_code){.kernel = K_SETUP};
  m->p = (struct nsl_program){.abi = NSL_ABI,
                              .name = "test",
                              .source = "test.nsl",
                              .model_hash = "m",
                              .source_hash = "s",
                              .compiler = "none",
                              .built_for = "cpu",
                              .n_classes = 2,
                              .classes = m->classes,
                              .n_experiments = 1,
                              .experiments = &m->x,
                              .n_kernels = K_COUNT,
                              .n_levels = 1,
                              .levels = &level_c};
  return m;
}

static inline uint32_t pop_add(struct model *m, const char *path, uint32_t class_index, double size,
                               const double *u, uint32_t n_u) {
  uint32_t i = m->x.n_populations++, slot = number(m, size), block = m->n_g;
  for (uint32_t k = 0; k < n_u; k++) number(m, u[k]);
  m->pops[i] = (struct nsl_population){.path = path,
                                       .base = path,
                                       .class_index = class_index,
                                       .size = slot,
                                       .block = block,
                                       .path_hash = nslm_hash(path, strlen(path), 0),
                                       .place = "net.nsl:3:1"};
  return i;
}
static inline uint32_t lif_add(struct model *m, const char *path, double size, double drift) {
  double u[LIF_U] = {[LIF_TAU] = 10, [LIF_TH] = 15, [LIF_RESET] = 0,    [LIF_REF] = 2,
                     [LIF_LO] = 0,   [LIF_HI] = 14, [LIF_DRIFT] = drift};
  return pop_add(m, path, 0, size, u, LIF_U);
}
static inline uint32_t clock_add(struct model *m, const char *path, double size, double period, double more) {
  double u[CLOCK_U] = {period, more};
  return pop_add(m, path, 1, size, u, CLOCK_U);
}
static inline struct nsl_slice all(uint32_t pop) { return (struct nsl_slice){pop, NSL_NONE, NSL_NONE}; }
static inline struct nsl_projection *connect(struct model *m, uint32_t from, uint32_t to, uint32_t rule,
                                             double arg, double weight, double delay) {
  struct nsl_projection *p = &m->projs[m->x.n_projections];
  char *path = malloc(40);
  snprintf(path, 40, "c%u", m->x.n_projections++);
  *p = (struct nsl_projection){.path = path,
                               .place = "net.nsl:9:3",
                               .path_hash = nslm_hash(path, strlen(path), 0),
                               .source = all(from),
                               .target = all(to),
                               .rule = rule,
                               .rule_arg = number(m, arg),
                               .cond = NSL_NONE,
                               .weight = number(m, weight),
                               .delay = number(m, delay),
                               .weight_lo = NSL_NONE,
                               .weight_hi = NSL_NONE,
                               .block = NSL_NONE,
                               .weight_code = NO_CODE,
                               .delay_code = NO_CODE,
                               .weight_f32 = NO_CODE,
                               .chance = NO_CODE,
                               .bound = NO_CODE,
                               .likely = NO_CODE,
                               .source_first = NSL_NONE,
                               .target_first = NSL_NONE,
                               .source_ids = NSL_NONE,
                               .target_ids = NSL_NONE,
                               .delay_f32 = NO_CODE};
  return p;
}
/* Weights normal(mean, sd) within [lo, hi], delays likewise. */
static inline void draw_both(struct model *m, struct nsl_projection *p, const double u[8], bool weight,
                             bool delay) {
  p->block = m->n_g;
  for (int i = 0; i < 8; i++) number(m, u[i]);
  if (weight) p->weight = NSL_NONE, p->weight_code = (struct nsl_code){K_WEIGHT, 1, out_b};
  if (delay) p->delay = NSL_NONE, p->delay_code = (struct nsl_code){K_DELAY, 1, out_b};
}
static inline struct nsl_drive *drive(struct model *m, uint32_t kind, uint32_t to, double a0, double a1,
                                      double a2, double weight, double delay) {
  struct nsl_drive *d = &m->drives[m->x.n_drives];
  char *path = malloc(40);
  snprintf(path, 40, "d%u", m->x.n_drives++);
  *d = (struct nsl_drive){.path = path,
                          .place = "net.nsl:12:3",
                          .path_hash = nslm_hash(path, strlen(path), 0),
                          .kind = kind,
                          .target = all(to),
                          .input = 0,
                          .value = number(m, a0),
                          .code = NO_CODE,
                          .block = NSL_NONE,
                          .weight_code = NO_CODE,
                          .delay_code = NO_CODE,
                          .from = NSL_NONE,
                          .to = NSL_NONE,
                          .weight = number(m, weight),
                          .delay = number(m, delay),
                          .cond = NSL_NONE};
  return d;
}
/* A current on (from, to] by a kernel. */
static inline struct nsl_drive *drive_on(struct model *m, uint32_t to, double value, double from, double until) {
  struct nsl_drive *d = drive(m, NSL_CURRENT, to, 0, 0, 0, 0, 0);
  d->value = NSL_NONE;
  d->block = m->n_g;
  number(m, value);
  number(m, from);
  number(m, until);
  d->code = (struct nsl_code){K_BOX, 1, out_b};
  return d;
}
static inline void record_spikes(struct model *m, uint32_t pop) {
  struct nsl_record_item *item = &m->items[m->n_items++];
  *item = (struct nsl_record_item){all(pop), NO_CODE};
  m->records[m->x.n_records++] = (struct nsl_record){.name = "spikes",
                                                     .place = "e:1",
                                                     .kind = NSL_RECORD_SPIKES,
                                                     .every = NSL_NONE,
                                                     .n_items = 1,
                                                     .items = item};
}
static inline void record_V(struct model *m, const char *name, uint32_t kind, uint32_t pop, double from,
                            double to, double every) {
  struct nsl_record_item *item = &m->items[m->n_items++];
  *item = (struct nsl_record_item){{pop, number(m, from), number(m, to)}, {K_LIF_RECORD, 2, lif_record_b}};
  m->records[m->x.n_records++] = (struct nsl_record){.name = name,
                                                     .place = "e:2",
                                                     .kind = kind,
                                                     .unit = "mV",
                                                     .unit_scale = 1,
                                                     .every = every > 0 ? number(m, every) : NSL_NONE,
                                                     .n_items = 1,
                                                     .items = item};
}
static inline void expect(struct model *m, uint32_t kind, uint32_t pop, double lo, double hi,
                          const char *text, double scale) {
  struct nsl_record_item *item = &m->items[m->n_items++];
  uint32_t slot = number(m, 7);
  *item = (struct nsl_record_item){all(pop), NO_CODE};
  m->measures[m->x.n_measures++] = (struct nsl_measure){.text = text,
                                                        .place = "e:3",
                                                        .kind = kind,
                                                        .n_items = 1,
                                                        .items = item,
                                                        .slot = slot,
                                                        .argument = NSL_NONE,
                                                        .after = NSL_NONE,
                                                        .until = NSL_NONE};
  m->expects[m->x.n_expects++] = (struct nsl_expect){.text = text,
                                                     .place = "e:3",
                                                     .value = slot,
                                                     .lo = number(m, lo),
                                                     .hi = number(m, hi),
                                                     .unit = scale == 1 ? "1" : "Hz",
                                                     .unit_scale = scale};
}
static inline struct nsl_param *param_add(struct model *m, const char *path, uint32_t slot, const char *unit,
                                          double scale, const char *dim, double lo, double hi) {
  struct nsl_param *p = &m->params[m->x.n_params++];
  *p = (struct nsl_param){.path = path,
                          .doc = "a parameter",
                          .unit = unit,
                          .unit_scale = scale,
                          .place = "net.nsl:2:3",
                          .slot = slot,
                          .lo = isinf(lo) ? NSL_NONE : number(m, lo),
                          .hi = isinf(hi) ? NSL_NONE : number(m, hi),
                          .dim = dim};
  return p;
}
static inline const struct nsl_program *model_end(struct model *m) {
  m->x.n_globals = m->n_g;
  m->x.populations = m->pops;
  m->x.projections = m->projs;
  m->x.drives = m->drives;
  m->x.records = m->records;
  m->x.measures = m->measures;
  m->x.judge = (struct nsl_code)NO_CODE;
  m->x.expects = m->expects;
  m->x.params = m->params;
  setup_values = m->g;
  setup_n = m->n_g;
  return &m->p;
}

/* ---- a built simulation */
static inline int sim_build(struct rt_sim *s, struct model *m, uint32_t threads) {
  *s = (struct rt_sim){.program = model_end(m)};
  struct rt_config config = {0};
  int e = rt_open(s, &config);
  if (!e) e = rt_build(s, threads);
  return e;
}

struct synapse {
  uint32_t source_pop, source, target_pop, target, port, delay;
  double weight;
};
static inline int synapse_order(const void *a, const void *b) { return memcmp(a, b, sizeof(struct synapse)); }
/* All synapses as they are stored; free() them. */
static inline struct synapse *synapses(const struct rt_sim *s, size_t *ret_n) {
  struct synapse *all_of = calloc(s->n_synapses + 1, sizeof *all_of);
  size_t n = 0;
  for (uint32_t h = 0; h < s->n_shards; h++)
    for (uint32_t i = 0; i < s->n_pops; i++)
      for (uint32_t g = 0; g < s->pops[i].n_groups; g++)
        for (uint32_t e = 0; e < s->pops[i].size; e++) {
          const struct rt_shard *shard = &s->shards[h];
          const struct rt_group *group = &s->pops[i].groups[g];
          struct rt_row row = shard->rows[s->pops[i].row0 + (uint64_t)e * s->pops[i].n_groups + g];
          uint64_t at = row.at;
          uint32_t delay = row.delay;
          for (uint32_t k = row.n; k;) {
            const uint64_t *bucket = shard->store + at;
            for (uint32_t j = 0; j < k && n < s->n_synapses; j++) {
              struct rt_synapse x = rt_synapse_at(group->form, bucket, j);
              const struct rt_slice *c = shard->slices;
              while (x.element >= c->base + c->count) c++;
              int64_t w = (rt_forms[group->form].weight_bits ? x.grains : 1) * group->units;
              all_of[n++] = (struct synapse){i,
                                             e,
                                             c->pop->index,
                                             c->first + x.element - c->base,
                                             group->nth,
                                             delay,
                                             (double)w * s->ports[c->pop->port0 + group->nth].unit};
            }
            at += rt_bucket_units(group->form, k);
            delay += (uint32_t)(bucket[0] >> 32);
            k = (uint32_t)bucket[0];
          }
        }
  qsort(all_of, n, sizeof *all_of, synapse_order);
  *ret_n = n;
  return all_of;
}

#endif
