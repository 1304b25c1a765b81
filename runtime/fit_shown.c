/* The sweeps of a fit as they are looked at: the best place runs through each of them once more, step by step.
 *
 * Samples go into bins that keep their lowest and highest value, so no peak is lost however long a sweep is. What is left over
 * is taken where the objective counts it, from the same samples on the same steps. */
#include "runtime/fit_shown.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/quantity.h"

enum { BINS = 1600 };

/* ---- what is compared with what */

static bool same_unit(const char *a, const char *dim) {
  char text[80];
  struct rt_quantity q;
  snprintf(text, sizeof text, "1 %.60s", a && strcmp(a, "1") != 0 ? a : "");
  return !rt_quantity_read(text, &q) && rt_dim_equal(q.dim, rt_dim_read(dim));
}

/* The state that a column is compared with: of its name, else the first of its dimension. */
static bool state_find(const struct nsl_class *c, const struct nsl_sweep_column *column, uint32_t *ret) {
  for (uint32_t i = 0; i < c->n_states; i++)
    if (strcmp(c->states[i].name, column->name) == 0 && same_unit(c->states[i].unit, column->dim)) return *ret = i, true;
  for (uint32_t i = 0; i < c->n_states; i++)
    if (c->states[i].name[0] != '%' && same_unit(c->states[i].unit, column->dim)) return *ret = i, true;
  return false;
}

static bool run_find(const struct rt_fit *f, const struct rt_march *m, struct rt_showing *s) {
  const struct nsl_class *class = &f->s->program->classes[m->def->class_index];
  if (!m->forms[RT_PLAIN]) return false;
  for (uint32_t t = 0; t < m->def->n_terms; t++)
    if (m->def->terms[t].residual) return false;
  for (uint32_t i = 0; i < m->def->n_samples; i++) {
    const struct nsl_sample *sample = &m->def->samples[i];
    if (sample->kind == NSL_SAMPLE_MEAN) s->drive = sample->column;
    if (s->march || sample->kind != NSL_SAMPLE_AT) continue;
    if (!state_find(class, &f->def->data.columns[sample->column], &s->state)) continue;
    s->column = sample->column;
    s->march = m;
  }
  return s->march != NULL;
}

/* ---- bins */

static int band_make(struct rt_mem *mem, double end, struct rt_band *b) {
  *b = (struct rt_band){.n = BINS, .end = end, .lo = rt_alloc(mem, BINS, sizeof(double)), .hi = rt_alloc(mem, BINS, sizeof(double))};
  if (!b->lo || !b->hi) return NSL_EMEMORY;
  for (uint64_t i = 0; i < BINS; i++) b->lo[i] = INFINITY, b->hi[i] = -INFINITY;
  return 0;
}

static void band_add(struct rt_band *b, double time, double v) {
  uint64_t bin = (uint64_t)fmin((double)b->n - 1, time / b->end * (double)b->n);
  if (!isfinite(v)) return;
  b->lo[bin] = fmin(b->lo[bin], v);
  b->hi[bin] = fmax(b->hi[bin], v);
}

void rt_band_range(const struct rt_band *b, double *lo, double *hi) {
  for (uint64_t i = 0; i < b->n; i++) {
    *lo = fmin(*lo, b->lo[i]);
    *hi = fmax(*hi, b->hi[i]);
  }
}

static void column_take(const struct rt_trace *t, uint32_t column, double scale, struct rt_band *to) {
  for (uint64_t i = 0; i < t->n && t->times[i] <= to->end; i++) band_add(to, t->times[i], t->values[column][i] / scale);
}

/* ---- one sweep */

struct watch {
  struct rt_shown *to;
  const struct rt_weighed *sweep;
  const struct nsl_march *march;
  const double *data; /* by step, coherent; NULL: not on steps */
  double dt, scale;
  uint32_t state, term; /* term: NSL_NONE: the column is that of several */
  double sum, squares, left; /* of the data, of what is left over */
};

/* Does any term count this step that compares the column with the model? */
static bool counts(const struct watch *w, uint64_t step) {
  for (uint32_t i = 0; i < w->march->n_samples; i++) {
    const struct nsl_sample *sample = &w->march->samples[i];
    if (sample->kind != NSL_SAMPLE_WEIGHT || (w->term != NSL_NONE && sample->term != w->term)) continue;
    const struct nsl_term *term = &w->march->terms[sample->term];
    if (!term->likelihood && !term->constraint && w->sweep->samples[i][step - 1] > 0) return true;
  }
  return false;
}

static bool step_seen(void *context, uint64_t step, const double *states) {
  struct watch *w = context;
  double v = states[(uint64_t)w->state * RT_BLOCK] / w->scale, time = (double)step * w->dt;
  band_add(&w->to->model, time, v);
  if (step == 0 || !w->data || !counts(w, step)) return true;
  double data = w->data[step - 1] / w->scale, left = data - v;
  band_add(&w->to->left_over, time, left);
  w->sum += data;
  w->squares += data * data;
  w->left += left * left;
  w->to->counted++;
  return true;
}

static void measures_take(const struct watch *w, struct rt_shown *to) {
  double n = (double)to->counted, variance = n > 0 ? (w->squares - w->sum * w->sum / n) / n : 0;
  to->rms = n > 0 ? sqrt(w->left / n) : NAN;
  to->explained = variance > 0 ? 1 - w->left / n / variance : NAN;
}

static int sweep_show(struct rt_fit *f, const struct rt_showing *s, const double *x, uint32_t trace, uint32_t sweep, struct rt_shown *to) {
  const struct rt_trace *t = &f->traces[trace];
  const struct nsl_sweep_column *columns = f->def->data.columns;
  double end = (double)t->n_steps * f->s->dt;
  struct rt_band *bands[] = {&to->data, &to->model, &to->left_over, &to->drive};
  for (int i = 0; i < 4; i++)
    if (band_make(&f->s->mem, end, bands[i])) return NSL_EMEMORY;
  column_take(t, s->column, columns[s->column].unit_scale, &to->data);
  if (s->drive != NSL_NONE) column_take(t, s->drive, columns[s->drive].unit_scale, &to->drive);
  struct watch w = {.to = to, .sweep = &s->march->sweeps[trace], .march = s->march->def, .dt = f->s->dt,
                    .scale = columns[s->column].unit_scale, .state = s->state};
  for (uint32_t i = 0; i < w.march->n_samples; i++)
    if (w.march->samples[i].kind == NSL_SAMPLE_AT && w.march->samples[i].column == s->column) {
      w.data = w.sweep->samples[i];
      w.term = w.march->samples[i].term;
    }
  int e = rt_march_watch(f, s->march, trace, sweep, x, step_seen, &w);
  measures_take(&w, to);
  return e;
}

/* ---- units */

struct begin {
  uint32_t state;
  double value;
};

static bool begin_seen(void *context, uint64_t step, const double *states) {
  struct begin *b = context;
  (void)step;
  b->value = fabs(states[(uint64_t)b->state * RT_BLOCK]);
  return false;
}

/* Volts for millivolts: a voltage is never far from 0 by nature, so its size says whether the unit can be right. */
void rt_fit_scales(struct rt_fit *f) {
  static const double FAR = 200;
  struct rt_showing s = {.drive = NSL_NONE};
  struct rt_mem mem = {0};
  for (uint32_t i = f->def->n_marches; i-- > 0;)
    if (run_find(f, &f->marches[i], &s)) break;
  const struct nsl_sweep_column *column = &f->def->data.columns[s.column];
  double *x = rt_alloc(&mem, (uint64_t)f->space.n + 1, sizeof *x), most = 0;
  if (s.march && x && same_unit("mV", column->dim)) {
    const struct rt_trace *t = &f->traces[f->fitted[0]];
    struct begin b = {.state = s.state};
    rt_space_start(&f->space, f->def, f->s->seed, 0, x);
    rt_march_watch(f, s.march, f->fitted[0], 0, x, begin_seen, &b);
    for (uint64_t i = 0; i < t->n; i++) most = isfinite(t->values[s.column][i]) ? fmax(most, fabs(t->values[s.column][i])) : most;
    if (most > 0 && b.value > 0 && (most > FAR * b.value || b.value > FAR * most))
      rt_warn(f->s, "%s: column %s of %s reaches %.3g %s, and the model begins at %.3g %s: is %s the unit of the column?",
              column->place, column->name, t->def->path, most / column->unit_scale, column->unit, b.value / column->unit_scale, column->unit,
              column->unit);
  }
  rt_mem_free(&mem);
}

int rt_fit_show(const struct rt_fit_end *end, struct rt_showing *ret) {
  struct rt_fit *f = end->f;
  *ret = (struct rt_showing){.drive = NSL_NONE};
  if (!end->x) return 0;
  for (uint32_t i = f->def->n_marches; i-- > 0;)
    if (run_find(f, &f->marches[i], ret)) break;
  if (!ret->march) return 0;
  ret->sweeps = rt_alloc(&f->s->mem, f->n_traces, sizeof *ret->sweeps);
  if (!ret->sweeps) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0, k = 0, v = 0; !e && i < f->n_traces; i++)
    e = sweep_show(f, ret, end->x, i, f->traces[i].def->validation ? f->n_fitted + v++ : k++, &ret->sweeps[i]);
  return e;
}
