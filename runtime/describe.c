/* What a program says about itself: --help, --describe, the nearest name to a wrong one, domains in the
 * user's units. */
#include "runtime/describe.h"

#include <math.h>
#include <string.h>

#include "runtime/quantity.h"

unsigned rt_distance(const char *a, const char *b, unsigned limit) {
  enum { MOST = 100 };
  unsigned row[MOST + 1];
  size_t n = strlen(b);
  if (n > MOST || strlen(a) > MOST) return limit + 1;
  for (size_t k = 0; k <= n; k++) row[k] = (unsigned)k;
  for (size_t i = 0; a[i]; i++) {
    unsigned before = row[0];
    row[0] = (unsigned)i + 1;
    for (size_t k = 0; k < n; k++) {
      unsigned change = before + (a[i] != b[k]);
      before = row[k + 1];
      unsigned best = before < row[k] ? before + 1 : row[k] + 1;
      row[k + 1] = change < best ? change : best;
    }
  }
  return row[n] > limit ? limit + 1 : row[n];
}

/* A path is near if few letters differ, or if only its beginning is missing ("g" for "brunel.g"). */
const char *rt_nearest_path(const struct nsl_experiment *x, const char *path) {
  const char *near = NULL;
  unsigned best = (unsigned)strlen(path) / 3 + 2;
  for (uint32_t i = 0; i < x->n_params; i++) {
    const char *full = x->params[i].path, *dot = strchr(full, '.');
    unsigned d = rt_distance(path, full, best), tail = dot ? rt_distance(path, dot + 1, best) : best;
    if (tail + 1 < d) d = tail + (tail > 0);
    if (d < best) {
      best = d;
      near = full;
    }
  }
  return near;
}

static void bound_text(const double *G, uint32_t slot, double without, const struct nsl_param *p, char *text,
                       size_t size) {
  double v = slot == NSL_NONE ? without : G[slot];
  if (isinf(v))
    snprintf(text, size, "%s", v < 0 ? "-inf" : "inf");
  else
    rt_quantity_text(v / p->unit_scale, p->unit, text, size);
}

void rt_domain_text(const double *G, const struct nsl_param *p, char *text, size_t size) {
  char lo[60], hi[60];
  text[0] = 0;
  if (p->n_labels) {
    for (uint32_t i = 0; i < p->n_labels; i++) {
      size_t n = strlen(text);
      snprintf(text + n, size - n, "%s%s%s", i ? ", " : "{", p->labels[i], i + 1 == p->n_labels ? "}" : "");
    }
    return;
  }
  if (p->lo == NSL_NONE && p->hi == NSL_NONE) {
    if (p->integer) snprintf(text, size, "whole numbers");
    return;
  }
  bound_text(G, p->lo, -INFINITY, p, lo, sizeof lo);
  bound_text(G, p->hi, INFINITY, p, hi, sizeof hi);
  bool open_lo = p->open_lo || p->lo == NSL_NONE, open_hi = p->open_hi || p->hi == NSL_NONE;
  snprintf(text, size, "%c%s, %s%c", open_lo ? '(' : '[', lo, hi, open_hi ? ')' : ']');
}

static void param_describe(const struct rt_sim *s, const struct nsl_param *p, FILE *out) {
  char value[80], domain[300];
  double v = s->G[p->slot];
  if (p->n_labels && v >= 0 && v < p->n_labels)
    snprintf(value, sizeof value, "%s", p->labels[(uint32_t)v]);
  else
    rt_quantity_text(v / p->unit_scale, p->unit, value, sizeof value);
  rt_domain_text(s->G, p, domain, sizeof domain);
  fprintf(out, "  %s = %s", p->path, value);
  if (*domain) fprintf(out, "  in %s", domain);
  if (p->doc && *p->doc) fprintf(out, "  ## %s", p->doc);
  fputc('\n', out);
}

void rt_describe_params(const struct rt_sim *s, FILE *out) {
  fprintf(out, "parameters for --set\n");
  for (uint32_t i = 0; i < s->x->n_params; i++) param_describe(s, &s->x->params[i], out);
}

/* The kernels of one neuron with other settings are called `name#2`. */
static int class_name_length(const struct nsl_class *c) { return (int)strcspn(c->name, "#"); }

static void program_describe(const struct nsl_program *p, FILE *out) {
  fprintf(out, "program %s, from %s, built for %s, %s", p->name, p->source, p->built_for, p->f32 ? "f32" : "f64");
  for (uint32_t i = 0; i < p->n_devices; i++) fprintf(out, "%s%s", i ? ", " : "; for devices: ", p->devices[i].name);
  fputs("\n\n", out);
}

void rt_describe(const struct rt_sim *s, FILE *out) {
  const struct nsl_program *p = s->program;
  const struct nsl_experiment *x = s->x;
  if (x == p->experiments)
    program_describe(p, out);
  fprintf(out, "experiment %s of %s", x->name, x->subject);
  if (x->doc && *x->doc) fprintf(out, "  ## %s", x->doc);
  fprintf(out, "\n  %.12g ms with dt = %.12g ms, seed = %llu\n", s->duration, s->dt,
          (unsigned long long)s->seed);
  fprintf(out, "populations\n");
  for (uint32_t i = 0; i < s->n_pops; i++)
    fprintf(out, "  %s : %.*s[%u]\n", s->pops[i].def->path, class_name_length(s->pops[i].class),
            s->pops[i].class->name, s->pops[i].size);
  rt_describe_params(s, out);
}

void rt_help(const struct nsl_program *p, FILE *out) {
  fprintf(out, "usage: %s [option]...\nRuns the model %s.\n\n", p->name, p->source);
#define OPTION(text, argument, function, doc) fprintf(out, "  %-16s%-20s%s\n", text, argument, doc);
#include "runtime/options.def"
#undef OPTION
  fprintf(out, "\nExit status: 0 if everything asked for was done and every `expect` holds, 1 if not, 130 "
               "after Ctrl-C.\n");
}
