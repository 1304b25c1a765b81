/* Free weights of single synapses: the network is built once to learn which synapses there are, and each of them becomes a coordinate
 * of the search, behind those of params. A simulation of a place is given the weights by projection (rt_sim.given).
 *
 * Bounds are those that the fit gives, else those of the connection (`within`, a synapse's weight). Where there are none a weight keeps its
 * sign: it is what it was declared, times a positive number. A weight that begins at a bound would stay there: it begins at SMALL of
 * the others' mean distance from it.
 *
 * The file has groups `edges/LABEL` of a SONATA file, in the order (source, target, ordinal), so `by edges("NAME.weights.h5", of =
 * "LABEL")` connects the same cells with `edge.syn_weight` after `edge.delay`. */
#include "runtime/fit_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/h5.h"
#include "runtime/setup.h"
#include "runtime/synapses.h"

static const double SMALL = 0.01;

bool rt_is_weights(const struct rt_fit *f, uint32_t free) { return f->def->free[free].n_weights > 0; }

/* ---- which synapses there are */

static const struct rt_proj *proj_of(const struct rt_sim *s, uint32_t index) {
  for (uint32_t i = 0; i < s->n_projs; i++)
    if (s->projs[i].index == index) return &s->projs[i];
  return NULL;
}

static int rows_count(struct rt_synapses *k, const struct rt_proj *p, struct rt_trained *t) {
  int e = 0;
  for (uint32_t i = 0; !e && i < p->sn; i++) {
    uint64_t n = 0;
    e = rt_synapses_count(k, p, p->s0 + i, &n);
    t->begin[i + 1] = t->begin[i] + n;
  }
  t->n = t->begin[p->sn];
  return e;
}

static int rows_take(struct rt_synapses *k, const struct rt_proj *p, struct rt_trained *t) {
  for (uint32_t i = 0; i < p->sn; i++) {
    struct rt_row_of row;
    int e = rt_synapses_of(k, p, p->s0 + i, &row);
    if (e) return e;
    for (uint64_t j = 0, at = t->begin[i]; j < row.n; j++, at++) {
      t->to[at] = row.target[j];
      if (t->delay) t->delay[at] = row.delay[j];
      t->declared[at] = row.weight ? row.weight[j] : p->weight;
    }
  }
  return 0;
}

static int projection_find(struct rt_fit *f, struct rt_synapses *k, uint32_t free, uint32_t index, struct rt_trained *t) {
  const struct rt_proj *p = proj_of(k->s, index);
  struct rt_mem *m = &f->s->mem;
  *t = (struct rt_trained){.free = free, .projection = index};
  if (!p) return (t->begin = rt_alloc(m, 1, sizeof *t->begin)) ? 0 : NSL_EMEMORY; /* its condition is false */
  t->source = p->source->index;
  t->target = p->target->index;
  t->port = p->def->port;
  t->s0 = p->s0;
  t->sn = p->sn;
  t->delay_steps = p->delay_steps;
  t->lo = p->lo;
  t->hi = p->hi;
  t->begin = rt_alloc(m, (uint64_t)p->sn + 1, sizeof *t->begin);
  int e = t->begin ? rows_count(k, p, t) : NSL_EMEMORY;
  if (e) return e;
  t->to = rt_alloc(m, t->n + 1, sizeof *t->to);
  t->declared = rt_alloc(m, t->n + 1, sizeof *t->declared);
  if (p->drawn_delay) t->delay = rt_alloc(m, t->n + 1, sizeof *t->delay);
  return t->to && t->declared && (t->delay || !p->drawn_delay) ? rows_take(k, p, t) : NSL_EMEMORY;
}

/* ---- coordinates */

/* Their mean distance from what they may not pass, or from 0. */
static double size_of(const struct rt_trained *t, double bound) {
  double sum = 0;
  for (uint64_t i = 0; i < t->n; i++) sum += fabs(t->declared[i] - (isfinite(bound) ? bound : 0));
  return t->n ? sum / (double)t->n : 0;
}

static int outside(const struct nsl_free *def, const struct rt_coordinate *c, double declared) {
  return rt_fail_at(NSL_EMODEL, def->place, "free %s in [%g, %g] %s: a weight that the connection declares is %g %s, where the search begins", def->path,
                    c->lo / def->unit_scale, c->hi / def->unit_scale, def->unit, declared / def->unit_scale, def->unit);
}

static int bounds_find(const struct rt_fit *f, const struct rt_trained *t, struct rt_coordinate *c) {
  const struct nsl_free *def = &f->def->free[t->free];
  c->lo = rt_value(f->s, def->lo, t->lo);
  c->hi = rt_value(f->s, def->hi, t->hi);
  if (c->lo < t->lo || c->hi > t->hi)
    return rt_fail_at(NSL_EMODEL, def->place, "free %s in [%g, %g] %s: the weights of this connection are declared within [%g, %g]", def->path,
                      c->lo / def->unit_scale, c->hi / def->unit_scale, def->unit, t->lo / def->unit_scale, t->hi / def->unit_scale);
  if (isfinite(c->lo) && isfinite(c->hi) && !(c->lo < c->hi))
    return rt_fail_at(NSL_EMODEL, def->place, "free %s: there is nothing between these bounds", def->path);
  return rt_space_prior(f->s, def, c);
}

static int coordinate_make(const struct rt_fit *f, const struct rt_trained *t, const struct rt_coordinate *like, double size, uint64_t i,
                           struct rt_coordinate *c) {
  const struct nsl_free *def = &f->def->free[t->free];
  double w = t->declared[i];
  *c = *like;
  if (!isfinite(c->lo) && !isfinite(c->hi)) { /* it keeps its sign */
    if (w == 0)
      return rt_fail_at(NSL_EMODEL, def->place, "free %s: a weight begins as 0, and has no sign to keep: give bounds, `free %s in [0 %s, …]`", def->path,
                        def->path, def->unit);
    if (w > 0) c->lo = 0;
    else c->hi = 0;
  }
  if (w < c->lo || w > c->hi) return outside(def, c, w);
  if (isfinite(c->lo) != isfinite(c->hi)) {
    double bound = isfinite(c->lo) ? c->lo : c->hi, least = SMALL * size;
    if (fabs(w - bound) < least) w = isfinite(c->lo) ? bound + least : bound - least;
    if (w == bound) return rt_fail_at(NSL_EMODEL, def->place, "free %s: all weights begin at their bound", def->path);
  }
  c->declared = w;
  rt_space_choose(c, def->unit_scale);
  return 0;
}

static int coordinates_add(struct rt_fit *f, struct rt_trained *t) {
  struct rt_space *p = &f->space;
  struct rt_coordinate like = {.free = t->free, .sweep = NSL_NONE, .cell = NSL_NONE};
  int e = bounds_find(f, t, &like);
  double size = size_of(t, isfinite(like.lo) ? like.lo : like.hi);
  t->first = p->n;
  if (p->of[t->free] == NSL_NONE) p->of[t->free] = p->n;
  for (uint64_t i = 0; !e && i < t->n; i++) e = coordinate_make(f, t, &like, size, i, &p->at[p->n++]);
  return e;
}

static int space_grow(struct rt_fit *f) {
  struct rt_space *p = &f->space;
  struct rt_coordinate *had = p->at;
  double all = p->n;
  for (uint32_t i = 0; i < f->n_trained; i++) all += (double)f->trained[i].n;
  if (all > 1e9) return rt_fail_at(NSL_ECANNOT, f->def->place, "%.3g free weights: more than 1e9 are too many", all);
  p->at = rt_alloc(&f->s->mem, (uint64_t)all + 1, sizeof *p->at);
  if (!p->at) return NSL_EMEMORY;
  memcpy(p->at, had, p->n * sizeof *had);
  return 0;
}

static int all_find(struct rt_fit *f, struct rt_sim *s) {
  struct rt_synapses k = {.s = s};
  int e = 0;
  for (uint32_t i = 0; i < f->def->n_free; i++) {
    uint64_t n = 0;
    for (uint32_t j = 0; !e && j < f->def->free[i].n_weights; j++, f->n_trained++) {
      e = projection_find(f, &k, i, f->def->free[i].weights[j], &f->trained[f->n_trained]);
      n += f->trained[f->n_trained].n;
    }
    if (!e && rt_is_weights(f, i) && !n) e = rt_fail_at(NSL_EMODEL, f->def->free[i].place, "free %s: these connections have no synapse", f->def->free[i].path);
  }
  rt_synapses_drop(&k);
  return e;
}

int rt_trained_find(struct rt_fit *f) {
  struct rt_mem mem = {0};
  struct rt_sim s = {0};
  uint64_t most = 0;
  for (uint32_t i = 0; i < f->def->n_free; i++) most += f->def->free[i].n_weights;
  if (!most) return 0;
  f->trained = rt_alloc(&f->s->mem, most, sizeof *f->trained);
  int e = f->trained ? rt_network_build(f, false, NULL, NULL, f->s->threads, &mem, &s) : NSL_EMEMORY;
  if (!e) e = all_find(f, &s);
  if (!e) e = space_grow(f);
  for (uint32_t i = 0; !e && i < f->n_trained; i++) e = coordinates_add(f, &f->trained[i]);
  rt_close(&s);
  rt_mem_free(&mem);
  return e;
}

/* ---- of a place */

static double *weights_of(const struct rt_fit *f, const struct rt_trained *t, const double *place, struct rt_mem *mem) {
  double *w = rt_alloc(mem, t->n + 1, sizeof *w);
  for (uint64_t i = 0; w && i < t->n; i++) w[i] = rt_space_value(&f->space.at[t->first + i], place[t->first + i]);
  return w;
}

static double *direction_of(const struct rt_trained *t, uint32_t along, struct rt_mem *mem) {
  double *w = rt_alloc(mem, t->n + 1, sizeof *w);
  if (w && along >= t->first && along < t->first + t->n) w[along - t->first] = 1;
  return w;
}

int rt_trained_given(const struct rt_fit *f, const struct nsl_experiment *x, const double *place, uint32_t along, struct rt_mem *mem,
                     const struct rt_given **ret) {
  struct rt_given *all = f->n_trained ? rt_alloc(mem, x->n_projections, sizeof *all) : NULL;
  *ret = all;
  for (uint32_t i = 0; i < f->n_trained; i++) {
    const struct rt_trained *t = &f->trained[i];
    const double *w = all ? weights_of(f, t, place, mem) : NULL;
    if (!w) return NSL_EMEMORY;
    all[t->projection] = (struct rt_given){t->begin, w};
    for (uint32_t k = 0; k < x->n_projections; k++) {
      if (x->projections[k].along != t->projection + 1) continue;
      all[k] = (struct rt_given){t->begin, direction_of(t, along, mem)};
      if (!all[k].weights) return NSL_EMEMORY;
    }
  }
  return 0;
}

void rt_trained_ends(const struct rt_fit *f, uint32_t coordinate, uint32_t *ret_source, uint32_t *ret_target) {
  for (uint32_t i = 0; i < f->n_trained; i++) {
    const struct rt_trained *t = &f->trained[i];
    uint32_t source = 0;
    if (coordinate < t->first || coordinate - t->first >= t->n) continue;
    while (t->begin[source + 1] <= coordinate - t->first) source++;
    *ret_source = t->s0 + source;
    *ret_target = t->to[coordinate - t->first];
  }
}

/* ---- what is left behind */

struct rt_weights_seen rt_weights_look(const struct rt_fit_end *end, uint32_t free) {
  const struct rt_space *p = &end->f->space;
  double unit = end->f->def->free[free].unit_scale, squares = 0;
  struct rt_weights_seen seen = {.least = INFINITY, .most = -INFINITY};
  for (uint32_t i = p->n_plain; i < p->n; i++) {
    if (p->at[i].free != free) continue;
    double w = rt_space_value(&p->at[i], end->x[i]) / unit;
    seen.n++;
    seen.mean += w;
    squares += w * w;
    seen.least = fmin(seen.least, w);
    seen.most = fmax(seen.most, w);
  }
  seen.mean /= (double)seen.n;
  seen.sd = sqrt(fmax(0, squares / (double)seen.n - seen.mean * seen.mean));
  return seen;
}

const char *rt_weights_name(const struct rt_fit *f, char *text, size_t size) {
  snprintf(text, size, "%.240s.weights.h5", f->s->program->name);
  return text;
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

struct columns { /* of the file */
  uint64_t *source, *target, *order;
  double *delay, *weight;
};

static void columns_fill(const struct rt_fit_end *end, const struct rt_trained *t, struct columns *c) {
  const struct rt_fit *f = end->f;
  double unit = f->def->free[t->free].unit_scale;
  for (uint32_t k = 0; k < t->sn; k++) {
    uint64_t from = t->begin[k], n = t->begin[k + 1] - from;
    for (uint64_t i = 0; i < n; i++) c->order[from + i] = (uint64_t)t->to[from + i] << 32 | i;
    qsort(c->order + from, n, sizeof *c->order, by_value);
    for (uint64_t i = from; i < from + n; i++) {
      uint64_t at = from + (uint32_t)c->order[i], x = t->first + at;
      c->source[i] = t->s0 + k;
      c->target[i] = t->to[at];
      c->delay[i] = (t->delay ? t->delay[at] : t->delay_steps) * f->s->dt;
      c->weight[i] = rt_space_value(&f->space.at[x], end->x[x]) / unit;
    }
  }
}

static int ids_put(struct rt_h5 *h, hid_t in, const char *name, const char *population, const uint64_t *ids, uint64_t n) {
  int e = rt_h5_array(h, in, name, H5T_NATIVE_UINT64, n, ids, NULL);
  hid_t set = e ? -1 : H5Dopen2(in, name, H5P_DEFAULT);
  if (!e) e = set < 0 ? NSL_EIO : rt_h5_text(h, set, "node_population", population);
  if (set >= 0) H5Dclose(set);
  return e;
}

static int projection_put(const struct rt_fit_end *end, const struct rt_trained *t, struct rt_h5 *h, struct rt_mem *mem) {
  const struct nsl_experiment *x = &end->f->def->x;
  const struct nsl_free *def = &end->f->def->free[t->free];
  struct columns c = {rt_alloc(mem, t->n + 1, 8), rt_alloc(mem, t->n + 1, 8), rt_alloc(mem, t->n + 1, 8), rt_alloc(mem, t->n + 1, 8), rt_alloc(mem, t->n + 1, 8)};
  const uint32_t *types = rt_alloc(mem, t->n + 1, sizeof *types);
  char name[640];
  if (!types || !c.source || !c.target || !c.order || !c.delay || !c.weight) return NSL_EMEMORY;
  columns_fill(end, t, &c);
  snprintf(name, sizeof name, "edges/%.500s", x->projections[t->projection].path);
  hid_t in = rt_h5_group(h, h->file, name), first = in < 0 ? -1 : rt_h5_group(h, in, "0");
  int e = first < 0 ? NSL_EIO : ids_put(h, in, "source_node_id", x->populations[t->source].path, c.source, t->n);
  if (!e) e = ids_put(h, in, "target_node_id", x->populations[t->target].path, c.target, t->n);
  if (!e) e = rt_h5_array(h, first, "delay", H5T_NATIVE_DOUBLE, t->n, c.delay, "ms");
  if (!e) e = rt_h5_array(h, first, "syn_weight", H5T_NATIVE_DOUBLE, t->n, c.weight, def->unit);
  if (!e) e = rt_h5_array(h, in, "edge_type_id", H5T_NATIVE_UINT32, t->n, types, NULL); /* one type, 0 */
  if (first >= 0) H5Gclose(first);
  if (in >= 0) H5Gclose(in);
  return e;
}

int rt_weights_write(const struct rt_fit_end *end, struct rt_out *out) {
  struct rt_h5 h;
  struct rt_mem mem = {0};
  char name[300];
  const struct rt_fit *f = end->f;
  if (!f->n_trained) return 0;
  const char *path = rt_out_file(out, rt_weights_name(f, name, sizeof name));
  int e = path ? rt_h5_create(&h, path) : NSL_EIO, bad = 0;
  for (uint32_t i = 0; !e && i < f->n_trained; i++)
    if (f->trained[i].n) e = projection_put(end, &f->trained[i], &h, &mem);
  if (path) bad = rt_h5_close(&h);
  rt_mem_free(&mem);
  return e ? e : bad;
}
