/* `kinetic { ca + b <-> cab at kf, kb }` -> the component's reactions, and from them the equations of its states.
 *
 * A reaction runs at its rate times the product of the states that it takes, each as often as it takes it: mass action;
 * the state's equation is the sum over its reactions of (made - taken) * rate. All states of a reaction are measured in
 * one unit, so that what is lost on one side is found on the other. The reactions of a part are copied to its host before
 * equations are made: a part's input that reacts is a state there, and several parts may react with one state.
 * In `kinetic stochastic` the states are whole numbers and have no equation: x^n is x (x - 1) …, the number of ways to
 * choose n of them in order, and ir/solve_jumps.c lets the reactions happen one by one. */
#include <math.h>
#include <string.h>

#include "lang/check_inner.h"
#include "lang/component.h"
#include "lang/net.h"

enum { HIGHEST_TAKEN = 8, LARGEST_FACTOR = 1000 };

typedef struct {
  const AstKinetic *block;
  const AstReaction *ast;
} ReactionAt;

/* ---- sides */

static bool is_zero(const Ast *ast) {
  return ast->kind == AST_NUMBER && !AST_AS(Number, ast)->unit && AST_AS(Number, ast)->value == 0;
}

static bool is_path(const Ast *ast) {
  return ast->kind == AST_NAME || ast->kind == AST_MEMBER || ast->kind == AST_SUBSCRIPT || ast->kind == AST_PRIMED;
}

/* The state that reacts, in a part also an input. NULL after a message. */
static MVar *reacting(Comp *k, Scope *scope, const Ast *ast) {
  Symbol *symbol = check_path(k->c, scope, ast);
  if (!symbol || !symbol_resolve(k->c, symbol, ast->span)) return NULL;
  MVar *var = symbol->kind == SYM_VAR ? symbol->var : NULL;
  if (var && var->kind == VAR_STATE) return var;
  if (var && var->kind == VAR_INPUT && !k->neuron) return comp_acts_on(k, var);
  diag_reaction_state(k->s, ast->span, name_str(k->s, symbol->name), symbol_kind_text(k->c, symbol), false, symbol->span);
  return NULL;
}

static void count_species(Comp *k, MReaction *r, MVar *var, uint32_t n, bool made) {
  uint32_t at = 0;
  while (at < r->species.n && r->species.at[at].var != var) at++;
  if (at == r->species.n) vec_push(k->c->arena, &r->species, ((MSpecies){.var = var}));
  *(made ? &r->species.at[at].made : &r->species.at[at].taken) += n;
}

/* `ca`, `2 * ca`. false after a message. */
static bool term_read(Comp *k, Scope *scope, const Ast *ast, bool made, MReaction *r) {
  double factor = 1;
  if (ast->kind == AST_BINARY && AST_AS(Binary, ast)->op == OP_MUL) {
    const Ast *number = AST_AS(Binary, ast)->left;
    bool negative = number->kind == AST_UNARY;
    factor = number->kind == AST_NUMBER && !AST_AS(Number, number)->unit ? AST_AS(Number, number)->value : NAN;
    if (!(factor >= 1 && factor <= LARGEST_FACTOR && factor == floor(factor))) {
      diag_reaction_form(k->s, number->span, negative || !isnan(factor) ? REACTION_FACTOR : REACTION_SIDE);
      return false;
    }
    ast = AST_AS(Binary, ast)->right;
  }
  if (!is_path(ast)) {
    bool minus = ast->kind == AST_UNARY || (ast->kind == AST_BINARY && AST_AS(Binary, ast)->op == OP_SUB);
    diag_reaction_form(k->s, ast->span, minus ? REACTION_FACTOR : REACTION_SIDE);
    return false;
  }
  MVar *var = reacting(k, scope, ast);
  if (var) count_species(k, r, var, (uint32_t)factor, made);
  return var != NULL;
}

static bool side_read(Comp *k, Scope *scope, const Ast *ast, bool made, MReaction *r) {
  if (ast->kind != AST_BINARY || AST_AS(Binary, ast)->op != OP_ADD) return term_read(k, scope, ast, made, r);
  bool left = side_read(k, scope, AST_AS(Binary, ast)->left, made, r);
  return side_read(k, scope, AST_AS(Binary, ast)->right, made, r) && left;
}

/* Both sides hold together: something changes, and all is measured in one unit. */
static bool sides_fit(Comp *k, const AstReaction *ast, const MReaction *r) {
  bool changes = false;
  uint32_t taken = 0, made = 0;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i], *first = &r->species.at[0];
    changes |= one->taken != one->made;
    taken += one->taken;
    made += one->made;
    if (dim_eq(one->var->dim, first->var->dim)) continue;
    diag_reaction_units(k->s, ast->head.span, name_str(k->s, first->var->name), first->var->dim, name_str(k->s, one->var->name),
                        one->var->dim);
    return false;
  }
  if (!changes) diag_reaction_form(k->s, ast->head.span, REACTION_NOTHING);
  else if (taken > HIGHEST_TAKEN || (ast->reversible && made > HIGHEST_TAKEN))
    diag_reaction_form(k->s, ast->head.span, REACTION_ORDER);
  else return true;
  return false;
}

/* ---- rates */

static MExpr *times(Comp *k, MExpr *x, MExpr *y, Span span) {
  MExpr *args[2] = {x, y};
  return x && y ? expr_call(k->c, B_MUL, span, dim_mul(x->dim, y->dim), M_REAL, args, 2) : NULL;
}

static MExpr *less(Comp *k, MExpr *x, double n, Span span) {
  MExpr *args[2] = {x, expr_number(k->c, n, x->dim, span)};
  return n > 0 ? expr_call(k->c, B_SUB, span, x->dim, M_REAL, args, 2) : x;
}

static Dim power_of(Dim d, int n) {
  Dim r = DIM_NONE;
  for (; n > 0; n--) r = dim_mul(r, d);
  for (; n < 0; n++) r = dim_div(r, d);
  return r;
}

static MExpr *mass_action(Comp *k, const MReaction *r) {
  MExpr *rate = r->constant;
  for (uint32_t i = 0; i < r->species.n; i++)
    for (uint32_t n = 0; n < r->species.at[i].taken; n++)
      rate = times(k, rate, less(k, expr_var(k->c, r->species.at[i].var, r->span), r->jumps ? n : 0, r->span), r->span);
  return rate;
}

static bool rate_read(Comp *k, Scope *scope, const Ast *ast, const char *text, MReaction *r) {
  int order = 0;
  for (uint32_t i = 0; i < r->species.n; i++) order += (int)r->species.at[i].taken;
  Want want = {.has_dim = true, .allow = ALLOW_CHANGING | ALLOW_TIME};
  want.dim = dim_mul(power_of(r->species.at[0].var->dim, 1 - order), dim_time(-1));
  want.who = arena_printf(k->c->arena, "the rate of `%s`", text);
  r->constant = check_expr(k->c, scope, ast, &want);
  double known;
  if (r->constant && expr_noisy(r->constant)) {
    diag_noise_misplaced(k->s, ast->span);
    return false;
  }
  if (r->constant && order && expr_constant(r->constant, false, &known) && known < 0) {
    diag_negative(k->s, ast->span, want.who, known, dim_coherent_unit(k->s, want.dim));
    return false;
  }
  return r->constant && (r->rate = mass_action(k, r)) != NULL;
}

/* ---- reactions */

/* The way back: what was made is taken. */
static MReaction reversed(Comp *k, const MReaction *r) {
  MReaction back = {.jumps = r->jumps, .steady = r->steady, .reverse = true, .span = r->span};
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    vec_push(k->c->arena, &back.species, ((MSpecies){.var = one->var, .taken = one->made, .made = one->taken}));
  }
  return back;
}

static const char *reaction_text(Comp *k, const AstReaction *ast) {
  return source_span_text(k->s, (Span){ast->left->span.from, ast->right->span.to}, k->c->arena);
}

static void reaction_at(Comp *k, Scope *scope, const void *what) {
  const ReactionAt *at = what;
  const AstReaction *ast = at->ast;
  MReaction r = {.jumps = at->block->stochastic, .steady = at->block->steady ? STEADY_OWN : STEADY_NOT, .span = ast->head.span};
  bool left = is_zero(ast->left) || side_read(k, scope, ast->left, false, &r);
  bool right = is_zero(ast->right) || side_read(k, scope, ast->right, true, &r);
  if (!left || !right || !sides_fit(k, ast, &r)) return;
  if (ast->rates.n != (ast->reversible ? 2 : 1)) {
    diag_reaction_form(k->s, ast->head.span, ast->reversible ? REACTION_RATES_TWO : REACTION_RATES_ONE);
    return;
  }
  const char *text = reaction_text(k, ast);
  MReaction back = reversed(k, &r);
  bool ok = rate_read(k, scope, ast->rates.at[0], text, &r);
  if (ast->reversible) ok = rate_read(k, scope, ast->rates.at[1], arena_printf(k->c->arena, "%s, backward", text), &back) && ok;
  if (!ok) return;
  vec_push(k->c->arena, &k->m->reactions, r);
  if (ast->reversible) vec_push(k->c->arena, &k->m->reactions, back);
}

/* The indices of both sides: free ones mean "for all". */
static void indices_of(Comp *k, const Ast *side, AstList *ret) {
  if (side->kind == AST_BINARY) {
    indices_of(k, AST_AS(Binary, side)->left, ret);
    indices_of(k, AST_AS(Binary, side)->right, ret);
    return;
  }
  const AstList *own = path_indices(side);
  for (uint32_t i = 0; i < own->n; i++) vec_push(k->c->arena, ret, own->at[i]);
}

void comp_check_kinetic(Comp *k, const AstKinetic *kinetic) {
  for (uint32_t i = 0; i < kinetic->body.n; i++) {
    const Ast *st = kinetic->body.at[i];
    if (st->kind != AST_REACTION) {
      diag_reaction_form(k->s, st->span, REACTION_STATEMENT);
      continue;
    }
    ReactionAt at = {kinetic, AST_AS(Reaction, st)};
    AstList indices = {0};
    if (!at.ast->left || !at.ast->right) continue;
    indices_of(k, at.ast->left, &indices);
    indices_of(k, at.ast->right, &indices);
    comp_each_index(k, k->scope, &indices, reaction_at, &at);
  }
}

/* ---- of parts */

/* What stands for the part's variable here. NULL after a message. */
static MVar *species_here(Comp *k, const PartUse *u, const MReaction *of, const MVar *var) {
  const MExpr *stands = u->map[var->index];
  MVar *here = stands && stands->kind == MX_VAR ? stands->var : NULL;
  if (here && here->kind == VAR_STATE) return here;
  if (here && here->kind == VAR_INPUT && !k->neuron) return comp_acts_on(k, here);
  if (stands && !u->part->failed)
    diag_reaction_state(k->s, u->ast->head.span, name_str(k->s, var->name),
                        here ? arena_printf(k->c->arena, "`%s`", name_str(k->s, here->name)) : "an expression", true, of->span);
  return NULL;
}

static void copy_reaction(Comp *k, const PartUse *u, const MReaction *of) {
  MReaction r = {.jumps = of->jumps, .steady = of->steady ? STEADY_PART : STEADY_NOT, .reverse = of->reverse, .span = of->span};
  for (uint32_t i = 0; i < of->species.n; i++) {
    MSpecies one = of->species.at[i];
    const MExpr *stands = u->map[one.var->index];
    bool held = stands && (stands->kind != MX_VAR || stands->var->kind != VAR_STATE);
    if (one.taken == one.made && held) continue; /* a catalyst may be anything */
    if (!(one.var = species_here(k, u, of, one.var))) return;
    vec_push(k->c->arena, &r.species, one);
  }
  r.constant = expr_replace(k->c, of->constant, u->map);
  r.rate = expr_replace(k->c, of->rate, u->map);
  if (r.constant && r.rate) vec_push(k->c->arena, &k->m->reactions, r);
}

void comp_copy_reactions(Comp *k, const PartUse *u) {
  for (uint32_t i = 0; i < u->part->reactions.n; i++) copy_reaction(k, u, &u->part->reactions.at[i]);
  for (uint32_t i = 0; i < u->part->vars.n; i++)
    if (u->part->vars.at[i]->reacts) u->map[i]->var->equation = NULL; /* made anew of all reactions here */
}

/* ---- the states' equations */

static bool whole(double x) { return x >= 0 && x == floor(x) && isfinite(x); }

static bool check_count(Comp *k, const MVar *var, Span reaction) {
  double start;
  if (!dim_none(var->dim) || var->gate)
    diag_reaction_count(k->s, var->span, name_str(k->s, var->name), COUNT_UNIT, 0, reaction);
  else if (!var->draw && expr_constant(var->value, false, &start) && !whole(start))
    diag_reaction_count(k->s, var->value->span, name_str(k->s, var->name), COUNT_WHOLE, start, reaction);
  else return true;
  return false;
}

/* The state may react; messages once for each. */
static bool may_react(Comp *k, MVar *var, const MReaction *r) {
  if (var->reacts || var->counts) {
    if (var->counts == r->jumps) return true;
    diag_reaction_count(k->s, r->span, name_str(k->s, var->name), COUNT_MIXED, 0, var->equation_span);
    return false;
  }
  if (var->equation || var->equation_span.to) {
    diag_reaction_equation(k->s, r->span, name_str(k->s, var->name), var->equation_span);
    return false;
  }
  if (r->jumps && !check_count(k, var, r->span)) return false;
  var->counts = r->jumps;
  var->reacts = !r->jumps;
  var->equation_span = r->span;
  return true;
}

/* rate * (made - taken) more in the equation of the species. */
static void add_to_equation(Comp *k, const MSpecies *one, const MReaction *r) {
  MVar *var = one->var;
  bool gains = one->made > one->taken;
  uint32_t n = gains ? one->made - one->taken : one->taken - one->made;
  MExpr *flow = n == 1 ? r->rate : times(k, expr_number(k->c, n, DIM_NONE, r->span), r->rate, r->span);
  if (!var->equation) {
    var->equation = gains ? flow : expr_call(k->c, B_NEG, r->span, r->rate->dim, M_REAL, &flow, 1);
    return;
  }
  MExpr *args[2] = {var->equation, flow};
  var->equation = expr_call(k->c, gains ? B_ADD : B_SUB, r->span, r->rate->dim, M_REAL, args, 2);
}

void comp_link_reactions(Comp *k) {
  for (uint32_t i = 0; i < k->m->reactions.n; i++) {
    const MReaction *r = &k->m->reactions.at[i];
    for (uint32_t j = 0; j < r->species.n; j++) {
      const MSpecies *one = &r->species.at[j];
      if (one->var->kind != VAR_STATE || one->made == one->taken) continue; /* a catalyst may have an equation */
      if (may_react(k, one->var, r) && !r->jumps) add_to_equation(k, one, r);
    }
  }
}
