/* nslc grad: the derivatives that a file's fits ask for. Without --check: which kernels give them, and why.
 * With it: each of them at the declared values and at drawn starts, as compiled, against differences in
 * 113-bit arithmetic (grad_quad.c).
 *
 * The program is compiled as for `run` and loaded; recordings come from its runtime. Long sweeps are cut off:
 * a wrong derivative is wrong from the first steps on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parser/parse.h"
#include "tools/grad.h"

static const char usage[] =
    "nslc grad FILE [--check] [--json] [--fit NAME] [--steps N] [--starts N] [--tolerance X]";

typedef struct {
  ToolOptions *o;
  const Backend *backend;
  const struct nsl_program *program;
  const IrModule *module, *all;
  uint64_t steps, starts;
  double tolerance;
  uint32_t compared, deviate;
} Grad;

typedef struct { /* where a row of the table belongs */
  Grad *d;
  const char *fit, *stage;
  uint32_t start;
  double objective;
  const struct nsl_fit_parameter *p;
  double size;
  bool first; /* row of its parameter */
  bool surrogate; /* of the fit's spikes */
} Row;

/* ---- the table */

static void json_text(const char *key, const char *text) {
  printf(",\"%s\":", key);
  text_json(stdout, text);
}

static void json_number(const char *key, double v) {
  if (isfinite(v)) printf(",\"%s\":%.17g", key, v);
  else printf(",\"%s\":null", key);
}

static void place_json(const Row *r, const char *fact) {
  printf("{\"fact\":\"%s\"", fact);
  json_text("fit", r->fit);
  json_text("stage", r->stage);
  printf(",\"start\":%u", r->start);
  json_number("objective", r->objective);
}

static void place_say(const Row *r) {
  bool diverges = !isfinite(r->objective);
  if (r->d->o->json) {
    if (diverges) place_json(r, "the model diverges"), puts("}");
    return;
  }
  printf("\nfit %s%s%s, ", r->fit, *r->stage ? ", stage " : "", r->stage);
  if (r->start) printf("start %u: ", r->start);
  else printf("declared values: ");
  if (diverges) printf("the model diverges, there is nothing to compare\n");
  else
    printf("objective %.9g\n  %-14s %-22s %15s %15s %10s\n", r->objective, "parameter", "derivative", "value",
           r->surrogate ? "in 113 bits" : "difference", "deviation");
}

/* unit: what the derivative is by, declared unit of the parameter, or its square. */
static void row_say(Row *r, const char *mode, double value, double difference, double unit, double floor_of) {
  double deviation = fabs(value - difference) / fmax(fabs(difference), floor_of);
  if (value == difference) deviation = 0;
  bool good = deviation <= r->d->tolerance;
  r->d->compared++;
  r->d->deviate += !good;
  char name[80], sweep[24] = "";
  if (r->p->sweep != NSL_SHARED) snprintf(sweep, sizeof sweep, " (%u)", r->p->sweep + 1);
  else if (r->p->cell != NSL_SHARED) snprintf(sweep, sizeof sweep, " (cell %u)", r->p->cell + 1);
  if (r->p->source != NSL_SHARED) snprintf(sweep, sizeof sweep, ", %u -> %u", r->p->source, r->p->target);
  snprintf(name, sizeof name, "%.50s%s", r->p->path, sweep);
  if (!r->d->o->json) {
    printf("  %-14s %-22s %15.8g %15.8g %10.1e%s\n", r->first ? name : "", mode, value * unit,
           difference * unit, deviation, good ? "" : "  DEVIATES");
    r->first = false;
    return;
  }
  place_json(r, "derivative");
  json_text("parameter", name);
  json_text("unit", r->p->unit ? r->p->unit : "1");
  json_text("mode", mode);
  json_number("value", value * unit);
  json_number("difference", difference * unit);
  json_number("deviation", deviation);
  printf(",\"holds\":%s}\n", good ? "true" : "false");
}

/* ---- a place */

static double size_of(const struct nsl_fit_parameter *p, double value) {
  if (value != 0) return fabs(value);
  return isfinite(p->hi - p->lo) ? p->hi - p->lo : p->unit_scale;
}

/* squares: there are gradients beside the matrix, which need no row of their own where they are the only
 * ones. */
static const char *mode_of(const struct rt_fit *f, const struct nsl_stage *stage, bool squares) {
  const struct rt_march *m = &f->marches[stage->marches[0]];
  return m->reverse                                                    ? "reverse"
         : m->along                                                    ? "forward, by lanes"
         : m->forms[RT_GRADIENT] != m->forms[RT_CURVATURE] || !squares ? "forward"
                                                                       : NULL;
}

typedef struct { /* what the program gives */
  double objective, *gradient, *beside, *matrix;
  const char *mode; /* of `gradient`; NULL: there is only `beside`, that of the matrix */
  bool squares;
} Given;

static bool given_find(Grad *d, const GradFit *g, struct nsl_fitting *handle, uint32_t stage,
                       const double *values, Given *ret) {
  struct nsl_fit_stage what;
  *ret = (Given){.gradient = NEW_ARRAY(g->arena, double, g->n + 1),
                 .beside = NEW_ARRAY(g->arena, double, g->n + 1),
                 .matrix = NEW_ARRAY(g->arena, double, (size_t)g->n * g->n + 1)};
  if (d->backend->nsl_fit_stage(handle, stage, &what)) return false;
  ret->squares = what.has_squares;
  ret->mode = what.has_gradient ? mode_of(g->fit, &g->fit->def->stages[stage], ret->squares) : NULL;
  int e = 0;
  if (ret->mode) e = d->backend->nsl_fit_gradient(handle, stage, 1, values, &ret->objective, ret->gradient);
  else if (!ret->squares) e = d->backend->nsl_fit_value(handle, stage, 1, values, &ret->objective);
  if (!e && ret->squares)
    e = d->backend->nsl_fit_squares(handle, stage, 1, values, &ret->objective, ret->beside, ret->matrix);
  return e == 0;
}

typedef struct { /* where a stage is checked */
  const Row *row;
  const struct nsl_fit_parameter *p;
  const double *values, *sizes;
} Spot;

/* Products with the Hessian along a vector, against second differences; and whether u H v is v H u. */
static bool products_check(Grad *d, const GradFit *g, struct nsl_fitting *handle, uint32_t stage, const Spot *at) {
  double *v = NEW_ARRAY(g->arena, double, 2 * g->n + 1), *hv = NEW_ARRAY(g->arena, double, 2 * g->n + 1), *two = NEW_ARRAY(g->arena, double, 2 * g->n + 1);
  struct nsl_fit_stage what;
  if (d->backend->nsl_fit_stage(handle, stage, &what)) return false;
  if (!what.has_products) return true;
  for (uint32_t i = 0; i < g->n; i++) {
    v[i] = at->sizes[i] * (1 + 0.5 * (i % 3)) * (i % 2 ? -1 : 1);
    v[g->n + i] = at->sizes[i] * (1 - 0.25 * (i % 4));
    two[i] = two[g->n + i] = at->values[i];
  }
  if (d->backend->nsl_fit_hessian_vector(handle, stage, 2, two, v, hv)) return false;
  const Quad *difference = grad_quad_product(g, stage, at->values, at->sizes, v);
  double uhv = 0, vhu = 0, all = 0;
  Row r = *at->row;
  for (uint32_t i = 0; i < g->n; i++) {
    r.p = &at->p[i];
    r.first = true;
    row_say(&r, "Hessian times a vector", hv[i], (double)difference[i], r.p->unit_scale, 1e-6 * fabs(r.objective) / at->sizes[i]);
    uhv += v[g->n + i] * hv[i];
    vhu += v[i] * hv[g->n + i];
    all += fabs(v[g->n + i] * hv[i]);
  }
  struct nsl_fit_parameter both = {.path = "", .sweep = NSL_SHARED, .cell = NSL_SHARED, .source = NSL_SHARED, .target = NSL_SHARED};
  r.p = &both;
  row_say(&r, "Hessian, u H v and v H u", uhv, vhu, 1, 1e-3 * all);
  return true;
}

/* A surrogate stands for what has no derivative: no difference shows it, so its modes are compared with forward mode in 113 bits. */
static bool place_check(Grad *d, const GradFit *g, struct nsl_fitting *handle, uint32_t stage,
                        uint32_t start) {
  const char *name = g->fit->def->stages[stage].name;
  Row r = {.d = d, .surrogate = g->ir->fit->own_spikes.gradient == SPIKES_SURROGATE, .fit = g->fit->def->name, .stage = name ? name : "", .start = start};
  double *values = NEW_ARRAY(g->arena, double, g->n + 1), *sizes = NEW_ARRAY(g->arena, double, g->n + 1);
  struct nsl_fit_parameter *p = NEW_ARRAY(g->arena, struct nsl_fit_parameter, g->n + 1);
  Given is;
  if (d->backend->nsl_fit_start(handle, start, values)) return false;
  for (uint32_t i = 0; i < g->n; i++) {
    if (d->backend->nsl_fit_parameter(handle, i, &p[i])) return false;
    sizes[i] = size_of(&p[i], values[i]);
  }
  if (!given_find(d, g, handle, stage, values, &is)) return false;
  r.objective = is.objective;
  place_say(&r);
  if (!isfinite(is.objective)) return true;
  bool surrogate = g->ir->fit->own_spikes.gradient == SPIKES_SURROGATE;
  GradFound f = grad_quad(g, stage, values, sizes, is.squares);
  if (surrogate && !f.forward) return true;
  for (uint32_t i = 0; i < g->n; i++) {
    double unit = p[i].unit_scale, small = 1e-6 * fabs(is.objective) / sizes[i],
           difference = (double)(surrogate ? f.forward[i] : f.difference[i]);
    r.p = &p[i];
    r.first = true;
    if (f.forward && !surrogate) row_say(&r, "forward, 113 bits", (double)f.forward[i], difference, unit, small);
    if (is.mode) row_say(&r, is.mode, is.gradient[i], difference, unit, small);
    if (is.squares) row_say(&r, "forward, for squares", is.beside[i], difference, unit, small);
    if (is.squares && !surrogate)
      row_say(&r, "Gauss-Newton diagonal", is.matrix[(size_t)i * g->n + i], (double)f.diagonal[i],
              unit * unit, small / sizes[i]);
  }
  return products_check(d, g, handle, stage, &(Spot){&r, p, values, sizes});
}

/* ---- a network */

/* A central difference of the objective by parameter i: of several steps the one that seems best, by how much it changes when it is
 * halved (too long a one goes past spikes that come or go) and by rounding. */
static bool network_difference(Grad *d, const GradFit *g, struct nsl_fitting *handle, uint32_t stage, const Spot *at, uint32_t i,
                               double *ret) {
  static const double steps[] = {1e-2, 3e-3, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8}, rounding = 1e-13;
  double *v = NEW_ARRAY(g->arena, double, 4 * g->n + 1), best = INFINITY;
  for (size_t k = at->p[i].source != NSL_SHARED ? 0 : 4; k < COUNT_OF(steps); k++) { /* one synapse changes little: by much it may change */
    double h = steps[k] * at->sizes[i], loss[4];
    for (uint32_t p = 0; p < 4; p++)
      for (uint32_t j = 0; j < g->n; j++) v[p * g->n + j] = at->values[j];
    v[i] += h, v[g->n + i] -= h, v[2 * g->n + i] += h / 2, v[3 * g->n + i] -= h / 2;
    if (d->backend->nsl_fit_value(handle, stage, 4, v, loss)) return false;
    double whole = (loss[0] - loss[1]) / (v[i] - v[g->n + i]), half = (loss[2] - loss[3]) / (v[2 * g->n + i] - v[3 * g->n + i]);
    double error = fabs(whole - half) + rounding * fabs(loss[0]) / h;
    if (!(error < best)) continue;
    best = error;
    *ret = half + (half - whole) / 3;
  }
  return isfinite(best);
}

enum { SAMPLED = 8 };

/* Which parameters are looked at: of weights of single synapses a few of each. */
static uint32_t sampled(const GradFit *g, uint32_t *ret) {
  const struct rt_space *space = &g->fit->space;
  uint32_t n = 0;
  for (uint32_t i = 0; i < space->n; i++) {
    uint32_t first = i, like = 0;
    while (i >= space->n_plain && i + 1 < space->n && space->at[i + 1].free == space->at[first].free) i++;
    like = i - first + 1;
    for (uint32_t k = 0; k < SAMPLED && k < like; k++) ret[n++] = first + (like <= SAMPLED ? k : (uint32_t)((k + 0.5) * like / SAMPLED));
  }
  return n;
}

/* Spikes have no derivative; so the program that is checked is the one with smooth steps in the place of those that other cells see,
 * of which the derivatives are exact (Session.relaxed). */
static bool network_place(Grad *d, const GradFit *g, struct nsl_fitting *handle, uint32_t stage, uint32_t start) {
  const char *name = g->fit->def->stages[stage].name;
  Row r = {.d = d, .fit = g->fit->def->name, .stage = name ? name : "", .start = start};
  double *values = NEW_ARRAY(g->arena, double, g->n + 1), *sizes = NEW_ARRAY(g->arena, double, g->n + 1);
  double *gradient = NEW_ARRAY(g->arena, double, g->n + 1), difference = NAN;
  struct nsl_fit_parameter *p = NEW_ARRAY(g->arena, struct nsl_fit_parameter, g->n + 1);
  struct nsl_fit_stage what;
  uint32_t *of = NEW_ARRAY(g->arena, uint32_t, g->n + 1), n = sampled(g, of), plain = g->fit->space.n_plain;
  if (d->backend->nsl_fit_stage(handle, stage, &what) || !what.has_gradient) return true;
  if (d->backend->nsl_fit_start(handle, start, values)) return false;
  for (uint32_t i = 0; i < g->n; i++) {
    if (d->backend->nsl_fit_parameter(handle, i, &p[i])) return false;
    sizes[i] = size_of(&p[i], values[i]);
  }
  d->backend->rt_fitting_ask(handle, of + plain, n - plain);
  if (d->backend->nsl_fit_gradient(handle, stage, 1, values, &r.objective, gradient)) return false;
  place_say(&r);
  for (uint32_t k = 0; isfinite(r.objective) && k < n; k++) {
    uint32_t i = of[k];
    r.p = &p[i];
    r.first = true;
    if (!network_difference(d, g, handle, stage, &(Spot){&r, p, values, sizes}, i, &difference)) return false;
    row_say(&r, "forward, smooth spikes", gradient[i], difference, p[i].unit_scale, 1e-3 * fabs(r.objective) / sizes[i]);
  }
  return true;
}

/* ---- a fit */

static double dt_of(const GradFit *g) {
  const IrExperiment *x = g->ir->x;
  double *G = NEW_ARRAY(g->arena, double, x->n_globals + 1);
  uint8_t *set = NEW_ARRAY(g->arena, uint8_t, x->n_globals + 1);
  IrEnv env = {.u = G, .set = set};
  ir_eval(x->setup, &env);
  return G[x->dt];
}

static bool fit_check(Grad *d, uint32_t at) {
  const Backend *b = d->backend;
  GradFit g = {.arena = arena_new(), .backend = b, .ir = d->module->fits.at[at], .all = d->all->fits.at[at]};
  struct nsl_fitting *handle = NULL;
  uint32_t n_stages = 0;
  bool network = d->program->fits[at].network;
  bool good = b->nsl_fit_open(d->program, d->program->fits[at].name, &handle) == 0;
  for (uint32_t i = 0; good && i < d->o->allow_read.n; i++)
    good = b->nsl_fit_allow_read(handle, d->o->allow_read.at[i]) == 0;
  if (good && (!network || d->o->steps)) good = b->nsl_fit_set_duration(handle, (double)d->steps * dt_of(&g)) == 0;
  good = good && b->nsl_fit_size(handle, &g.n, &n_stages) == 0 && (g.fit = b->rt_fitting(handle)) != NULL;
  for (uint32_t stage = 0; good && stage < n_stages; stage++)
    for (uint32_t start = 0; good && start <= d->starts; start++)
      good = network ? network_place(d, &g, handle, stage, start) : place_check(d, &g, handle, stage, start);
  if (!good) fprintf(stderr, "nslc grad: fit %s: %s\n", d->program->fits[at].name, b->nsl_error());
  b->nsl_fit_close(handle);
  arena_free(g.arena);
  return good;
}

static bool fits_check(Grad *d) {
  bool good = true, found = false;
  if (!d->o->json)
    printf(
        "differences in 113-bit arithmetic, over the first %llu steps of each sweep at most; derivatives by "
        "the parameters in their declared units\n",
        (unsigned long long)d->steps);
  for (uint32_t i = 0; i < d->program->n_fits; i++) {
    if (d->o->fit && strcmp(d->o->fit, d->program->fits[i].name)) continue;
    found = true;
    good &= fit_check(d, i);
  }
  if (!found)
    fprintf(stderr, "nslc grad: %s%s%s\n", d->o->fit ? "there is no fit `" : "this file holds no fit",
            d->o->fit ? d->o->fit : "", d->o->fit ? "`" : "");
  if (!found) return false;
  if (d->o->json)
    printf("{\"fact\":\"derivatives\",\"compared\":%u,\"deviate\":%u,\"tolerance\":%.17g,\"steps\":%llu}\n",
           d->compared, d->deviate, d->tolerance, (unsigned long long)d->steps);
  else
    printf("\n%u derivatives compared, %u deviate by more than %g\n", d->compared, d->deviate, d->tolerance);
  if (good && !d->compared)
    fprintf(stderr, "nslc grad: the model diverges at all of these places; nothing was compared\n");
  return good && d->compared && !d->deviate;
}

/* ---- the command */

/* The same file up to forward mode, of every march: behind it the compiler drops what no optimizer asks for.
 * Its messages have been said. */
static bool forward_all(Compilation *c, const char *path) {
  Span nowhere = {0, 0};
  const Source *source = source_load(c->s, path, nowhere);
  CheckOptions check = {.parse = parse_source};
  if (!source) return false;
  c->model = model_check(c->s, parse_source(c->s, source), &check);
  if (c->s->errors == 0) c->module = ir_lower(c->s, c->arena, c->model);
  if (c->s->errors == 0) c->module = ir_pipeline(c->s, c->module, NULL);
  if (c->s->errors == 0) c->module = ad_pipeline(c->s, c->module, "forward");
  return c->s->errors == 0;
}

static bool whole_number(const char *option, const char *text, uint64_t least, uint64_t *ret) {
  char *end;
  if (!text) return true;
  unsigned long long v = strtoull(text, &end, 10);
  if (*end || end == text || text[0] == '-' || v < least || v > 1000000000) {
    fprintf(stderr, "nslc grad: %s is a whole number from %llu, not `%s`\n", option,
            (unsigned long long)least, text);
    return false;
  }
  *ret = v;
  return true;
}

static bool numbers_read(Grad *d) {
  const ToolOptions *o = d->o;
  char *end = NULL;
  if (o->tolerance) d->tolerance = strtod(o->tolerance, &end);
  if (o->tolerance && (*end || end == o->tolerance || !(d->tolerance >= 0))) {
    fprintf(stderr, "nslc grad: --tolerance is a number from 0, not `%s`\n", o->tolerance);
    return false;
  }
  if (!o->check && (o->steps || o->starts || o->tolerance || o->fit)) {
    fprintf(stderr, "nslc grad: --fit, --steps, --starts and --tolerance belong to --check\nusage: %s\n",
            usage);
    return false;
  }
  return whole_number("--steps", o->steps, 1, &d->steps) &&
         whole_number("--starts", o->starts, 0, &d->starts);
}

static bool compiled_check(Grad *d, Compilation *c, Compilation *forward) {
  CgOptions cg = tool_cg_options(c);
  if (!(d->backend = backend_load()) || !forward_all(forward, c->options->files.at[0])) return false;
  CgProgram *program = d->backend->cg_compile(c->s, c->module, &cg);
  CgJit *jit = program ? d->backend->cg_jit(c->s, program) : NULL;
  if (!jit) {
    tool_report(c);
    return false;
  }
  d->program = d->backend->cg_jit_program(jit);
  d->module = c->module;
  d->all = forward->module;
  bool good = fits_check(d);
  d->backend->cg_jit_free(jit);
  return good;
}

int cmd_grad(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, usage, &options)) return EXIT_USAGE;
  Grad d = {.o = &options, .steps = 1000, .starts = 1, .tolerance = 1e-6};
  if (options.files.n != 1) fprintf(stderr, "nslc grad: one file at a time\nusage: %s\n", usage);
  if (options.files.n != 1 || !numbers_read(&d)) return EXIT_USAGE;
  Compilation c, forward;
  tool_begin(&c, &options);
  c.s->second_derivatives = c.s->relaxed = options.check;
  tool_begin(&forward, &options);
  bool good = tool_compile(&c, options.files.at[0]);
  if (good && options.check) good = compiled_check(&d, &c, &forward);
  else if (good) ad_explain(c.s, c.module, stdout, options.json);
  tool_end(&forward);
  tool_end(&c);
  return good ? EXIT_OK : EXIT_ERRORS;
}
