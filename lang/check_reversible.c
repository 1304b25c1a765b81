/* `constrain reversible`, `constrain reversible(c1, c2, o)` -> detailed balance of loops of reactions: around a loop the
 * product of the rates forward is that of the rates backward, so the logarithm of their ratio is 0. That is what is
 * constrained, in units of 1, for each loop one term.
 *
 * Without names: all loops that are independent, of all reactions with a way back: whole numbers of reactions that together
 * change no state, the null space of the stoichiometric matrix by elimination in whole numbers. If they are balanced, so is every other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/check_inner.h"
#include "lang/fit.h"

enum { MOST_PAIRS = 512, LARGEST_TURNS = 8 };

typedef struct {
  const MReaction *forward, *back;
} Pair;

typedef struct {
  FitContext *f;
  Span span;
  VEC(Pair) pairs;
} Loops;

static Loops loops_of(FitContext *f, Span span) {
  Loops l = {.f = f, .span = span};
  const MComponent *m = f->pop->component;
  for (uint32_t i = 1; i < m->reactions.n; i++)
    if (m->reactions.at[i].reverse) vec_push(f->s->arena, &l.pairs, ((Pair){&m->reactions.at[i - 1], &m->reactions.at[i]}));
  return l;
}

static int net(const MReaction *r, const MVar *var) {
  for (uint32_t i = 0; i < r->species.n; i++)
    if (r->species.at[i].var == var) return (int)r->species.at[i].made - (int)r->species.at[i].taken;
  return 0;
}

/* product * x^n */
static MExpr *times(const Loops *l, MExpr *product, MExpr *x, int64_t n) {
  for (; n > 0; n--) {
    MExpr *args[2] = {product, x};
    product = product ? expr_call(l->f->c, B_MUL, l->span, dim_mul(product->dim, x->dim), M_REAL, args, 2) : x;
    if (!product) return NULL;
  }
  return product;
}

/* log of the ratio of the two ways around; turns: by pair, below 0: backwards. NULL after a message. */
static MExpr *balance(const Loops *l, const int64_t *turns) {
  MExpr *sides[2] = {NULL, NULL};
  for (uint32_t i = 0; i < l->pairs.n; i++) {
    const Pair *p = &l->pairs.at[i];
    if (!turns[i]) continue;
    sides[0] = times(l, sides[0], turns[i] > 0 ? p->forward->constant : p->back->constant, llabs(turns[i]));
    sides[1] = times(l, sides[1], turns[i] > 0 ? p->back->constant : p->forward->constant, llabs(turns[i]));
    if (!sides[0] || !sides[1]) return NULL;
  }
  if (!dim_eq(sides[0]->dim, sides[1]->dim)) { /* a bare 0 has any unit */
    diag_reaction_loop(l->f->s, l->span, "a reaction of this loop never happens", l->pairs.at[0].forward->span);
    return NULL;
  }
  MExpr *ratio = expr_call(l->f->c, B_DIV, l->span, DIM_NONE, M_REAL, sides, 2);
  return ratio ? expr_call(l->f->c, B_LOG, l->span, DIM_NONE, M_REAL, &ratio, 1) : NULL;
}

/* ---- all loops */

static int64_t gcd(int64_t x, int64_t y) {
  for (x = llabs(x), y = llabs(y); y;) {
    int64_t rest = x % y;
    x = y, y = rest;
  }
  return x;
}

/* x * a - y * b, without a common factor; false: too large. */
static bool subtract(int64_t *x, int64_t a, const int64_t *y, int64_t b, uint32_t n) {
  int64_t common = 0;
  bool small = true;
  for (uint32_t i = 0; i < n; i++) {
    x[i] = x[i] * a - y[i] * b;
    common = gcd(common, x[i]);
  }
  for (uint32_t i = 0; i < n; i++) {
    if (common > 1) x[i] /= common;
    small &= llabs(x[i]) < 1000000;
  }
  return small;
}

/* Rows of what each pair changes, beside the identity; where nothing is left of the changes stands a loop. */
static bool all_loops(const Loops *l, MExprList *ret) {
  const MComponent *m = l->f->pop->component;
  Arena *a = l->f->s->arena;
  uint32_t vars = m->vars.n, width = vars + l->pairs.n;
  int64_t **row = NEW_ARRAY(a, int64_t *, l->pairs.n + 1);
  bool *done = NEW_ARRAY(a, bool, l->pairs.n + 1);
  for (uint32_t i = 0; i < l->pairs.n; i++) {
    row[i] = NEW_ARRAY(a, int64_t, width + 1);
    for (uint32_t k = 0; k < vars; k++) row[i][k] = net(l->pairs.at[i].forward, m->vars.at[k]);
    row[i][vars + i] = 1;
  }
  for (uint32_t k = 0; k < vars; k++) {
    uint32_t pivot = 0;
    while (pivot < l->pairs.n && (done[pivot] || !row[pivot][k])) pivot++;
    if (pivot == l->pairs.n) continue;
    done[pivot] = true;
    for (uint32_t i = 0; i < l->pairs.n; i++)
      if (!done[i] && row[i][k] && !subtract(row[i], row[pivot][k], row[pivot], row[i][k], width)) return false;
  }
  for (uint32_t i = 0; i < l->pairs.n; i++) {
    if (done[i]) continue;
    for (uint32_t k = vars; k < width; k++)
      if (llabs(row[i][k]) > LARGEST_TURNS) return false;
    MExpr *e = balance(l, row[i] + vars);
    if (e) vec_push(a, ret, e);
  }
  return true;
}

/* ---- a named loop */

static MVar *state_read(const Loops *l, const Ast *ast) {
  Symbol *symbol = check_path(l->f->c, l->f->names, ast);
  if (!symbol || !symbol_resolve(l->f->c, symbol, ast->span)) return NULL;
  if (symbol->kind == SYM_VAR && symbol->var->kind == VAR_STATE) return symbol->var;
  diag_reaction_state(l->f->s, ast->span, name_str(l->f->s, symbol->name), symbol_kind_text(l->f->c, symbol), false, symbol->span);
  return NULL;
}

/* One of `from` becomes one of `to`, and nothing else changes: 1, backwards -1, else 0. */
static int leads(const Pair *p, const MVar *from, const MVar *to) {
  int way = net(p->forward, to);
  if (abs(way) != 1 || net(p->forward, from) != -way) return 0;
  for (uint32_t i = 0; i < p->forward->species.n; i++) {
    const MSpecies *one = &p->forward->species.at[i];
    if (one->var != from && one->var != to && one->made != one->taken) return 0;
  }
  return way;
}

static bool named_loop(const Loops *l, const AstCall *call, MExprList *ret) {
  int64_t *turns = NEW_ARRAY(l->f->s->arena, int64_t, l->pairs.n + 1);
  MVar **state = NEW_ARRAY(l->f->s->arena, MVar *, call->args.n + 1);
  for (uint32_t i = 0; i < call->args.n; i++) {
    if (!(state[i] = state_read(l, call->args.at[i]))) return false;
    for (uint32_t k = 0; k < i; k++)
      if (state[k] == state[i]) {
        const char *twice = arena_printf(l->f->s->arena, "a loop passes `%s` once", name_str(l->f->s, state[i]->name));
        diag_reaction_loop(l->f->s, call->args.at[i]->span, twice, (Span){0, 0});
        return false;
      }
  }
  for (uint32_t i = 0; i < call->args.n; i++) {
    const MVar *from = state[i], *to = state[(i + 1) % call->args.n];
    uint32_t found = 0;
    for (uint32_t k = 0; k < l->pairs.n; k++) {
      int way = leads(&l->pairs.at[k], from, to);
      turns[k] += way;
      found += way != 0;
    }
    if (found == 1) continue;
    const char *what = arena_printf(l->f->s->arena, "%s reaction with a way back leads from `%s` to `%s`", found ? "more than one" : "no",
                                    name_str(l->f->s, from->name), name_str(l->f->s, to->name));
    diag_reaction_loop(l->f->s, call->args.at[i]->span, what, l->pairs.n ? l->pairs.at[0].forward->span : (Span){0, 0});
    return false;
  }
  MExpr *e = balance(l, turns);
  if (e) vec_push(l->f->s->arena, ret, e);
  return true;
}

/* ---- */

bool is_reversible(const FitContext *f, const Ast *value) {
  const Ast *name = value->kind == AST_CALL ? AST_AS(Call, value)->callee : value;
  if (name->kind != AST_NAME || strcmp(name_str(f->s, AST_AS(NameRef, name)->name.name), "reversible") != 0) return false;
  return !scope_find(f->names, AST_AS(NameRef, name)->name.name);
}

void fit_reversible(FitContext *f, const Ast *value, MExprList *ret) {
  Loops l = loops_of(f, value->span);
  const AstCall *call = value->kind == AST_CALL ? AST_AS(Call, value) : NULL;
  if (call && call->args.n < 3) {
    diag_reaction_loop(f->s, value->span, "a loop has at least three states", (Span){0, 0});
    return;
  }
  uint32_t errors = f->s->errors;
  if (call) named_loop(&l, call, ret);
  else if (l.pairs.n > MOST_PAIRS || !all_loops(&l, ret))
    diag_reaction_loop(f->s, value->span, "too many reactions to find all loops", (Span){0, 0});
  else if (!ret->n && f->s->errors == errors)
    diag_reaction_loop(f->s, value->span, "the neuron has no loop of reactions that go both ways", (Span){0, 0});
}
