/* The reactions of a component -> its conservation laws: whole weights w with sum w x constant whatever the rates are.
 *
 * They are the left null space of the stoichiometric matrix, in whole numbers. First those without negative weights, which
 * say of what the substances are made: the rays of the cone are enumerated column by column (Schuster and Hoefer 1991, doi
 * 10.1039/FT9918702561), and of them the shortest that are independent are kept. What the cone does not span (a - b of a + b
 * -> 0) comes from elimination. In laws without negative weights one state that is in no other law can follow from
 * the rest: x = total - sum of the others; a state with weight 1 does so without a further rounding. Of several the
 * one with the largest initial value, whose own digits lose least. Also here: how fast the reactions can be at most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/lower.h"
#include "lang/session.h"
#include "lang/warn.h"

enum { MOST_ROWS = 256, LARGEST_ENTRY = 1000000, MOST_FREE = 10 };

typedef struct {
  Arena *a;
  uint32_t species, columns; /* states that react; reactions, ways back left out */
  uint32_t *state;           /* by species: of the class */
  VEC(int64_t *) rows;       /* columns of what is left of the reactions, then the species' weights */
  bool failed;               /* too many, or too large numbers */
} Tableau;

static uint32_t width(const Tableau *t) { return t->columns + t->species; }

static int64_t gcd(int64_t x, int64_t y) {
  for (x = llabs(x), y = llabs(y); y;) {
    int64_t rest = x % y;
    x = y, y = rest;
  }
  return x;
}

/* p x + q y, without a common factor. NULL: too large. */
static int64_t *combined(Tableau *t, const int64_t *x, int64_t p, const int64_t *y, int64_t q) {
  int64_t *r = NEW_ARRAY(t->a, int64_t, width(t)), common = 0;
  for (uint32_t i = 0; i < width(t); i++) {
    r[i] = p * x[i] + q * y[i];
    common = gcd(common, r[i]);
  }
  for (uint32_t i = 0; i < width(t) && common > 1; i++) r[i] /= common;
  for (uint32_t i = 0; i < width(t); i++) t->failed |= llabs(r[i]) > LARGEST_ENTRY;
  return t->failed ? NULL : r;
}

/* States that react with each other, directly or through others: laws are found for each such system alone. */
static uint32_t root(uint32_t *system, uint32_t i) {
  while (system[i] != i) i = system[i] = system[system[i]];
  return i;
}

static uint32_t *systems_of(Arena *a, const IrClass *c, const uint32_t *of_var) {
  uint32_t *system = NEW_ARRAY(a, uint32_t, c->states.n + 1);
  for (uint32_t i = 0; i < c->states.n; i++) system[i] = i;
  for (uint32_t i = 0; i < c->component->reactions.n; i++) {
    const MReaction *r = &c->component->reactions.at[i];
    uint32_t first = IR_NONE;
    for (uint32_t j = 0; j < r->species.n; j++) {
      const MSpecies *one = &r->species.at[j];
      uint32_t state = one->var->kind == VAR_STATE && one->made != one->taken ? of_var[one->var->index] : IR_NONE;
      if (state == IR_NONE) continue;
      if (first == IR_NONE) first = state;
      system[root(system, state)] = root(system, first);
    }
  }
  for (uint32_t i = 0; i < c->states.n; i++) system[i] = root(system, i);
  return system;
}

/* Does the reaction change a state of the system? */
static bool changes(const MReaction *r, const uint32_t *of_var, const uint32_t *system, uint32_t of) {
  for (uint32_t j = 0; j < r->species.n; j++) {
    const MSpecies *one = &r->species.at[j];
    uint32_t state = one->var->kind == VAR_STATE && one->made != one->taken ? of_var[one->var->index] : IR_NONE;
    if (state != IR_NONE) return system[state] == of;
  }
  return false;
}

/* The identity beside the stoichiometric matrix: what stands in the columns of a row is what its weights change by each reaction. */
static Tableau tableau_of(Arena *a, const IrClass *c, const uint32_t *of_var, const uint32_t *system, uint32_t of) {
  const MComponent *m = c->component;
  Tableau t = {.a = a, .state = NEW_ARRAY(a, uint32_t, m->vars.n + 1)};
  uint32_t *at = NEW_ARRAY(a, uint32_t, c->states.n + 1);
  memset(at, 0xff, (c->states.n + 1) * sizeof *at);
  for (uint32_t i = 0; i < m->reactions.n; i++)
    t.columns += !m->reactions.at[i].reverse && changes(&m->reactions.at[i], of_var, system, of);
  for (uint32_t i = 0; i < m->vars.n; i++) {
    const MVar *var = m->vars.at[i];
    if (var->kind != VAR_STATE || !(var->reacts || var->counts) || of_var[i] == IR_NONE || system[of_var[i]] != of) continue;
    at[of_var[i]] = t.species;
    t.state[t.species++] = of_var[i];
  }
  for (uint32_t i = 0; i < t.species; i++) {
    int64_t *row = NEW_ARRAY(a, int64_t, width(&t));
    row[t.columns + i] = 1;
    vec_push(a, &t.rows, row);
  }
  for (uint32_t i = 0, column = 0; i < m->reactions.n; i++) {
    const MReaction *r = &m->reactions.at[i];
    if (r->reverse || !changes(r, of_var, system, of)) continue;
    for (uint32_t j = 0; j < r->species.n; j++) {
      const MSpecies *one = &r->species.at[j];
      uint32_t state = one->var->kind == VAR_STATE ? of_var[one->var->index] : IR_NONE;
      if (state != IR_NONE && at[state] != IR_NONE) t.rows.at[at[state]][column] += (int64_t)one->made - one->taken;
    }
    column++;
  }
  return t;
}

/* Does the law x need no state beyond those of y? */
static bool within(const Tableau *t, const int64_t *x, const int64_t *y) {
  for (uint32_t i = t->columns; i < width(t); i++)
    if (x[i] && !y[i]) return false;
  return true;
}

/* Laws that hold for this reaction too: rows without it, and sums of two that lose it. */
static void cone_column(Tableau *t, uint32_t column) {
  Tableau next = *t;
  memset(&next.rows, 0, sizeof next.rows);
  for (uint32_t i = 0; i < t->rows.n; i++)
    if (!t->rows.at[i][column]) vec_push(t->a, &next.rows, t->rows.at[i]);
  for (uint32_t i = 0; i < t->rows.n && !next.failed; i++)
    for (uint32_t j = i + 1; j < t->rows.n && !next.failed; j++) {
      int64_t x = t->rows.at[i][column], y = t->rows.at[j][column];
      if (!x || !y || (x > 0) == (y > 0)) continue;
      int64_t *sum = combined(&next, t->rows.at[i], llabs(y), t->rows.at[j], llabs(x));
      bool shortest = sum != NULL;
      for (uint32_t k = 0; k < next.rows.n && shortest; k++) shortest = !within(t, next.rows.at[k], sum);
      if (shortest) vec_push(t->a, &next.rows, sum);
      next.failed |= next.rows.n > MOST_ROWS;
    }
  *t = next;
}

/* Gaussian elimination: the rows whose reactions are all 0 span the null space. */
static void eliminate_column(Tableau *t, uint32_t column) {
  uint32_t pivot = 0;
  while (pivot < t->rows.n && !t->rows.at[pivot][column]) pivot++;
  if (pivot == t->rows.n) return;
  const int64_t *with = t->rows.at[pivot];
  Tableau next = *t;
  memset(&next.rows, 0, sizeof next.rows);
  for (uint32_t i = 0; i < t->rows.n && !next.failed; i++) {
    int64_t *row = t->rows.at[i];
    if (i == pivot) continue;
    if (row[column]) row = combined(&next, row, with[column], with, -row[column]);
    if (row) vec_push(t->a, &next.rows, row);
  }
  *t = next;
}

/* Weights, reduced by those that are kept: all 0 if they follow from them. */
static bool independent(Tableau *t, Tableau *kept, const int64_t *law) {
  int64_t *rest = NEW_ARRAY(t->a, int64_t, width(t));
  memcpy(rest, law, width(t) * sizeof *rest);
  for (uint32_t i = 0; i < kept->rows.n; i++) {
    const int64_t *row = kept->rows.at[i];
    uint32_t lead = t->columns;
    while (!row[lead]) lead++;
    if (rest[lead]) rest = combined(kept, rest, row[lead], row, -rest[lead]);
    if (!rest) return false;
  }
  for (uint32_t i = t->columns; i < width(t); i++)
    if (rest[i]) {
      vec_push(t->a, &kept->rows, rest);
      return true;
    }
  return false;
}

static uint32_t length(const Tableau *t, const int64_t *law) {
  uint32_t n = 0;
  for (uint32_t i = t->columns; i < width(t); i++) n += law[i] != 0;
  return n;
}

static void add_law(Lower *l, IrClass *c, const Tableau *t, const int64_t *row) {
  IrLaw law = {.dependent = IR_NONE, .positive = true};
  uint32_t first = t->columns;
  while (!row[first]) first++;
  for (uint32_t i = first; i < width(t); i++) {
    int64_t w = row[first] < 0 ? -row[i] : row[i];
    if (!w) continue;
    law.positive &= w > 0;
    vec_push(l->a, &law.members, ((IrLawMember){.state = t->state[i - t->columns], .weight = (int32_t)w}));
  }
  vec_push(l->a, &c->laws, law);
}

/* The independent rows of t, the shortest first. */
static void take_rows(Lower *l, IrClass *c, Tableau *t, Tableau *kept) {
  for (uint32_t n = 1; n <= t->species; n++)
    for (uint32_t i = 0; i < t->rows.n; i++)
      if (length(t, t->rows.at[i]) == n && independent(t, kept, t->rows.at[i])) add_law(l, c, t, t->rows.at[i]);
}

static uint32_t weight_in(const IrLaw *law, uint32_t state) {
  for (uint32_t i = 0; i < law->members.n; i++)
    if (law->members.at[i].state == state) return (uint32_t)abs(law->members.at[i].weight);
  return 0;
}

static double initial(const MVar *var) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  double x;
  return !var->draw && warn_value(&nowhere, var->value, &x) ? x : 0;
}

static void choose_dependent(IrClass *c, IrLaw *law) {
  double largest = -INFINITY;
  for (uint32_t i = 0; i < law->members.n; i++) {
    uint32_t state = law->members.at[i].state, laws = 0;
    for (uint32_t k = 0; k < c->laws.n; k++) laws += weight_in(&c->laws.at[k], state) > 0;
    double x = initial(c->states.at[state].var);
    if (law->members.at[i].weight != 1 || laws > 1 || c->states.at[state].var->counts || x <= largest) continue;
    largest = x;
    law->dependent = state;
  }
}

static void laws_of(Lower *l, IrClass *c, const uint32_t *of_var, const uint32_t *system, uint32_t of) {
  Tableau cone = tableau_of(l->a, c, of_var, system, of), space = tableau_of(l->a, c, of_var, system, of), kept = space;
  memset(&kept.rows, 0, sizeof kept.rows);
  for (uint32_t i = 0; i < cone.columns && !cone.failed; i++) cone_column(&cone, i);
  for (uint32_t i = 0; i < space.columns && !space.failed; i++) eliminate_column(&space, i);
  if (!cone.failed) take_rows(l, c, &cone, &kept);
  if (!space.failed) take_rows(l, c, &space, &kept);
}

void lower_laws(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  if (!c->component->reactions.n) return;
  uint32_t *of_var = NEW_ARRAY(l->a, uint32_t, c->component->vars.n + 1);
  for (uint32_t i = 0; i < c->component->vars.n; i++) of_var[i] = IR_NONE;
  for (uint32_t i = 0; i < c->states.n; i++)
    if (!c->states.at[i].counter) of_var[c->states.at[i].var->index] = i;
  const uint32_t *system = systems_of(l->a, c, of_var);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    if (system[i] == i && !c->states.at[i].counter && (var->reacts || var->counts)) laws_of(l, c, of_var, system, i);
  }
  for (uint32_t i = 0; i < c->laws.n; i++)
    if (c->laws.at[i].positive) choose_dependent(c, &c->laws.at[i]);
}

/* ---- how fast */

/* The most that there can be of a state: its laws' totals at the start; infinite: no law bounds it. */
static double most_of(const IrClass *c, const WarnPoint *at, uint32_t state) {
  double most = INFINITY;
  for (uint32_t k = 0; k < c->laws.n; k++) {
    const IrLaw *law = &c->laws.at[k];
    double total = 0;
    if (!law->positive || !weight_in(law, state)) continue;
    for (uint32_t i = 0; i < law->members.n; i++) {
      double x;
      const MVar *var = c->states.at[law->members.at[i].state].var;
      total += !var->draw && warn_value(at, var->value, &x) ? law->members.at[i].weight * x : INFINITY;
    }
    most = fmin(most, total / weight_in(law, state));
  }
  return most;
}

/* Sum over the species of |d rate / d x| at the most that there can be of each. */
static double steepest(const Shape *shape, const WarnPoint *at, const MReaction *r) {
  double sum = 0, k;
  if (!warn_value(at, r->constant, &k)) return INFINITY;
  for (uint32_t j = 0; j < r->species.n; j++) {
    double slope = fabs(k) * r->species.at[j].taken;
    for (uint32_t i = 0; slope > 0 && i < r->species.n; i++) {
      const MSpecies *one = &r->species.at[i];
      uint32_t power = one->taken - (i == j);
      if (power && (one->var->kind != VAR_STATE || one->var == shape->given || shape->setting[one->var->index])) return INFINITY;
      if (power) slope *= pow(most_of(shape->c, at, shape->index[one->var->index]), power);
    }
    sum += slope;
  }
  return sum;
}

/* Gershgorin's bound of the decay rates of a state. */
static double fastest_of(const Shape *shape, const WarnPoint *at, const MVar *state) {
  const MComponent *m = shape->c->component;
  double fastest = 0;
  for (uint32_t k = 0; k < m->reactions.n; k++) {
    const MReaction *r = &m->reactions.at[k];
    for (uint32_t j = 0; j < r->species.n; j++) {
      const MSpecies *one = &r->species.at[j];
      if (one->var == state && one->made != one->taken) fastest += abs((int)one->made - (int)one->taken) * steepest(shape, at, r);
    }
  }
  return fastest;
}

/* A corner of the box in which a fit looks for its params: bit i of corner is the upper bound of the i-th. false: it has none, or
 * what is free is an initial value, of which all totals are made. */
static bool corner_at(const MFit *fit, uint32_t corner, bool *has, double *at) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  for (uint32_t i = 0; i < fit->free.n; i++) {
    const MFree *f = &fit->free.at[i];
    const MExpr *bound = corner >> i & 1 ? f->domain.hi : f->domain.lo;
    if (f->initial || !f->var || !bound || !warn_value(&nowhere, bound, &at[f->var->index])) return false;
    has[f->var->index] = true;
  }
  return true;
}

/* Marks states that react within five steps by nothing, where all is known: as declared, and in a fit wherever it may look,
 * which are the corners of its bounds: a rate is a product or quotient of params as a rule, and largest there. */
void lower_slow(Lower *l, Shape *shape, const MExperiment *x) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  const MComponent *m = shape->c->component;
  const MFit *fit = shape->fit;
  double dt, *at = NEW_ARRAY(l->a, double, m->vars.n + 1);
  bool *has = NEW_ARRAY(l->a, bool, m->vars.n + 1);
  if (!m->reactions.n || !warn_value(&nowhere, x->dt, &dt) || (fit && fit->free.n > MOST_FREE)) return;
  dt = ir_own_step(shape->pop, dt);
  uint32_t corners = 1u << (fit ? fit->free.n : 0);
  if (fit && !(corner_at(fit, 0, has, at) && corner_at(fit, corners - 1, has, at))) return;
  for (uint32_t corner = 0; corner < corners; corner++) {
    if (fit) corner_at(fit, corner, has, at);
    WarnPoint here = {shape->pop, has, at};
    for (uint32_t i = 0; i < shape->c->states.n; i++) {
      IrState *state = &shape->c->states.at[i];
      state->slow = state->var->reacts && (corner == 0 || state->slow) && fastest_of(shape, &here, state->var) * dt <= 0.4;
    }
  }
}
