/* `population cell[k in pop] : iaf_psc_exp[N[k]] { … }` -> one MPopulation for each element, with its
 * settings.
 *
 * What an experiment sets (`cell[L4e].tau_m = 12 ms`) takes the place of what the network says, so that the
 * paths which --set takes can be written in a file as well. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

enum { LARGEST_POPULATION = 2147483647, MOST_PARTS = 1000, MOST_STEPS = 1000000 };

void net_declare_population(Net *n, const AstPopulation *ast) {
  if (name_none(ast->name.name)) return;
  NetPop *pop = NEW(n->s->arena, NetPop);
  pop->tag = NET_POP;
  pop->name = ast->name.name;
  pop->ast = ast;
  bool good = net_axes(n, &ast->binders, &pop->axes) && net_count(n, ast->head.span, pop->axes.count);
  if (name_eq(pop->name, n->name))
    diag_population_as_network(n->s, ast->name.span, name_str(n->s, pop->name), n->span);
  pop->symbol = scope_declare(n->c, n->scope, SYM_POPULATION, pop->name, ast->name.span);
  pop->symbol->context = pop;
  pop->symbol->failed = true;
  if (good) vec_push(n->s->arena, &n->pops, pop);
}

/* What may stand alone. */
MComponent *net_whole_component(Checker *c, Scope *scope, const Ast *ref) {
  Session *s = c->s;
  MComponent *component = check_component_ref(c, scope, ref);
  if (component && !component_stands_alone(s, component->what)) {
    diag_not_a_neuron(s, ref->span, name_str(s, component->name), name_str(s, component->what),
                      component->span);
    return NULL;
  }
  if (component && component->acts_on) {
    diag_acts_on_host(s, ref->span, name_str(s, component->name), name_str(s, component->acts_on->name), component->acts_on->span);
    return NULL;
  }
  return component;
}

static bool same_setting(Net *n, const MPopulation *p, const MSetting *set, Span span) {
  for (uint32_t i = 0; i < p->settings.n; i++)
    if (p->settings.at[i].var == set->var) {
      diag_setting_twice(n->s, span, name_str(n->s, set->var->name), p->settings.at[i].span);
      return true;
    }
  return false;
}

/* What a part is given: inside it the new value, outside what held before. */
static bool part_setting(Net *n, const MSlice *slice, MSetting *set) {
  MExpr *before = set->var->value;
  bool draw = set->var->draw;
  for (uint32_t i = 0; i < slice->pop->settings.n; i++) {
    const MSetting *other = &slice->pop->settings.at[i];
    if (other->var != set->var) continue;
    before = other->value;
    draw = other->draw;
  }
  if (!before) before = expr_number(n->c, set->var->kind == VAR_STATE ? 0 : NAN, set->var->dim, set->span);
  MExpr *inside = cells_inside(n->c, slice->span), *zero = expr_number(n->c, 0, DIM_NONE, set->span);
  MExpr *outside = expr_call(n->c, B_EQ, set->span, DIM_NONE, M_BOOL, (MExpr *[]){inside, zero}, 2);
  MExpr *args[3] = {outside, before, set->value};
  set->value = expr_call(n->c, B_SELECT, set->span, set->var->dim, M_REAL, args, 3);
  set->draw |= draw;
  return set->value != NULL;
}

static bool setting_fits(Net *n, const MSetting *set) {
  const MVar *var = set->var;
  return set->draw || net_in_domain(n, set->value, &var->domain, var->name, var->unit_scale, var->unit);
}

/* Settings of all elements of a population, or of a part. */
static bool cell_settings(Net *n, Scope *scope, const MSlice *slice, const AstAssign *assign, MSettingList *ret) {
  Known size = net_known(n, slice->pop->size), from = net_known(n, slice->from), to = net_known(n, slice->to);
  const char *name = name_str(n->s, slice->pop->path);
  CellsContext cells = {.name = name, .known = size.known, .count = size.value, .from = slice->from, .to = slice->to,
                        .nodes = slice->pop->place.has && slice->pop->place.kind == PLACE_NODES};
  if (slice->from) {
    cells.name = arena_printf(n->s->arena, "%s[%s]", name, from.known && to.known ? arena_printf(n->s->arena, "%.16g..%.16g", from.value, to.value) : "…");
    cells.known = from.known && to.known;
    cells.count = to.value - from.value + 1;
  }
  n->c->cells = &cells;
  bool good = check_setting(n->c, scope, slice->pop->component, assign, ret);
  for (uint32_t i = 0; good && slice->from && i < ret->n; i++)
    good = setting_fits(n, &ret->at[i]) && part_setting(n, slice, &ret->at[i]);
  n->c->cells = NULL;
  return good;
}

static bool population_settings(Net *n, Scope *scope, MPopulation *p, const AstList *settings) {
  bool good = true;
  for (uint32_t i = 0; i < settings->n; i++) {
    const Ast *st = settings->at[i];
    const AstAssign *assign = check_assignment(n->c, st);
    MSettingList sets = {0};
    if (!assign) {
      net_misplaced(n, st, "the settings of a population",
                    "Settings look like `tau_m = 12 ms` or `V ~ normal(a, b)`.");
      return false;
    }
    bool bound = false;
    if (net_feed_setting(n, p, assign, &bound)) {
      good &= bound;
      continue;
    }
    good &= cell_settings(n, scope, &(MSlice){.pop = p}, assign, &sets);
    for (uint32_t k = 0; k < sets.n; k++) {
      if (!setting_fits(n, &sets.at[k]) || same_setting(n, p, &sets.at[k], st->span)) good = false;
      else vec_push(n->s->arena, &p->settings, sets.at[k]);
    }
  }
  return good;
}

static bool population_cells_fit(Net *n, const MPopulation *p) {
  Known size = net_known(n, p->size);
  CellsContext cells = {.name = name_str(n->s, p->path), .known = size.known, .count = size.value};
  return cells_fit(n->c, &cells, p->component, &p->settings);
}

static MPopulation *population_new(Net *n, Name path, Name base, MComponent *component, MExpr *size,
                                   Span span) {
  MPopulation *p = NEW(n->s->arena, MPopulation);
  p->path = path;
  p->base = base;
  p->index = n->x->populations.n;
  p->component = component;
  p->size = size;
  p->span = span;
  p->parts = p->every = 1;
  vec_push(n->s->arena, &n->x->populations, p);
  return p;
}

/* What comes of an expression for a given dt. */
static double step_at(const Net *n, const MExpr *e, double dt) {
  Net with = *n;
  with.dt = (Known){true, dt};
  Known k = net_known(&with, e);
  return k.known ? k.value : NAN;
}

/* `step dt / 4`, `step 10 * dt`: a whole part or multiple of the run's step, known from numbers alone. */
static bool population_step(Net *n, Scope *scope, const Ast *ast, MPopulation *p) {
  Want want = {.has_dim = true, .dim = dim_time(1), .who = "the step of a population", .allow = ALLOW_DT};
  MExpr *e = check_expr(n->c, scope, ast, &want);
  if (!e) return false;
  double once = step_at(n, e, 1), twice = step_at(n, e, 2), parts = nearbyint(1 / once), every = nearbyint(once);
  bool fixed = !expr_has(e, MX_GLOBAL) && once > 0 && twice == 2 * once, finer = fixed && once < 1;
  if (!fixed || fabs(finer ? parts * once - 1 : every - once) > 1e-9 || parts > MOST_PARTS || every > MOST_STEPS) {
    diag_own_step(n->s, ast->span, MOST_PARTS, MOST_STEPS);
    return false;
  }
  if (finer) p->parts = (uint32_t)parts;
  else p->every = (uint32_t)every;
  return true;
}

void net_check_population(Net *n, NetPop *pop) {
  Session *s = n->s;
  const AstPopulation *ast = pop->ast;
  MComponent *component = net_whole_component(n->c, n->scope, ast->component);
  if (!component) return;
  pop->elements = NEW_ARRAY(s->arena, MPopulation *, pop->axes.count);
  pop->component = component;
  if (!ast->size) {
    diag_population_size_missing(s, ast->component->span, name_str(s, pop->name),
                                 name_str(s, component->name));
    return;
  }
  const char *who = arena_printf(s->arena, "the size of `%s`", name_str(s, pop->name));
  bool good = true;
  for (uint32_t i = 0; i < pop->axes.count; i++) {
    Scope *scope = net_scope_at(n, &pop->axes, i);
    MExpr *size = good ? net_count_expr(n, scope, ast->size, who, 1, LARGEST_POPULATION) : NULL;
    Name path = net_element_name(n, pop->name, &pop->axes, i);
    MPopulation *p = pop->elements[i] = population_new(n, path, pop->name, component, size, ast->name.span);
    good = good && size && (!ast->place || net_place(n, scope, ast->place, p)) && (!ast->step || population_step(n, scope, ast->step, p)) && population_settings(n, scope, p, &ast->settings) && population_cells_fit(n, p);
  }
}

void net_lone_population(Net *n, MComponent *component, Span span, const AstList *settings) {
  Session *s = n->s;
  NetPop *pop = NEW(s->arena, NetPop);
  pop->tag = NET_POP;
  pop->name = component->name;
  pop->axes.count = 1;
  pop->component = component;
  pop->symbol = scope_declare(n->c, n->scope, SYM_POPULATION, pop->name, span);
  pop->symbol->context = pop;
  pop->symbol->failed = true;
  pop->elements = NEW(s->arena, MPopulation *);
  MExpr *one = expr_number(n->c, 1, DIM_NONE, span);
  MPopulation *p = pop->elements[0] = population_new(n, pop->name, pop->name, component, one, span);
  vec_push(s->arena, &n->pops, pop);
  if (population_settings(n, n->scope, p, settings)) population_cells_fit(n, p);
}

/* ---- what an experiment sets in a population: `cell[L4e].na.g = 3 mS/cm^2` */


/* `E.o.x'`: as of `E.o`, with the primes at the end. */
static const Ast *split_primed(Net *n, const AstPrimed *p, Ast **ret_rest) {
  Ast *rest = ast_new(n->s, AST_PRIMED, (Span){p->name.span.from, p->head.span.to});
  const Ast *base = p->base;
  Ast *inner = NULL;
  if (base->kind == AST_MEMBER) base = net_split(n, base, &inner);
  AST_AS(Primed, rest)->base = inner;
  AST_AS(Primed, rest)->name = p->name;
  AST_AS(Primed, rest)->indices = p->indices;
  AST_AS(Primed, rest)->primes = p->primes;
  *ret_rest = rest;
  return base;
}

const Ast *net_split(Net *n, const Ast *ast, Ast **ret_rest) {
  if (ast->kind == AST_CALL) {
    Ast *inner;
    const Ast *base = net_split(n, AST_AS(Call, ast)->callee, &inner);
    *ret_rest = ast_new(n->s, AST_CALL, (Span){inner->span.from, ast->span.to});
    AST_AS(Call, *ret_rest)->callee = inner;
    AST_AS(Call, *ret_rest)->args = AST_AS(Call, ast)->args;
    return base;
  }
  if (ast->kind == AST_PRIMED) return split_primed(n, AST_AS(Primed, ast), ret_rest);
  if (ast->kind == AST_SUBSCRIPT) {
    Ast *inner;
    const Ast *base = net_split(n, AST_AS(Subscript, ast)->base, &inner);
    *ret_rest = ast_new(n->s, AST_SUBSCRIPT, (Span){inner->span.from, ast->span.to});
    AST_AS(Subscript, *ret_rest)->base = inner;
    AST_AS(Subscript, *ret_rest)->indices = AST_AS(Subscript, ast)->indices;
    return base;
  }
  const AstMember *m = AST_AS(Member, ast);
  if (m->base->kind != AST_MEMBER) {
    *ret_rest = ast_new(n->s, AST_NAME, m->name.span);
    AST_AS(NameRef, *ret_rest)->name = m->name;
    return m->base;
  }
  Ast *inner;
  const Ast *base = net_split(n, m->base, &inner);
  *ret_rest = ast_new(n->s, AST_MEMBER, (Span){inner->span.from, m->name.span.to});
  AST_AS(Member, *ret_rest)->base = inner;
  AST_AS(Member, *ret_rest)->name = m->name;
  return base;
}

static void replace_setting(Net *n, MPopulation *p, const MSetting *set) {
  for (uint32_t i = 0; i < p->settings.n; i++)
    if (p->settings.at[i].var == set->var) {
      p->settings.at[i] = *set;
      return;
    }
  vec_push(n->s->arena, &p->settings, *set);
}

void net_override_setting(Net *n, const AstAssign *assign) {
  AstAssign inner = *assign;
  MSliceList slices = {0};
  const Ast *base = net_split(n, assign->target, &inner.target);
  if (!net_slices(n, n->scope, base, &slices, NULL)) return;
  for (uint32_t i = 0; i < slices.n; i++) {
    MSettingList sets = {0};
    if (!cell_settings(n, n->scope, &slices.at[i], &inner, &sets)) return;
    for (uint32_t k = 0; k < sets.n; k++) {
      if (!setting_fits(n, &sets.at[k])) return;
      replace_setting(n, slices.at[i].pop, &sets.at[k]);
    }
  }
}
