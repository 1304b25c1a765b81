/* Profile likelihoods: one parameter is held at values around the best, and all others are found anew at each of them.
 *
 * The objective over such a profile says how sure a value is without the assumption that it is a parabola. Where it is a sum of
 * squares with N observations and n coordinates, the objective L rises to L (1 + 3.84 / (N - n)) at the ends of the 95 % interval
 * (the likelihood ratio of independent errors; 3.84: of chi square with one degree of freedom); a likelihood in nats by 1.92.
 * All values run side by side, as starts that begin at the best place; then once more from where their neighbours nearer to it have
 * ended, and the better of the two counts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit.h"

static const double apart[] = {0.5, 1, 1.5, 2, 3, 4.5, 7, 10}, CHI_SQUARE = 3.841458820694124;
enum { SIDE = sizeof apart / sizeof *apart, POINTS = 2 * SIDE + 1 };

static int stopped_look(void *context, const struct rt_search *s, uint32_t step) {
  const struct rt_stage_at *at = context;
  (void)s, (void)step;
  return at->f->s->interrupt && *at->f->s->interrupt ? rt_fail(NSL_ESTOPPED, "stopped") : 0;
}

/* ---- where it is held */

/* Steps of the standard deviation, where there is one; else over the whole domain. */
static double place_of(const struct rt_fit_end *end, uint32_t coordinate, int k) {
  const struct rt_coordinate *c = &end->f->space.at[coordinate];
  double x = end->x[coordinate], sd = end->certainty.why_not ? NAN : end->certainty.sd[coordinate], none;
  double slope = fabs(rt_space_slope(c, x)), away = k < 0 ? -apart[-k - 1] : apart[k - 1];
  if (isfinite(sd) && slope > 0) return x + away * sd / slope;
  double share = rt_space_share(c, x, &none), part = (double)(k < 0 ? -k : k) / (SIDE + 1);
  return isnan(share) ? x + away / 3 : rt_space_at_share(k < 0 ? share * (1 - part) : share + (1 - share) * part);
}

static int profile_make(const struct rt_fit_end *end, uint32_t coordinate, struct rt_profile *p) {
  struct rt_mem *mem = &end->f->s->mem;
  uint64_t n = end->f->space.n;
  *p = (struct rt_profile){.coordinate = coordinate, .n = POINTS, .x = rt_alloc(mem, POINTS * n, sizeof *p->x),
                           .loss = rt_alloc(mem, POINTS, sizeof *p->loss), .lowest = NAN, .highest = NAN, .limit = NAN};
  if (!p->x || !p->loss) return NSL_EMEMORY;
  for (int i = 0; i < POINTS; i++) {
    memcpy(p->x + i * n, end->x, n * sizeof *p->x);
    if (i != SIDE) p->x[i * n + coordinate] = place_of(end, coordinate, i - SIDE);
    p->loss[i] = INFINITY;
  }
  p->loss[SIDE] = end->last->search.loss[end->last->best];
  return 0;
}

/* ---- the search */

static int pass_run(const struct rt_fit_end *end, struct rt_stage_at *at, struct rt_profile *p, bool neighbours) {
  static const struct nsl_option options[] = {{"steps", 100}, {"tolerance", 1e-10}, {"memory", 10}};
  struct rt_fit *f = end->f;
  struct rt_mem mem = {0};
  struct rt_search s;
  uint64_t n = f->space.n;
  bool squares = !rt_squares_missing(f, end->last->def);
  bool *held = rt_alloc(&mem, n + 1, sizeof *held);
  if (!held) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++) held[i] = i == p->coordinate || rt_stage_holds(f, end->last->def, i);
  struct rt_objective objective = rt_stage_objective(at, held);
  objective.look = stopped_look;
  int e = rt_search_make(&mem, &objective, POINTS, &s);
  s.options = options;
  s.n_options = sizeof options / sizeof *options;
  for (int i = 0; !e && i < POINTS; i++) {
    int from = neighbours ? i + (i < SIDE) - (i > SIDE) : i;
    memcpy(s.x + i * n, p->x + from * n, n * sizeof *s.x);
    s.x[i * n + p->coordinate] = p->x[i * n + p->coordinate];
  }
  if (!e) e = rt_search_run(&s, squares ? NSL_OPTIMIZER_LM : NSL_OPTIMIZER_LBFGS);
  for (int i = 0; !e && i < POINTS; i++) {
    if (!(s.loss[i] < p->loss[i])) continue;
    p->loss[i] = s.loss[i];
    memcpy(p->x + i * n, s.x + i * n, n * sizeof *s.x);
  }
  rt_mem_free(&mem);
  return e;
}

/* Where the objective crosses the limit on one side (-1, 1), on the root of its rise, which is straight for a parabola; NAN: it
 * does not. */
static double crossing(const struct rt_fit_end *end, const struct rt_profile *p, int side) {
  uint64_t n = end->f->space.n, c = p->coordinate;
  double least = p->loss[SIDE], want = sqrt(p->limit - least);
  for (int k = 0; k < SIDE; k++) {
    int a = SIDE + side * k, b = a + side;
    double up = sqrt(fmax(0, p->loss[b] - least)), low = sqrt(fmax(0, p->loss[a] - least));
    if (!(up >= want) || !(up > low)) continue;
    double share = isfinite(up) ? (want - low) / (up - low) : 0;
    double x = p->x[a * n + c] + share * (p->x[b * n + c] - p->x[a * n + c]);
    return rt_space_value(&end->f->space.at[c], x);
  }
  return NAN;
}

static void interval_find(struct rt_fit_end *end, struct rt_profile *p) {
  double rise = end->certainty.why_not ? NAN : end->certainty.rise, least = p->loss[SIDE], found = least;
  char name[120];
  for (int i = 0; i < POINTS; i++) found = fmin(found, p->loss[i]);
  rt_space_name(end->f->def, &end->f->space.at[p->coordinate], name, sizeof name);
  if (found < least - (isfinite(rise) ? 0.1 * rise : 1e-4 * fabs(least)))
    rt_warn(end->f->s, "the profile of %s has found a lower objective, %.6g: the fit has not found its least", name, found);
  if (!(rise > 0)) return;
  p->limit = least + CHI_SQUARE * rise;
  p->lowest = crossing(end, p, -1);
  p->highest = crossing(end, p, 1);
}

static int profile_run(struct rt_fit_end *end, uint32_t coordinate, struct rt_profile *p) {
  struct rt_stage_at at = end->last->at;
  at.dropout = 0;
  int e = profile_make(end, coordinate, p);
  if (!e) e = pass_run(end, &at, p, false);
  if (!e) e = pass_run(end, &at, p, true);
  if (!e) interval_find(end, p);
  return e;
}

/* ---- which */

/* Is `path` in the list, whose names stand between commas? */
static bool is_named(const char *list, const char *path) {
  size_t n = strlen(path);
  if (strcmp(list, "all") == 0) return true;
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, path, n) == 0 && (at[n] == 0 || at[n] == ',')) return true;
  return false;
}

/* Every name must be that of a free parameter. */
int rt_profile_check(const struct rt_fit *f, const char *list) {
  char names[400] = "";
  for (uint32_t i = 0; i < f->def->n_free && strlen(names) < 300; i++)
    if (!rt_is_weights(f, i)) snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.60s", *names ? ", " : "", f->def->free[i].path);
  const struct nsl_stage *last = &f->def->stages[f->def->n_stages - 1];
  if (rt_squares_missing(f, last) && !rt_stage_can(f, last, RT_GRADIENT))
    return rt_fail_at(NSL_ECANNOT, last->place, "--profile finds the other parameters anew by gradients, and the last stage has none");
  for (const char *at = list; strcmp(list, "all") != 0 && at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    size_t n = strcspn(at, ",");
    bool known = false;
    for (uint32_t i = 0; i < f->def->n_free; i++)
      known |= !rt_is_weights(f, i) && strlen(f->def->free[i].path) == n && strncmp(at, f->def->free[i].path, n) == 0;
    if (!known) return rt_fail(NSL_EINPUT, "--profile %.*s: that is not free; free are %s", (int)n, at, names);
  }
  return 0;
}

int rt_fit_profiles(struct rt_fit_end *end, const char *list) {
  const struct rt_fit *f = end->f;
  int e = 0;
  end->profiles = rt_alloc(&f->s->mem, (uint64_t)f->space.n + 1, sizeof *end->profiles);
  if (!end->profiles) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < f->space.n_plain; i++) {
    if (!is_named(list, f->def->free[f->space.at[i].free].path)) continue;
    e = profile_run(end, i, &end->profiles[end->n_profiles]);
    if (!e) end->n_profiles++;
  }
  return e;
}
