/* What a synapse with memory reads of the cells on both sides, `pre.V` and `post.V`, and of its third part, `astro.Ca`.
 *
 * Whose variables these are is known in a connection only. So the block is checked by itself, where such a name silences what
 * it stands in, and once more for each pair of populations, where it stands for a variable of that side's component: of a state
 * an input of the synapse that follows it, of a param a param with the population's value, of a let its expression over these.
 *
 * Any name that is known nowhere else is that of a third part, unless it is near one that is known. Where only a share of the
 * synapses has a third part, `astro.X` is 0 at the others, whatever X is. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

typedef struct {
  Checker *c;
  MComponent *m;
  const SynapseSides *sides; /* NULL: not known yet */
} Sides;

enum { NO_SIDE = -1 };
static const char *const sides_words[] = {[SIDE_PRE] = "pre", [SIDE_POST] = "post"};
static const VarPer sides_per[] = {[SIDE_PRE] = PER_PRE, [SIDE_POST] = PER_POST, [SIDE_THIRD] = PER_THIRD};

/* The word before the first point. */
static AstWord word_first(const Ast *ast) {
  while (ast->kind == AST_MEMBER) ast = AST_AS(Member, ast)->base;
  return ast->kind == AST_NAME ? AST_AS(NameRef, ast)->name : (AstWord){0};
}

static bool near_another(const Sides *x, const char *word) {
  const char *words[] = {sides_words[SIDE_PRE], sides_words[SIDE_POST], name_none(x->m->third) ? "pre" : name_str(x->c->s, x->m->third)};
  return diag_nearest(word, words, COUNT_OF(words)) != NULL;
}

/* "pre.na.m": SIDE_PRE; NO_SIDE: none of them. */
static int side_of(const Sides *x, AstWord word, bool *ret_wrong) {
  const char *text = name_none(word.name) ? "" : name_str(x->c->s, word.name);
  *ret_wrong = false;
  for (int i = SIDE_PRE; i <= SIDE_POST; i++)
    if (!strcmp(text, sides_words[i])) return i;
  if (!*text || (!name_eq(word.name, x->m->third) && near_another(x, text))) return NO_SIDE;
  *ret_wrong = !synapse_third_named(x->c->s, x->m, word);
  return SIDE_THIRD;
}

static MVar *leaf_new(const Sides *x, int side, const MVar *of, VarKind kind) {
  MVar *var = NEW(x->c->arena, MVar);
  const char *word = side == SIDE_THIRD ? name_str(x->c->s, x->m->third) : sides_words[side];
  *var = (MVar){.kind = kind, .name = name_fmt(x->c->s, "%s.%s", word, name_str(x->c->s, of->name)), .span = of->span,
                .doc = of->doc, .dim = of->dim, .unit = of->unit, .unit_scale = of->unit_scale, .index = x->m->vars.n,
                .per = sides_per[side], .varies = kind == VAR_INPUT, .internal = true, .of = (MVar *)of};
  vec_push(x->c->arena, &x->m->vars, var);
  return var;
}

static const MSetting *setting_of(const MPopulation *pop, const MVar *var) {
  for (uint32_t i = pop->settings.n; i > 0; i--)
    if (pop->settings.at[i - 1].var == var) return &pop->settings.at[i - 1];
  return NULL;
}

static MExpr *seen(const Sides *x, int side, MVar *of, Span span);

static bool seen_all(const Sides *x, int side, const MExpr *e, MExpr **map, Span span) {
  if (!e) return true;
  if (e->kind == MX_VAR && !map[e->var->index] && !(map[e->var->index] = seen(x, side, e->var, span))) return false;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!seen_all(x, side, e->args[i], map, span)) return false;
  return true;
}

/* What an expression of the cell is in the synapse. */
static MExpr *seen_expr(const Sides *x, int side, const MExpr *e, Span span) {
  MExpr **map = NEW_ARRAY(x->c->arena, MExpr *, x->sides->pops[side]->component->vars.n + 1);
  return e && seen_all(x, side, e, map, span) ? expr_replace(x->c, e, map) : NULL;
}

static MExpr *seen_param(const Sides *x, int side, MVar *of, Span span) {
  const MSetting *set = setting_of(x->sides->pops[side], of);
  MExpr *value = seen_expr(x, side, set ? set->value : of->value, span);
  if (value && (expr_has(value, MX_DRAW) || expr_has(value, MX_COLUMN))) {
    diag_not_supported(x->c->s, span, "a param of a cell that differs from cell to cell, in a synapse", "A state of the neuron that begins with this value may be read.");
    return NULL;
  }
  MVar *made = value ? leaf_new(x, side, of, VAR_PARAM) : NULL;
  if (!made) return NULL;
  made->value = value;
  return expr_var(x->c, made, span);
}

/* A variable of the cell as the synapse knows it; NULL after a message. */
static MExpr *seen(const Sides *x, int side, MVar *of, Span span) {
  for (uint32_t i = 0; i < x->m->vars.n; i++)
    if (x->m->vars.at[i]->of == of && x->m->vars.at[i]->per == sides_per[side]) return expr_var(x->c, x->m->vars.at[i], span);
  switch (of->kind) {
    case VAR_STATE: return expr_var(x->c, leaf_new(x, side, of, VAR_INPUT), span);
    case VAR_PARAM: return seen_param(x, side, of, span);
    case VAR_LET: return seen_expr(x, side, of->value, span);
    case VAR_INPUT: break;
  }
  diag_not_supported(x->c->s, span, arena_printf(x->c->arena, "the input `%s` of a cell in a synapse", name_str(x->c->s, of->name)), "States, params and lets of them may be read.");
  return NULL;
}

/* Is there a third part at the synapse? */
static MExpr *third_there(const Sides *x, Span span) {
  const MVar as = {.name = name_z(x->c->s, "%there"), .span = span, .unit_scale = 1};
  MVar *found = NULL;
  for (uint32_t i = 0; i < x->m->vars.n; i++)
    if (x->m->vars.at[i]->of == x->m->vars.at[i]) found = x->m->vars.at[i];
  if (!found) found = leaf_new(x, SIDE_THIRD, &as, VAR_INPUT);
  found->of = found;
  MExpr *args[2] = {expr_var(x->c, found, span), expr_number(x->c, 0, DIM_NONE, span)};
  return expr_call(x->c, B_GT, span, DIM_NONE, M_BOOL, args, 2);
}

/* 0 where there is no third part; states are by themselves. */
static MExpr *where_there(const Sides *x, MExpr *e) {
  if (!e || !x->sides->gaps || (e->kind == MX_VAR && e->var->kind == VAR_INPUT)) return e;
  MExpr *there = third_there(x, e->span), *args[3] = {there, e, NULL};
  if (e->type == M_BOOL) return expr_call(x->c, B_AND, e->span, DIM_NONE, M_BOOL, args, 2);
  args[2] = expr_number(x->c, 0, e->dim, e->span);
  return expr_call(x->c, B_SELECT, e->span, e->dim, M_REAL, args, 3);
}

/* ScopeHook.value */
static MExpr *side_value(void *context, Scope *scope, const Ast *ast, bool *ret_known) {
  (void)scope;
  const Sides *x = context;
  bool wrong;
  AstWord word = ast->kind == AST_MEMBER ? word_first(ast) : (AstWord){0};
  int side = side_of(x, word, &wrong);
  if (side == NO_SIDE) return NULL;
  *ret_known = true;
  x->m->sided |= side == SIDE_THIRD ? SIDED_THIRD : SIDED_CELLS;
  if (!x->sides || wrong || !x->sides->pops[side]) return NULL;
  const MPopulation *pop = x->sides->pops[side];
  const char *path = name_str(x->c->s, path_name(x->c, ast)), *rest = path + strlen(name_str(x->c->s, word.name)) + 1;
  MVar *var = component_var(pop->component, name_z(x->c->s, rest));
  if (var && !var->internal) vec_push(x->c->arena, &x->m->reads, var);
  if (var && !var->internal) return side == SIDE_THIRD ? where_there(x, seen(x, side, var, ast->span)) : seen(x, side, var, ast->span);
  net_no_variable(x->c->s, pop, name_str(x->c->s, word.name), rest, ast->span);
  return NULL;
}

static bool none_visible(void *context, Name name) {
  (void)context;
  (void)name;
  return false;
}

static void sides_names(void *context, TextList *ret) {
  const Sides *x = context;
  for (int i = SIDE_PRE; i <= SIDE_POST; i++) vec_push(x->c->arena, ret, sides_words[i]);
  if (!name_none(x->m->third)) vec_push(x->c->arena, ret, name_str(x->c->s, x->m->third));
}

void synapse_sides(Comp *k) {
  Sides *x = NEW(k->c->arena, Sides);
  ScopeHook *hook = NEW(k->c->arena, ScopeHook);
  *x = (Sides){k->c, k->m, k->c->sides};
  *hook = (ScopeHook){x, side_value, none_visible, sides_names};
  k->scope->hook = hook;
}

MComponent *net_synapse_between(Net *n, const Sent *sent, MPopulation *from, MPopulation *to) {
  const MComponent *of = sent->synapse;
  SynapseSides *sides = NEW(n->c->arena, SynapseSides); /* names are looked up behind the check, too */
  *sides = (SynapseSides){{[SIDE_PRE] = from, [SIDE_POST] = to, [SIDE_THIRD] = sent->pick ? sent->pick->cells.pop : NULL},
                          sent->pick && sent->pick->third.share};
  MComponent *m = NEW(n->c->arena, MComponent);
  uint32_t errors = n->s->errors;
  n->c->sides = sides;
  check_component_block(n->c, ((Scope *)of->scope)->parent, of->block, m);
  n->c->sides = NULL;
  if (!m->failed) return m;
  if (n->s->errors > errors) diag_note(n->s, n->s->diags.at[n->s->diags.n - 1], sent->ast->head.span, "in this connection");
  return NULL;
}
