/* `kinetic steady { … }`: its states begin where its reactions leave them, at the rates of the start (those at V(0)), as gates do.
 *
 * The reactions are conversions of one state into another: a Markov chain, whose stationary distribution is found by taking state after
 * state out of it (Grassmann, Taksar and Heyman 1985, doi 10.1287/opre.33.5.1107). Nothing is subtracted on the way, so all digits
 * are good. The state with the fewest neighbours goes first, so that a chain of states stays a chain. What comes up on the way are lets
 * of the component that only initial values read. The states of one system share the sum of the values that they are declared with. */
#include <string.h>

#include "lang/check_inner.h"
#include "lang/component.h"

enum { MOST_STATES = 64 };

typedef struct {
  Comp *k;
  Span span;
  uint32_t n, n_lets;
  MVar **state;
  MExpr **rate; /* by from, to: NULL, there is no way */
  MExpr **flow; /* by state, when it has been taken out: of what it is made, by state */
  bool *out;
} Chain;

/* ---- expressions */

/* Trees stay small: what has a name is a leaf. */
static MExpr *named(Chain *x, MExpr *e) {
  Comp *k = x->k;
  if (!e || e->kind == MX_VAR || e->kind == MX_NUM) return e;
  MVar *let = comp_var_new(
      k, VAR_LET, name_fmt(k->s, "%%steady%u.%s", x->n_lets++, name_str(k->s, x->state[0]->name)), x->span);
  let->dim = e->dim;
  let->value = e;
  let->varies = expr_varies(e);
  let->internal = true;
  return expr_var(k->c, let, x->span);
}

static MExpr *call2(Chain *x, Builtin b, MExpr *p, MExpr *q, Dim dim) {
  MExpr *args[2] = {p, q};
  return p && q ? expr_call(x->k->c, b, x->span, dim, M_REAL, args, 2) : NULL;
}

static MExpr *plus(Chain *x, MExpr *p, MExpr *q) { return !p ? q : !q ? p : call2(x, B_ADD, p, q, p->dim); }
static MExpr *product(Chain *x, MExpr *p, MExpr *q) { return call2(x, B_MUL, p, q, dim_mul(p->dim, q->dim)); }
static MExpr *quotient(Chain *x, MExpr *p, MExpr *q) {
  return call2(x, B_DIV, p, q, dim_div(p->dim, q->dim));
}

/* ---- the chain */

static MExpr **rate_at(Chain *x, uint32_t from, uint32_t to) { return &x->rate[from * x->n + to]; }

static uint32_t ways(Chain *x, uint32_t i) {
  uint32_t n = 0;
  for (uint32_t j = 0; j < x->n; j++) n += !x->out[j] && j != i && (*rate_at(x, i, j) || *rate_at(x, j, i));
  return n;
}

static uint32_t next_out(Chain *x) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < x->n; i++)
    if (!x->out[i] && (best == UINT32_MAX || ways(x, i) < ways(x, best))) best = i;
  return best;
}

/* What came by this state goes straight on. */
static void take_out(Chain *x, uint32_t at) {
  MExpr *all = NULL;
  for (uint32_t j = 0; j < x->n; j++)
    if (!x->out[j] && j != at) all = plus(x, all, *rate_at(x, at, j));
  all = named(x, all);
  x->out[at] = true;
  for (uint32_t i = 0; i < x->n; i++) {
    MExpr *in = x->out[i] ? NULL : *rate_at(x, i, at);
    if (!in) continue;
    MExpr *share = x->flow[at * x->n + i] = named(x, quotient(x, in, all));
    for (uint32_t j = 0; j < x->n; j++) {
      MExpr *on = x->out[j] || j == i ? NULL : *rate_at(x, at, j);
      if (on) *rate_at(x, i, j) = named(x, plus(x, *rate_at(x, i, j), product(x, share, on)));
    }
  }
}

/* Do ways lead from here to everywhere (or, back: from everywhere to here)? */
static bool reaches_all(Chain *x, bool back) {
  bool *seen = NEW_ARRAY(x->k->c->arena, bool, x->n);
  seen[0] = true;
  for (bool more = true; more;) {
    more = false;
    for (uint32_t i = 0; i < x->n; i++)
      for (uint32_t j = 0; j < x->n; j++) {
        if (!seen[i] || seen[j] || !(back ? *rate_at(x, j, i) : *rate_at(x, i, j))) continue;
        seen[j] = more = true;
      }
  }
  for (uint32_t i = 0; i < x->n; i++)
    if (!seen[i]) return false;
  return true;
}

static void begin_at(Chain *x) {
  uint32_t order[MOST_STATES], last = x->n - 1;
  MExpr *weight[MOST_STATES] = {0}, *all = NULL, *total = NULL;
  for (uint32_t i = 0; i < last; i++) take_out(x, order[i] = next_out(x));
  order[last] = next_out(x);
  for (uint32_t i = x->n; i-- > 0;) {
    uint32_t at = order[i];
    if (i == last) weight[at] = expr_number(x->k->c, 1, DIM_NONE, x->span);
    for (uint32_t j = 0; i < last && j < x->n; j++)
      if (x->flow[at * x->n + j])
        weight[at] = plus(x, weight[at], product(x, weight[j], x->flow[at * x->n + j]));
    weight[at] = named(x, weight[at]);
    all = plus(x, all, weight[at]);
  }
  for (uint32_t i = 0; i < x->n; i++) total = plus(x, total, named(x, x->state[i]->value));
  MExpr *each = total ? named(x, quotient(x, total, named(x, all))) : NULL;
  for (uint32_t i = 0; each && i < x->n; i++) x->state[i]->value = product(x, each, weight[i]);
}

/* ---- reactions */

/* What is lost and made: one of one state, one of another. false: it is no conversion. */
static bool conversion(const MReaction *r, const MSpecies **ret_from, const MSpecies **ret_to) {
  *ret_from = *ret_to = NULL;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    if (one->taken == one->made) continue;
    if (one->taken == 1 && one->made == 0 && !*ret_from) *ret_from = one;
    else if (one->taken == 0 && one->made == 1 && !*ret_to) *ret_to = one;
    else return false;
  }
  return *ret_from && *ret_to && (*ret_from)->var->kind == VAR_STATE && (*ret_to)->var->kind == VAR_STATE;
}

/* How often one of the state that is taken reacts: the rate as it is written, times what only has to be there. */
static MExpr *rate_of_one(Chain *x, const MReaction *r) {
  MExpr *rate = r->constant;
  for (uint32_t i = 0; i < r->species.n; i++)
    for (uint32_t n = 0; r->species.at[i].taken == r->species.at[i].made && n < r->species.at[i].taken; n++)
      rate = product(x, rate, expr_var(x->k->c, r->species.at[i].var, r->span));
  return rate;
}

static uint32_t place_of(const Chain *x, const MVar *var) {
  uint32_t i = 0;
  while (i < x->n && x->state[i] != var) i++;
  return i;
}

/* Own reactions that begin steady; those of parts were dealt with there. */
static bool is_own(const MReaction *r) { return r->steady == STEADY_OWN; }

/* All states that are reached from `first` by reactions either way. false: too many. */
static bool states_collect(Chain *x, MVar *first) {
  Comp *k = x->k;
  x->state = NEW_ARRAY(k->c->arena, MVar *, MOST_STATES);
  x->state[x->n++] = first;
  for (bool more = true; more;) {
    more = false;
    for (uint32_t i = 0; i < k->m->reactions.n; i++) {
      const MReaction *r = &k->m->reactions.at[i];
      const MSpecies *from, *to;
      if (!is_own(r) || !conversion(r, &from, &to)) continue;
      bool a = place_of(x, from->var) < x->n, b = place_of(x, to->var) < x->n;
      if (a == b) continue;
      if (x->n == MOST_STATES) return false;
      x->state[x->n++] = a ? to->var : from->var;
      more = true;
    }
  }
  return true;
}

static void rates_collect(Chain *x) {
  Comp *k = x->k;
  for (uint32_t i = 0; i < k->m->reactions.n; i++) {
    const MReaction *r = &k->m->reactions.at[i];
    const MSpecies *from, *to;
    if (!is_own(r) || !conversion(r, &from, &to)) continue;
    uint32_t a = place_of(x, from->var), b = place_of(x, to->var);
    if (a < x->n) *rate_at(x, a, b) = plus(x, *rate_at(x, a, b), named(x, rate_of_one(x, r)));
  }
}

static void system_begin(Comp *k, MVar *first, Span span) {
  Chain x = {.k = k, .span = span};
  if (!states_collect(&x, first)) {
    diag_reaction_form(k->s, span, REACTION_STEADY_MANY);
    return;
  }
  x.rate = NEW_ARRAY(k->c->arena, MExpr *, x.n * x.n);
  x.flow = NEW_ARRAY(k->c->arena, MExpr *, x.n * x.n);
  x.out = NEW_ARRAY(k->c->arena, bool, x.n);
  for (uint32_t i = 0; i < x.n; i++) x.state[i]->steady = true;
  for (uint32_t i = 0; i < x.n; i++)
    if (x.state[i]->draw) {
      diag_reaction_form(k->s, x.state[i]->span, REACTION_STEADY_DRAWN);
      return;
    }
  rates_collect(&x);
  if (reaches_all(&x, false) && reaches_all(&x, true)) begin_at(&x);
  else diag_reaction_form(k->s, span, REACTION_STEADY_REACH);
}

/* No other reaction may change what begins steady, here or in who has it as a part. */
static void others_check(Comp *k) {
  for (uint32_t i = 0; i < k->m->reactions.n; i++) {
    const MReaction *r = &k->m->reactions.at[i];
    for (uint32_t j = 0; r->steady == STEADY_NOT && j < r->species.n; j++)
      if (r->species.at[j].var->steady && r->species.at[j].taken != r->species.at[j].made) {
        diag_reaction_form(k->s, r->span, REACTION_STEADY_ELSEWHERE);
        break;
      }
  }
}

void comp_steady_starts(Comp *k) {
  uint32_t errors = k->s->errors;
  for (uint32_t i = 0; i < k->m->reactions.n; i++) {
    const MReaction *r = &k->m->reactions.at[i];
    const MSpecies *from, *to;
    if (!is_own(r)) continue;
    if (!conversion(r, &from, &to)) diag_reaction_form(k->s, r->span, REACTION_STEADY_ORDER);
    else if (k->s->errors == errors && !from->var->steady) system_begin(k, from->var, r->span);
  }
  others_check(k);
}
