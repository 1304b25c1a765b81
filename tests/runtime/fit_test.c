/* Fits without the compiler: an exponential decay whose kernels are C functions, fitted to files that this test writes.
 * V = a exp(-t / tau) with free tau and a, a being one for each sweep, and `lost`, of which nothing depends. */
#include <json-c/json.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/fit.h"
#include "tests/runtime/model.h"

static char folder[64] = "/tmp/nsl-fitrun-XXXXXX";

/* ---- kernels: states V, sum; then dV and gradient by 3 parameters, and 6 products */
enum { TAU, AMPLITUDE, LOST, N_FREE };
enum { S_V, S_SUM, S_DV, S_GRADIENT = S_DV + N_FREE, S_PRODUCTS = S_GRADIENT + N_FREE, S_ALL = S_PRODUCTS + 6 };
static bool slow;
static double blow_up_above = INFINITY;

static double *slot(const struct nsl_env *e, uint32_t i) { return e->slots[i]; }

static uint64_t begin(const struct nsl_env *e) {
  for (int64_t i = e->first; i < e->first + e->count; i++) slot(e, 0)[i] = slot(e, 1)[i];
  return 0;
}
static uint64_t begin_gradient(const struct nsl_env *e) {
  begin(e);
  for (int64_t i = e->first; i < e->first + e->count; i++) slot(e, 2)[i] = 1;
  return 0;
}

/* Slots: samples at, weight; params tau, a; states from 4. */
static uint64_t march_to(const struct nsl_env *e, int order) {
  for (uint64_t k = 0; k < e->steps; k++)
    for (int64_t i = e->first; i < e->first + e->count; i++) {
      double at = slot(e, 0)[k], w = slot(e, 1)[k], tau = slot(e, 2)[i], *s[S_ALL], old = slot(e, 4)[i];
      int n = order == 0 ? 2 : order == 1 ? S_PRODUCTS : S_ALL;
      for (int q = 0; q < n; q++) s[q] = &slot(e, 4 + (uint32_t)q)[i];
      double decay = exp(-e->dt / tau), r = old * decay - at, d[N_FREE] = {0};
      if (tau > blow_up_above) r = INFINITY;
      *s[S_V] = old * decay;
      *s[S_SUM] += w * r * r;
      if (order == 0) continue;
      d[TAU] = *s[S_DV] = *s[S_DV] * decay + old * decay * e->dt / (tau * tau);
      d[AMPLITUDE] = *s[S_DV + 1] = *s[S_DV + 1] * decay;
      for (int a = 0, q = 0; a < N_FREE; a++) {
        *s[S_GRADIENT + a] += w * 2 * r * d[a];
        for (int b = a; order == 2 && b < N_FREE; b++) *s[S_PRODUCTS + q++] += w * d[a] * d[b];
      }
    }
  if (slow) usleep(2000);
  return 0;
}
static uint64_t march(const struct nsl_env *e) { return march_to(e, 0); }
static uint64_t march_gradient(const struct nsl_env *e) { return march_to(e, 1); }
static uint64_t march_curvature(const struct nsl_env *e) { return march_to(e, 2); }

/* Along a direction: states V, sum and their derivatives; the direction stands behind the parameters. */
static uint64_t begin_along(const struct nsl_env *e) {
  begin(e);
  for (int64_t i = e->first; i < e->first + e->count; i++) slot(e, 2)[i] = slot(e, 3)[i];
  return 0;
}
static uint64_t march_along(const struct nsl_env *e) {
  for (uint64_t k = 0; k < e->steps; k++)
    for (int64_t i = e->first; i < e->first + e->count; i++) {
      double tau = slot(e, 2)[i], decay = exp(-e->dt / tau), old = slot(e, 4)[i], r = old * decay - slot(e, 0)[k], w = slot(e, 1)[k];
      slot(e, 6)[i] = slot(e, 6)[i] * decay + old * decay * e->dt / (tau * tau) * slot(e, 8)[i];
      slot(e, 4)[i] = old * decay;
      slot(e, 5)[i] += w * r * r;
      slot(e, 7)[i] += w * 2 * r * slot(e, 6)[i];
    }
  return 0;
}

/* Back: tape of what was left over and the state before; adjoints of V, sum, then of the parameters. */
static uint64_t march_record(const struct nsl_env *e) {
  for (uint64_t k = 0; k < e->steps; k++)
    for (int64_t i = e->first; i < e->first + e->count; i++) {
      uint64_t at = k * e->tape_row + (uint64_t)i;
      double old = slot(e, 4)[i], next = old * exp(-e->dt / slot(e, 2)[i]), r = next - slot(e, 0)[k];
      slot(e, 6)[at] = r;
      slot(e, 7)[at] = old;
      slot(e, 4)[i] = next;
      slot(e, 5)[i] += slot(e, 1)[k] * r * r;
    }
  return 0;
}
static uint64_t march_back(const struct nsl_env *e) {
  for (uint64_t k = e->steps; k-- > 0;)
    for (int64_t i = e->first; i < e->first + e->count; i++) {
      uint64_t at = k * e->tape_row + (uint64_t)i;
      double tau = slot(e, 2)[i], decay = exp(-e->dt / tau), by = slot(e, 4)[i] + slot(e, 5)[i] * 2 * slot(e, 1)[k] * slot(e, 6)[at];
      slot(e, 8)[i] += by * slot(e, 7)[at] * decay * e->dt / (tau * tau);
      slot(e, 4)[i] = by * decay;
    }
  return 0;
}
static uint64_t march_end(const struct nsl_env *e) {
  for (int64_t i = e->first; i < e->first + e->count; i++) slot(e, 1)[i] += slot(e, 0)[i];
  return 0;
}

enum { G_DT, G_SIZE, G_TAU, G_TAU_LO, G_TAU_HI, G_A, G_LOST, G_LO, G_HI, G_FROM, G_MEAN, G_LOSS, G_SLOPE, G_ALL };
static double values[G_ALL] = {0.1, 1, 20, 1, 200, 5, 0.5, 0, 1, -1};

static uint64_t setup(const struct nsl_env *e) {
  for (uint32_t i = 0; i < G_ALL; i++)
    if (!e->set[i]) e->u[i] = values[i];
  return 0;
}
static uint64_t objective(const struct nsl_env *e) {
  e->u[G_LOSS] = 0.5 * e->u[G_MEAN];
  e->u[G_SLOPE] = 0.5;
  return 0;
}

/* ---- tables */
enum { K_FIT_SETUP, K_BEGIN, K_BEGIN_GRADIENT, K_MARCH, K_MARCH_GRADIENT, K_MARCH_CURVATURE, K_OBJECTIVE, K_BEGIN_ALONG, K_MARCH_ALONG, K_RECORD, K_BACK, K_END };
static nsl_kernel_fn *const kernels[] = {setup, begin, begin_gradient, march, march_gradient, march_curvature, objective, begin_along, march_along, march_record, march_back, march_end};
static struct nsl_level level = {.cpu = "x86-64", .x86_level = 1, .kernels = kernels, .hot = hot_c};

static const struct nsl_binding begin_b[] = {{NSL_SLOT_STATE, S_V}, {NSL_SLOT_PARAM, AMPLITUDE}, {NSL_SLOT_STATE, S_DV + 1}};
static const struct nsl_binding march_b[] = {
    {NSL_SLOT_SAMPLE, 0}, {NSL_SLOT_SAMPLE, 1}, {NSL_SLOT_PARAM, TAU}, {NSL_SLOT_PARAM, AMPLITUDE},
    {NSL_SLOT_STATE, 0},  {NSL_SLOT_STATE, 1},  {NSL_SLOT_STATE, 2},   {NSL_SLOT_STATE, 3},
    {NSL_SLOT_STATE, 4},  {NSL_SLOT_STATE, 5},  {NSL_SLOT_STATE, 6},   {NSL_SLOT_STATE, 7},
    {NSL_SLOT_STATE, 8},  {NSL_SLOT_STATE, 9},  {NSL_SLOT_STATE, 10},  {NSL_SLOT_STATE, 11},
    {NSL_SLOT_STATE, 12}, {NSL_SLOT_STATE, 13}};
static const struct nsl_binding begin_along_b[] = {{NSL_SLOT_STATE, 0}, {NSL_SLOT_PARAM, AMPLITUDE}, {NSL_SLOT_STATE, 2}, {NSL_SLOT_PARAM, N_FREE + AMPLITUDE}};
static const struct nsl_binding along_b[] = {{NSL_SLOT_SAMPLE, 0}, {NSL_SLOT_SAMPLE, 1}, {NSL_SLOT_PARAM, TAU}, {NSL_SLOT_PARAM, AMPLITUDE},
                                             {NSL_SLOT_STATE, 0},  {NSL_SLOT_STATE, 1},  {NSL_SLOT_STATE, 2},   {NSL_SLOT_STATE, 3},
                                             {NSL_SLOT_PARAM, N_FREE + TAU}};
static const struct nsl_binding back_b[] = {{NSL_SLOT_SAMPLE, 0}, {NSL_SLOT_SAMPLE, 1}, {NSL_SLOT_PARAM, TAU}, {NSL_SLOT_PARAM, AMPLITUDE},
                                            {NSL_SLOT_STATE, 0},  {NSL_SLOT_STATE, 1},  {NSL_SLOT_TAPE, 0},    {NSL_SLOT_TAPE, 1},
                                            {NSL_SLOT_STATE, 2 + TAU}};
static const struct nsl_binding end_b[] = {{NSL_SLOT_STATE, 0}, {NSL_SLOT_STATE, 2 + AMPLITUDE}};
static const struct nsl_state states[] = {{.name = "V", .unit = "mV", .unit_scale = 1, .place = "f.nsl:1:1", .method = "exact"}};
static const struct nsl_class classes[] = {
    {.name = "cell", .n_states = 1, .states = states, .init = NO_CODE, .derive = NO_CODE, .step = NO_CODE, .finish = NO_CODE, .lumped = NO_CODE}};
static const struct nsl_population pops[] = {{.path = "cell", .base = "cell", .size = G_SIZE, .block = G_TAU, .place = "f.nsl:2:1"}};
static const struct nsl_param params[] = {
    {.path = "cell.tau", .unit = "ms", .unit_scale = 1, .place = "f.nsl:3:1", .slot = G_TAU, .lo = NSL_NONE, .hi = NSL_NONE, .dim = "12 0 0 0 0 0"}};
static const struct nsl_sweep_column columns[] = {
    {.name = "t", .unit = "s", .unit_scale = 1000, .dim = "12 0 0 0 0 0", .time = 1, .place = "f.nsl:4:1"},
    {.name = "V", .unit = "mV", .unit_scale = 1, .dim = "0 12 0 0 0 0", .place = "f.nsl:4:5"}};
static const struct nsl_sweep sweeps[] = {{.path = "one.csv", .place = "f.nsl:5:1"},
                                          {.path = "two.csv", .place = "f.nsl:5:9"},
                                          {.path = "new.csv", .place = "f.nsl:5:19", .validation = 1}};
static const struct nsl_free free_of[N_FREE] = {
    {.path = "tau", .unit = "ms", .unit_scale = 1, .place = "f.nsl:6:1", .value = G_TAU, .lo = G_TAU_LO, .hi = G_TAU_HI, .mean = NSL_NONE, .sd = NSL_NONE},
    {.path = "V(0)", .unit = "mV", .unit_scale = 1, .place = "f.nsl:6:9", .per_sweep = 1, .value = G_A, .lo = NSL_NONE, .hi = NSL_NONE, .mean = NSL_NONE, .sd = NSL_NONE},
    {.path = "lost", .unit = "1", .unit_scale = 1, .place = "f.nsl:6:19", .value = G_LOST, .lo = G_LO, .hi = G_HI, .mean = NSL_NONE, .sd = NSL_NONE}};
static const struct nsl_sample samples[] = {{NSL_SAMPLE_AT, 1, NSL_NONE}, {NSL_SAMPLE_WEIGHT, NSL_NONE, 0}};
static const struct nsl_term terms[] = {{.text = "mean((V - rec.V)^2)", .place = "f.nsl:7:1", .measure = G_MEAN, .over = NSL_NONE,
                                         .from = G_FROM, .to = NSL_NONE, .square = 1, .sum = S_SUM, .gradient = S_GRADIENT, .curvature = S_PRODUCTS}};
static struct nsl_march marches[] = {
    {.n_samples = 2, .samples = samples, .n_terms = 1, .terms = terms,
     .plain = {{K_BEGIN, 2, begin_b}, {K_MARCH, 6, march_b}, 2, 0},
     .gradient = {{K_BEGIN_GRADIENT, 3, begin_b}, {K_MARCH_GRADIENT, 12, march_b}, S_PRODUCTS, 0},
     .direction = {NO_CODE, NO_CODE, 0, 0},
     .curvature = {{K_BEGIN_GRADIENT, 3, begin_b}, {K_MARCH_CURVATURE, 18, march_b}, S_ALL, 0},
     .reverse = {NO_CODE, NO_CODE, NO_CODE, 0, 0},
     .tangent = {NO_CODE, NO_CODE, 0, 0},
     .hessian = {NO_CODE, NO_CODE, NO_CODE, 0, 0}}};
static const uint32_t zero[] = {0}, slopes[] = {G_SLOPE};
static const struct nsl_option lm[] = {{"steps", 30}, {"tolerance", 1e-10}};
static const struct nsl_option lbfgs[] = {{"steps", 200}, {"tolerance", 1e-12}, {"memory", 8}};
static const struct nsl_option adam[] = {{"steps", 1500}, {"rate", 0.05}, {"decay", 0}};
static struct nsl_stage stages[2];
static struct nsl_fit fits[2];
static struct nsl_program program;

static struct nsl_stage stage_of(const char *name, uint32_t optimizer, const struct nsl_option *options, uint32_t n, uint32_t starts) {
  return (struct nsl_stage){.name = name, .place = "f.nsl:8:1", .n_marches = 1, .marches = zero, .objective = {K_OBJECTIVE, 0, NULL},
                            .loss = G_LOSS, .n_slopes = 1, .slopes = slopes, .optimizer = optimizer, .n_options = n, .options = options,
                            .starts = starts};
}

static void tables(uint32_t n_stages) {
  fits[0] = (struct nsl_fit){
      .x = {.name = "decay", .subject = "cell", .n_globals = G_ALL, .setup = {K_FIT_SETUP, 0, NULL}, .n_params = 1, .params = params,
            .n_populations = 1, .populations = pops, .judge = NO_CODE, .dt = G_DT, .seed = NSL_NONE, .seed_last = NSL_NONE},
      .name = "decay", .place = "f.nsl:2:1",
      .data = {.name = "rec", .form = NSL_SWEEPS_CSV, .n_sweeps = 3, .sweeps = sweeps, .n_columns = 2, .columns = columns, .place = "f.nsl:4:1"},
      .n_free = N_FREE, .free = free_of, .n_marches = 1, .marches = marches, .n_stages = n_stages, .stages = stages};
  fits[1] = fits[0];
  fits[1].name = "other";
  program = (struct nsl_program){.abi = NSL_ABI, .name = "prog", .source = "f.nsl", .folder = folder, .model_hash = "m", .source_hash = "s",
                                 .compiler = "none", .built_for = "cpu", .n_classes = 1, .classes = classes, .n_fits = 1, .fits = fits,
                                 .n_kernels = 7, .n_levels = 1, .levels = &level};
}

/* ---- files */

static void data_write(const char *name, double a, double tau, double noise, int n) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  fprintf(f, "t,V\n");
  for (int i = 0; i < n; i++) {
    double v = a * exp(-0.1 * i / tau) + noise * nslm_draw_normal_f64(1, (uint64_t)i, (uint64_t)(a * 10), 0, 0, 1);
    fprintf(f, "%.17g,%.17g\n", 1e-4 * i, v);
  }
  fclose(f);
}

static char said[1 << 14], complained[1 << 14];
static size_t slurp(const char *name, char *text, size_t size) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "r");
  size_t n = f ? fread(text, 1, size - 1, f) : 0;
  text[n] = 0;
  if (f) fclose(f);
  return n;
}

static int run(const char *arguments, unsigned interrupt_ms) {
  char text[500], *argv[20] = {(char *)"prog"};
  int argc = 1, status;
  snprintf(text, sizeof text, "%s", arguments);
  for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
  pid_t pid = fork();
  if (pid == 0) {
    if (chdir(folder) || !freopen("stdout.txt", "w", stdout) || !freopen("stderr.txt", "w", stderr)) _exit(99);
    exit(nsl_main(&program, argc, argv));
  }
  if (interrupt_ms) {
    usleep(interrupt_ms * 1000);
    kill(pid, SIGINT);
  }
  waitpid(pid, &status, 0);
  slurp("stdout.txt", said, sizeof said);
  slurp("stderr.txt", complained, sizeof complained);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct json_object *json_of(const char *out) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s/fit.json", folder, out);
  return json_object_from_file(path);
}
static struct json_object *key(struct json_object *o, const char *name) {
  struct json_object *v = NULL;
  return o && json_object_object_get_ex(o, name, &v) ? v : NULL;
}
static double num(struct json_object *o, const char *name) {
  struct json_object *v = key(o, name);
  return v ? json_object_get_double(v) : NAN;
}
static struct json_object *item(struct json_object *o, size_t i) { return o ? json_object_array_get_idx(o, i) : NULL; }
static bool exists(const char *name) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return access(path, F_OK) == 0;
}

/* On one line, as TAP wants it. */
static const char *flat(const char *text) {
  static char line[1 << 14];
  snprintf(line, sizeof line, "%s", text);
  for (char *c = line; *c; c++)
    if (*c == '\n') *c = c[1] ? '|' : 0;
  return line;
}

/* ---- tests */

static void text_write(void) {
  static const char text[] =
      "language 1\n# fit decay { neuron not }\nneuron cell { param tau = 20 ms }\nfit decay {\n  neuron cell { tau = 20 ms; other = 3 }  # kept\n"
      "  free tau\n}\nfit other { neuron cell\n}\n";
  char path[200];
  static char hash[20];
  snprintf(path, sizeof path, "%s/f.nsl", folder);
  FILE *f = fopen(path, "w");
  fputs(text, f);
  fclose(f);
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)nslm_hash(text, strlen(text), 0));
  program.source_hash = hash;
}

static void test_lm(void) {
  tables(1);
  text_write();
  stages[0] = stage_of("", NSL_OPTIMIZER_LM, lm, 2, 6);
  int status = run("--out a --threads 2", 0);
  struct json_object *o = json_of("a"), *tau = item(key(o, "free"), 0), *a = item(key(o, "free"), 1);
  ok(status == 0 && o, "a fit runs: %d %s", status, flat(complained));
  double v = num(tau, "value"), sd = num(tau, "uncertainty");
  ok(fabs(v - 7) < 4 * sd && sd > 0.001 && sd < 0.1, "tau = 7 from noisy data: %.4f +- %.4f", v, sd);
  struct json_object *first = item(key(a, "by_sweep"), 0), *second = item(key(a, "by_sweep"), 1);
  ok(fabs(num(first, "value") - 3) < 4 * num(first, "uncertainty") && fabs(num(second, "value") - 9) < 4 * num(second, "uncertainty"),
     "each sweep has its own beginning: %.4f +- %.4f, %.4f", num(first, "value"), num(first, "uncertainty"), num(second, "value"));
  double sigma = sqrt(num(item(key(o, "terms"), 0), "mean"));
  ok(fabs(sigma - 0.1) < 0.01, "what is left over is the noise: %.4f", sigma);
  double again = sqrt(num(item(key(key(o, "validation"), "terms"), 0), "mean"));
  ok(again > 0.05 && isfinite(again), "a validation sweep is looked at: %.4f", again);
  ok(!json_object_get_boolean(key(item(key(o, "free"), 2), "determined")) && strstr(complained, "the data do not determine lost"),
     "a parameter of which nothing depends is told: %s", flat(complained));
  ok(json_object_array_length(key(item(key(o, "stages"), 0), "starts")) == 6 && strstr(said, "undetermined"), "six starts, and a table");
  json_object_put(o);
  static char text[1 << 20];
  slurp("a/prog.fitted.nsl", text, sizeof text);
  bool filled = strstr(text, "other = 3\n") && strstr(text, "    tau = 6.96") && !strstr(text, "tau = 20 ms;") &&
                strstr(text, "# V(0) of sweep 2") && strstr(text, "  # kept") && strstr(text, "fit other { neuron cell\n}");
  ok(filled, "the text with the values filled in: %s", flat(text));
  slurp("a/fit.svg", text, sizeof text);
  ok(strncmp(text, "<svg", 4) == 0 && strstr(text, "validation: not fitted") && strstr(text, "</svg>"), "a figure");
  ok(run("--out a", 0) == 1 && strstr(complained, "already holds a run"), "an older fit is not overwritten");
  ok(run("--out a --force", 0) == 0, "but with --force");
}

/* fit.json without what differs from run to run. */
static char *results(const char *out) {
  static const char *const own[] = {"command", "seconds", "threads"};
  struct json_object *o = json_of(out);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) json_object_object_del(o, own[i]);
  for (size_t i = 0; i < json_object_array_length(key(o, "stages")); i++) json_object_object_del(item(key(o, "stages"), i), "seconds");
  char *text = strdup(json_object_to_json_string(o));
  json_object_put(o);
  return text;
}

static void test_threads(void) {
  tables(2);
  stages[0] = stage_of("rough", NSL_OPTIMIZER_CMAES, (const struct nsl_option[]){{"steps", 15}, {"candidates", 8}, {"sigma", 0.3}}, 3, 11);
  stages[1] = stage_of("fine", NSL_OPTIMIZER_LBFGS, lbfgs, 3, 4);
  int one = run("--out t1 --threads 1 --seed 5", 0), three = run("--out t3 --threads 3 --seed 5", 0);
  char *a = results("t1"), *b = results("t3");
  ok(one == 0 && three == 0 && strcmp(a, b) == 0, "the same bits on 1 and 3 threads");
  run("--out t4 --seed 6", 0);
  char *c = results("t4");
  ok(strcmp(a, c) != 0, "other starts with another seed");
  struct json_object *o = json_of("t1"), *fine = item(key(o, "stages"), 1);
  ok(json_object_array_length(key(fine, "starts")) == 4 && fabs(num(item(key(o, "free"), 0), "value") - 7) < 0.05,
     "the best 4 of 11 starts go on, L-BFGS ends at tau = %.4f", num(item(key(o, "free"), 0), "value"));
  json_object_put(o);
  free(a), free(b), free(c);
}

static void test_ways(void) {
  enum { WIDE = 64 }; /* a tape of so many values, of which two are used, and so many steps: the way back has segments */
  double value[4], far = 0;
  const struct nsl_march_form gradient = marches[0].gradient, along = {{K_BEGIN_ALONG, 4, begin_along_b}, {K_MARCH_ALONG, 9, along_b}, 4, 0};
  tables(1);
  stages[0] = stage_of("", NSL_OPTIMIZER_LBFGS, lbfgs, 3, 3);
  data_write("one.csv", 3, 7, 0.1, 9000);
  for (int i = 0; i < 4; i++) {
    char arguments[20];
    snprintf(arguments, sizeof arguments, "--out way%d", i);
    if (i) marches[0].gradient.march.kernel = NSL_NONE;
    if (i == 1) marches[0].direction = along;
    if (i == 3) marches[0].reverse = (struct nsl_march_back){{K_RECORD, 8, back_b}, {K_BACK, 9, back_b}, {K_END, 2, end_b}, WIDE, 2 + N_FREE};
    int status = run(arguments, 0);
    struct json_object *o = json_of(arguments + 6);
    value[i] = status ? NAN : num(item(key(o, "free"), 0), "value");
    far = fmax(far, fabs(value[i] - value[0]));
    marches[0].direction.march.kernel = NSL_NONE;
    json_object_put(o);
  }
  marches[0].gradient = gradient;
  marches[0].reverse.back.kernel = NSL_NONE;
  data_write("one.csv", 3, 7, 0.1, 400);
  ok(far < 1e-6 && fabs(value[0] - 7) < 0.1, "gradients by forward mode, along directions, from the Gauss-Newton form, by reverse mode: tau = %.9g, %.9g, %.9g, %.9g", value[0],
     value[1], value[2], value[3]);
}

static void test_adam(void) {
  tables(1);
  stages[0] = stage_of("", NSL_OPTIMIZER_ADAM, adam, 3, 2);
  int status = run("--out adam", 0);
  struct json_object *o = json_of("adam");
  ok(status == 0 && fabs(num(item(key(o, "free"), 0), "value") - 7) < 0.1, "Adam: tau = %.4f", num(item(key(o, "free"), 0), "value"));
  size_t rows = json_object_array_length(key(key(item(key(o, "stages"), 0), "history"), "step"));
  ok(rows > 100 && rows <= 512, "a history of %zu rows", rows);
  json_object_put(o);
}

static void test_bad(void) {
  tables(1);
  stages[0] = stage_of("", NSL_OPTIMIZER_LM, lm, 2, 3);
  ok(run("--out b --set cell.tau=500ms", 0) == 1 && strstr(complained, "f.nsl:6:1: error: free tau: its declared value 500 ms"), "%s", flat(complained));
  ok(run("--out b --set cell.tau=5mV", 0) == 1 && strstr(complained, "the unit does not fit"), "%s", flat(complained));
  ok(run("--out b --duration 1s", 0) == 1 && strstr(complained, "--duration and --fit"), "%s", flat(complained));
  ok(run("--out b --fit nothing", 0) == 1 && strstr(complained, "no fit `nothing`; this program holds: decay"), "%s", flat(complained));
  program.n_fits = 2;
  ok(run("--out b", 0) == 1 && strstr(complained, "several fits; choose one with --fit: decay, other"), "%s", flat(complained));
  ok(run("--out b --fit other --quiet", 0) == 0 && !*said, "one of several, quietly");
  ok(run("--describe", 0) == 0 && strstr(said, "fit decay of cell") && strstr(said, "tau = 20 ms  in [1 ms, 200 ms]") && strstr(said, "cell.tau"), "%s",
     flat(said));
  program.n_fits = 1;
  values[G_FROM] = 1e6;
  ok(run("--out c", 0) == 1 && strstr(complained, "no sweep has a number to compare with in its window"), "%s", flat(complained));
  values[G_FROM] = -1;
  blow_up_above = 0;
  ok(run("--out c", 0) == 1 && strstr(complained, "diverges at every start") && strstr(complained, "at 0.1 ms of one.csv") && !exists("c/fit.json"), "%s",
     flat(complained));
  blow_up_above = INFINITY;
}

static void test_interrupt(void) {
  tables(1);
  stages[0] = stage_of("", NSL_OPTIMIZER_ADAM, adam, 3, 2);
  slow = true;
  int status = run("--out stopped", 400);
  slow = false;
  struct json_object *o = json_of("stopped");
  ok(status == 130 && num(o, "exit") == 130 && isfinite(num(o, "objective")), "Ctrl-C: exit status %d, the best so far is written: %.4g", status,
     num(o, "objective"));
  json_object_put(o);
}

/* nsl.h: parameters are tau, a of one.csv, a of two.csv, lost. */
enum { N_API = 4, N_SETS = 11 };

static struct nsl_fitting *api_open(unsigned threads) {
  struct nsl_fitting *fit = NULL;
  ok(nsl_fit_open(&program, NULL, &fit) == 0 && nsl_fit_set_threads(fit, threads) == 0, "a fit of nsl.h on %u threads", threads);
  return fit;
}

/* The objective of the tables, by formula. */
static double api_expected(struct nsl_fitting *fit, const double *v) {
  static const char *const files[] = {"one.csv", "two.csv"};
  double sum = 0;
  int n = 0;
  (void)fit;
  for (int k = 0; k < 2; k++) {
    char text[1 << 15], *at = text;
    slurp(files[k], text, sizeof text);
    for (int row = 0; (at = strchr(at, '\n')) && at[1]; at++, row++) {
      double V = atof(strchr(at, ',') + 1), r = v[1 + k] * exp(-0.1 * row / v[0]) - V;
      if (row > 0) sum += r * r, n++;
    }
  }
  return 0.5 * sum / n;
}

static void test_api_values(struct nsl_fitting *a, struct nsl_fitting *b) {
  double v[N_SETS * N_API], loss[N_SETS], slope[N_SETS * N_API], matrix[N_SETS * N_API * N_API], again[N_SETS * N_API], one[N_API], one_slope[N_API];
  bool good = true;
  for (uint32_t i = 0; i < N_SETS; i++) good &= nsl_fit_start(a, i, v + i * N_API) == 0;
  ok(good && v[0] == 20 && v[1] == 5 && v[3] == 0.5 && v[N_API] != 20, "start 0 is as declared, others are drawn: tau = %g", v[N_API]);
  ok(nsl_fit_squares(a, 0, N_SETS, v, loss, slope, matrix) == 0, "%d sets at once", N_SETS);
  double far = 0;
  for (int i = 0; i < N_SETS; i++) {
    double is = api_expected(a, v + i * N_API);
    far = fmax(far, fabs(loss[i] - is) / is);
    for (int k = 0; k < N_API; k++) {
      double at[N_API], h = 1e-6 * v[i * N_API + k];
      memcpy(at, v + i * N_API, sizeof at);
      at[k] += h;
      double up = api_expected(a, at);
      at[k] -= 2 * h;
      far = fmax(far, 1e-4 * fabs((up - api_expected(a, at)) / (2 * h) - slope[i * N_API + k]) / (1 + fabs(slope[i * N_API + k])));
      for (int j = 0; j < N_API; j++) good &= matrix[(i * N_API + k) * N_API + j] == matrix[(i * N_API + j) * N_API + k];
    }
  }
  ok(far < 1e-9, "values and slopes by the parameters in ms and mV: %.2g off the formula", far);
  ok(good && matrix[0] > 0 && matrix[N_API + 1] > 0 && matrix[1 * N_API + 2] == 0, "a symmetric matrix; two sweeps' own parameters do not meet");
  ok(nsl_fit_gradient(b, 0, N_SETS, v, loss, again) == 0 && memcmp(again, slope, sizeof again) == 0, "the same bits on 3 threads");
  ok(nsl_fit_gradient(a, 0, 1, v + 9 * N_API, one, one_slope) == 0 && one[0] == loss[9] && !memcmp(one_slope, slope + 9 * N_API, sizeof one_slope),
     "and of one set alone");
  ok(nsl_fit_value(a, 0, N_SETS, v, again) == 0 && !memcmp(again, loss, sizeof loss), "and of the values without derivatives");
}

static void test_api(void) {
  tables(2);
  stages[0] = stage_of("rough", NSL_OPTIMIZER_LM, lm, 2, 6);
  stages[1] = stage_of("fine", NSL_OPTIMIZER_LBFGS, lbfgs, 3, 4);
  struct nsl_fitting *a = api_open(1), *b = api_open(3), *c = NULL;
  uint32_t n, n_stages;
  struct nsl_fit_parameter p, q;
  struct nsl_fit_stage st;
  ok(nsl_fit_size(a, &n, &n_stages) == 0 && n == N_API && n_stages == 2 && nsl_fit_parameter(a, 0, &p) == 0 && nsl_fit_parameter(a, 2, &q) == 0 &&
         !strcmp(p.path, "tau") && p.sweep == NSL_SHARED && p.lo == 1 && p.hi == 200 && p.declared == 20 && !strcmp(q.path, "V(0)") && q.sweep == 1 &&
         isinf(q.lo) && nsl_fit_stage(a, 1, &st) == 0 && !strcmp(st.name, "fine") && st.has_gradient && st.has_squares,
     "its parameters and stages");
  test_api_values(a, b);
  double v[N_API] = {20, 5, 5, 0.5}, loss = 7, slope[N_API] = {7}, away[N_API] = {20, 5, 5, 1.5}, none[N_API] = {NAN, 5, 5, 0.5};
  ok(nsl_fit_value(a, 0, 1, away, &loss) == NSL_EINPUT && loss == 7 && strstr(nsl_error(), "lost = 1.5 is not in [0, 1]"), "%s", flat(nsl_error()));
  ok(nsl_fit_value(a, 0, 1, none, &loss) == NSL_EINPUT && strstr(nsl_error(), "tau is not a finite number"), "%s", flat(nsl_error()));
  ok(nsl_fit_value(a, 2, 1, v, &loss) == NSL_EINPUT && nsl_fit_parameter(a, 4, &p) == NSL_EINPUT, "%s", flat(nsl_error()));
  ok(nsl_fit_hessian_vector(a, 0, 1, v, v, slope) == NSL_ECANNOT && slope[0] == 7, "%s", flat(nsl_error()));
  ok(nsl_fit_set_seed(a, 3) == NSL_EINPUT, "%s", flat(nsl_error()));
  blow_up_above = 10;
  ok(nsl_fit_gradient(a, 0, 1, v, &loss, slope) == 0 && isinf(loss) && isnan(slope[0]), "where it diverges: an infinite objective, slopes that are no numbers");
  blow_up_above = INFINITY;
  nsl_fit_close(b);
  ok(nsl_fit_open(&program, "nothing", &c) == NSL_EINPUT && !c, "%s", flat(nsl_error()));
  b = api_open(1);
  double whole = 0, part = 0;
  ok(nsl_fit_set_duration(b, 10) == 0 && nsl_fit_set(b, "cell.tau", 40) == 0 && nsl_fit_set(b, "cell.x", 40) == NSL_EINPUT && nsl_fit_start(b, 0, v) == 0 && v[0] == 40 &&
         nsl_fit_value(b, 0, 1, v, &part) == 0 && nsl_fit_value(a, 0, 1, v, &whole) == 0 && part != whole,
     "another declared value, and 10 ms of each sweep: %g and %g", part, whole);
  nsl_fit_close(b);
  nsl_fit_close(a);
  nsl_fit_close(NULL);
  marches[0].curvature.march.kernel = marches[0].gradient.march.kernel = NSL_NONE;
  a = api_open(1);
  ok(nsl_fit_gradient(a, 0, 1, v, &loss, slope) == NSL_ECANNOT && nsl_fit_squares(a, 0, 1, v, &loss, slope, slope) == NSL_ECANNOT && nsl_fit_value(a, 0, 1, v, &loss) == 0,
     "what the program does not hold: %s", flat(nsl_error()));
  nsl_fit_close(a);
  marches[0].curvature.march.kernel = K_MARCH_CURVATURE;
  marches[0].gradient.march.kernel = K_MARCH_GRADIENT;
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  data_write("one.csv", 3, 7, 0.1, 400);
  data_write("two.csv", 9, 7, 0.1, 300);
  data_write("new.csv", 6, 7, 0.1, 200);
  test_lm();
  test_threads();
  test_ways();
  test_adam();
  test_bad();
  test_interrupt();
  test_api();
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) ? 1 : done();
}
