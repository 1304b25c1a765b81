/* Signals that synapses follow from event to event: where a signal decays on its own between the spikes that change it, and all
 * equations of a synapse are linear in its states, in the signal, and in products of two that decay, the synapse's states have
 * closed forms between its own events and those of the signal (eligibility times dopamine is one exponential more).
 *
 * Then the input that is bound to the signal becomes a state that is known as of the signal's last event, with the signal's
 * equation; each product becomes such a state too, made anew from its factors; and the signal counts its events. Otherwise all stays
 * as it is: the synapse is stepped and holds the signal over the step. Needs: a network without errors, whose phases are known. */
#include "lang/net.h"

typedef struct {
  MExpr *coef;
  MVar *a, *b; /* states; NULL: none */
} Term;
typedef VEC(Term) Terms;

typedef struct {
  Net *n;
  MPlastic *plastic;
  MComponent *m;
  MExpr **rate; /* by variable: it decays with this coefficient and nothing else moves it; or NULL */
  Terms *terms; /* of its equation */
  VEC(MVar *) products;
} Closing;

/* ---- equations as polynomials */

static MExpr *call(const Closing *k, Builtin b, MExpr *x, MExpr *y, Dim dim) {
  MExpr *args[2] = {x, y};
  return expr_call(k->n->c, b, x->span, dim, M_REAL, args, y ? 2 : 1);
}

static void term_add(const Closing *k, Terms *to, Term t) {
  for (uint32_t i = 0; i < to->n; i++) {
    Term *at = &to->at[i];
    if (at->a != t.a || at->b != t.b) continue;
    at->coef = call(k, B_ADD, at->coef, t.coef, at->coef->dim);
    return;
  }
  vec_push(k->n->s->arena, to, t);
}

static bool product(const Closing *k, const Terms *x, const Terms *y, Terms *ret) {
  for (uint32_t i = 0; i < x->n; i++)
    for (uint32_t j = 0; j < y->n; j++) {
      MVar *f[4] = {x->at[i].a, x->at[i].b, y->at[j].a, y->at[j].b}, *found[2] = {NULL, NULL};
      uint32_t n = 0;
      for (int q = 0; q < 4; q++) {
        if (!f[q]) continue;
        if (n == 2) return false;
        found[n++] = f[q];
      }
      if (n == 2 && found[0]->index > found[1]->index) {
        MVar *first = found[1];
        found[1] = found[0];
        found[0] = first;
      }
      MExpr *c = call(k, B_MUL, x->at[i].coef, y->at[j].coef, dim_mul(x->at[i].coef->dim, y->at[j].coef->dim));
      term_add(k, ret, (Term){c, found[0], found[1]});
    }
  return true;
}

static bool moves(const MExpr *e) {
  if (e->kind == MX_VAR) return e->var->kind == VAR_LET ? moves(e->var->value) : e->var->kind != VAR_PARAM;
  bool any = e->kind != MX_NUM && e->kind != MX_GLOBAL && e->kind != MX_CALL;
  for (uint32_t i = 0; i < e->n_args; i++) any |= moves(e->args[i]);
  return any;
}

static bool terms_of(const Closing *k, MExpr *e, Terms *ret) {
  if (!moves(e)) {
    term_add(k, ret, (Term){e, NULL, NULL});
    return true;
  }
  if (e->kind == MX_VAR && e->var->kind == VAR_LET) return terms_of(k, e->var->value, ret);
  if (e->kind == MX_VAR && (e->var->kind == VAR_INPUT ? e->var->everywhere : e->var->per == PER_ELEMENT)) {
    term_add(k, ret, (Term){expr_number(k->n->c, 1, DIM_NONE, e->span), e->var, NULL});
    return true;
  }
  Terms x = {0}, y = {0};
  if (e->kind != MX_CALL || e->n_args > 2) return false;
  bool sum = e->builtin == B_ADD || e->builtin == B_SUB, neg = e->builtin == B_NEG, mul = e->builtin == B_MUL, div = e->builtin == B_DIV;
  if (!(sum || neg || mul || div) || !terms_of(k, e->args[0], &x)) return false;
  if ((sum || mul) && !terms_of(k, e->args[1], &y)) return false;
  if (div && moves(e->args[1])) return false;
  if (mul) return product(k, &x, &y, ret);
  for (uint32_t i = 0; i < x.n; i++) {
    Term t = x.at[i];
    if (neg) t.coef = call(k, B_NEG, t.coef, NULL, t.coef->dim);
    if (div) t.coef = call(k, B_DIV, t.coef, e->args[1], dim_div(t.coef->dim, e->args[1]->dim));
    term_add(k, ret, t);
  }
  for (uint32_t i = 0; sum && i < y.n; i++) {
    Term t = y.at[i];
    if (e->builtin == B_SUB) t.coef = call(k, B_NEG, t.coef, NULL, t.coef->dim);
    term_add(k, ret, t);
  }
  return true;
}

/* ---- signals */

static const MFeed *feed_of(const Closing *k, const MVar *input) {
  for (uint32_t i = 0; i < k->n->x->feeds.n; i++) {
    const MFeed *feed = k->n->x->feeds.at[i];
    if (feed->to == k->plastic->cells && feed->input == input) return feed;
  }
  return NULL;
}

static const MSetting *setting_of(const MPopulation *pop, const MVar *var) {
  for (uint32_t i = pop->settings.n; i > 0; i--)
    if (pop->settings.at[i - 1].var == var) return &pop->settings.at[i - 1];
  return NULL;
}

/* How fast the signal decays, over globals; NULL: something else moves it, or its rate differs in time. */
static MExpr *signal_rate(const Closing *k, const MFeed *feed) {
  const MPopulation *pop = feed->items.at[0].slice.pop;
  MVar *state = feed->items.at[0].value->var;
  Terms terms = {0};
  if (!state->equation || !terms_of(k, state->equation, &terms) || terms.n != 1 || terms.at[0].a != state || terms.at[0].b) return NULL;
  MExpr **map = NEW_ARRAY(k->n->s->arena, MExpr *, pop->component->vars.n + 1);
  for (uint32_t i = 0; i < pop->component->vars.n; i++) {
    const MSetting *set = setting_of(pop, pop->component->vars.at[i]);
    if (set) map[i] = set->value;
  }
  MExpr *rate = expr_replace(k->n->c, terms.at[0].coef, map);
  return moves(rate) || expr_has(rate, MX_VAR) ? NULL : rate;
}

static MVar *events_counted(const Closing *k, MPopulation *pop) {
  Session *s = k->n->s;
  Name name = name_z(s, "%events");
  MVar *var = component_var(pop->component, name);
  if (var) return var;
  var = NEW(s->arena, MVar);
  *var = (MVar){.kind = VAR_STATE, .name = name, .span = pop->span, .index = pop->component->vars.n, .unit_scale = 1, .varies = true, .internal = true};
  var->unit = name_z(s, dim_coherent_unit(s, DIM_NONE));
  var->value = expr_number(k->n->c, 0, DIM_NONE, pop->span);
  vec_push(s->arena, &pop->component->vars, var);
  for (uint32_t i = 0; i < pop->component->ports.n; i++) {
    MStmt *st = NEW(s->arena, MStmt);
    *st = (MStmt){.kind = STMT_ASSIGN, .op = ASSIGN_ADD, .span = pop->span, .var = var, .value = expr_number(k->n->c, 1, DIM_NONE, pop->span)};
    vec_push(s->arena, &pop->component->ports.at[i]->body, st);
  }
  return var;
}

/* ---- is all of it closed? */

static bool linear_in(const Closing *k, const MVar *var, const Term *t) {
  if (!t->a || t->a == var) return !t->b; /* a constant, its own decay */
  if (!t->b) return k->rate[t->a->index] || !t->a->equation; /* one that moves on its own, or stands */
  return k->rate[t->a->index] && k->rate[t->b->index];
}

static bool equation_closed(const Closing *k, const MVar *var) {
  const Terms *terms = &k->terms[var->index];
  for (uint32_t i = 0; i < terms->n; i++)
    if (!linear_in(k, var, &terms->at[i])) return false;
  /* between its bounds a weight must not turn round */
  return var != k->plastic->weight || !var->domain.has || (terms->n == 1 && terms->at[0].a != var);
}

static bool read_equations(Closing *k) {
  bool follows = false;
  for (uint32_t i = 0; i < k->m->vars.n; i++) {
    MVar *var = k->m->vars.at[i];
    const MFeed *feed = var->everywhere ? feed_of(k, var) : NULL;
    if (feed) k->rate[i] = signal_rate(k, feed);
    if (feed && !k->rate[i]) return false;
    if (var->kind != VAR_STATE || var->per != PER_ELEMENT || !var->equation) continue;
    Terms *terms = &k->terms[i];
    if (!terms_of(k, var->equation, terms)) return false;
    if (terms->n == 1 && terms->at[0].a == var && !terms->at[0].b) k->rate[i] = terms->at[0].coef;
    for (uint32_t j = 0; j < terms->n; j++)
      follows |= (terms->at[j].a && terms->at[j].a->everywhere) || (terms->at[j].b && terms->at[j].b->everywhere);
  }
  return follows;
}

static bool all_closed(const Closing *k) {
  for (uint32_t i = 0; i < k->m->vars.n; i++) {
    const MVar *var = k->m->vars.at[i];
    if (var->kind == VAR_STATE && var->per == PER_ELEMENT && var->equation && !equation_closed(k, var)) return false;
  }
  return true;
}

/* ---- what becomes of it */

static MVar *product_state(Closing *k, MVar *a, MVar *b) {
  Session *s = k->n->s;
  for (uint32_t i = 0; i < k->products.n; i++)
    if (k->products.at[i]->product[0] == a && k->products.at[i]->product[1] == b) return k->products.at[i];
  MVar *var = NEW(s->arena, MVar);
  *var = (MVar){.kind = VAR_STATE, .name = name_fmt(s, "%s*%s", name_str(s, a->name), name_str(s, b->name)), .span = a->span, .index = k->m->vars.n,
                .dim = dim_mul(a->dim, b->dim), .unit_scale = 1, .per = PER_SIGNAL, .varies = true, .internal = true, .product = {a, b}};
  var->unit = name_z(s, dim_coherent_unit(s, var->dim));
  var->value = expr_number(k->n->c, 0, var->dim, a->span);
  MExpr *rate = call(k, B_ADD, k->rate[a->index], k->rate[b->index], k->rate[a->index]->dim);
  var->equation = call(k, B_MUL, rate, expr_var(k->n->c, var, a->span), dim_mul(rate->dim, var->dim));
  var->equation_span = a->span;
  vec_push(s->arena, &k->m->vars, var);
  vec_push(s->arena, &k->products, var);
  return var;
}

static MExpr *rewritten(Closing *k, const Terms *terms) {
  MExpr *sum = NULL;
  for (uint32_t i = 0; i < terms->n; i++) {
    const Term *t = &terms->at[i];
    MVar *var = t->b ? product_state(k, t->a, t->b) : t->a;
    MExpr *x = var ? call(k, B_MUL, t->coef, expr_var(k->n->c, var, t->coef->span), dim_mul(t->coef->dim, var->dim)) : t->coef;
    sum = sum ? call(k, B_ADD, sum, x, x->dim) : x;
  }
  return sum;
}

/* The rate is over globals: a param of the synapses, which has that value. */
static void follow(Closing *k, MVar *input, MFeed *value) {
  Session *s = k->n->s;
  MPopulation *pop = value->items.at[0].slice.pop;
  MVar *param = NEW(s->arena, MVar);
  *param = (MVar){.kind = VAR_PARAM, .name = name_fmt(s, "%s'", name_str(s, input->name)), .span = input->span, .index = k->m->vars.n,
                  .dim = k->rate[input->index]->dim, .unit_scale = 1, .internal = true};
  param->unit = name_z(s, dim_coherent_unit(s, param->dim));
  vec_push(s->arena, &k->m->vars, param);
  MSetting set = {.var = param, .value = k->rate[input->index], .span = input->span};
  vec_push(s->arena, &k->plastic->cells->settings, set);
  k->rate[input->index] = expr_var(k->n->c, param, input->span);
  input->kind = VAR_STATE;
  input->per = PER_SIGNAL;
  input->everywhere = false;
  input->value = expr_number(k->n->c, 0, input->dim, input->span);
  input->equation = call(k, B_MUL, k->rate[input->index], expr_var(k->n->c, input, input->span), dim_mul(param->dim, input->dim));
  input->equation_span = input->span;
  MFeed *count = NEW(s->arena, MFeed);
  *count = (MFeed){.to = value->to, .input = input, .span = value->span};
  MRecordItem item = {value->items.at[0].slice, expr_var(k->n->c, events_counted(k, pop), value->span)};
  vec_push(s->arena, &count->items, item);
  vec_push(s->arena, &k->n->x->feeds, count);
  MFollowed followed = {input, value, count};
  vec_push(s->arena, &k->plastic->follows, followed);
}

static void close_one(Net *n, MPlastic *plastic) {
  MComponent *m = plastic->cells->component;
  uint32_t n_vars = m->vars.n;
  Closing k = {.n = n, .plastic = plastic, .m = m};
  k.rate = NEW_ARRAY(n->s->arena, MExpr *, n_vars + 1);
  k.terms = arena_array(n->s->arena, n_vars + 1, sizeof *k.terms);
  if (m->freezes || !read_equations(&k) || !all_closed(&k)) return;
  for (uint32_t i = 0; i < n_vars; i++) {
    MFeed *feed = m->vars.at[i]->everywhere ? (MFeed *)feed_of(&k, m->vars.at[i]) : NULL;
    if (feed) follow(&k, m->vars.at[i], feed);
  }
  for (uint32_t i = 0; i < n_vars; i++)
    if (k.terms[i].n) m->vars.at[i]->equation = rewritten(&k, &k.terms[i]);
}

void net_close_signals(Net *n) {
  for (uint32_t i = 0; i < n->x->projections.n && !n->s->errors; i++)
    if (n->x->projections.at[i]->plastic) close_one(n, n->x->projections.at[i]->plastic);
}
