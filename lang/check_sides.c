/* What a synapse with memory reads of the cells on both sides, `pre.V` and `post.V`.
 *
 * Whose variables these are is known in a connection only. So the block is checked by itself, where such a name silences what
 * it stands in, and once more for each pair of populations, where it stands for a variable of that side's component: of a state
 * an input of the synapse that follows it, of a param a param with the population's value, of a let its expression over these. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

typedef struct {
  Checker *c;
  MComponent *m;
  MPopulation *const *pops; /* NULL: not known yet */
} Sides;

/* "pre.na.m": 0 and "na.m"; -1: neither side. */
static int side_of(const char *path, const char **ret_rest) {
  static const char *const sides[] = {"pre.", "post."};
  for (int i = 0; i < 2; i++) {
    *ret_rest = path + strlen(sides[i]);
    if (!strncmp(path, sides[i], strlen(sides[i]))) return i;
  }
  return -1;
}

static MVar *leaf_new(const Sides *x, int side, const MVar *of, VarKind kind) {
  MVar *var = NEW(x->c->arena, MVar);
  *var = (MVar){.kind = kind, .name = name_fmt(x->c->s, "%s.%s", side ? "post" : "pre", name_str(x->c->s, of->name)), .span = of->span,
                .doc = of->doc, .dim = of->dim, .unit = of->unit, .unit_scale = of->unit_scale, .index = x->m->vars.n,
                .per = side ? PER_POST : PER_PRE, .varies = kind == VAR_INPUT, .internal = true, .of = (MVar *)of};
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
  MExpr **map = NEW_ARRAY(x->c->arena, MExpr *, x->pops[side]->component->vars.n + 1);
  return e && seen_all(x, side, e, map, span) ? expr_replace(x->c, e, map) : NULL;
}

static MExpr *seen_param(const Sides *x, int side, MVar *of, Span span) {
  const MSetting *set = setting_of(x->pops[side], of);
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
    if (x->m->vars.at[i]->of == of && x->m->vars.at[i]->per == (side ? PER_POST : PER_PRE)) return expr_var(x->c, x->m->vars.at[i], span);
  switch (of->kind) {
    case VAR_STATE: return expr_var(x->c, leaf_new(x, side, of, VAR_INPUT), span);
    case VAR_PARAM: return seen_param(x, side, of, span);
    case VAR_LET: return seen_expr(x, side, of->value, span);
    case VAR_INPUT: break;
  }
  diag_not_supported(x->c->s, span, arena_printf(x->c->arena, "the input `%s` of a cell in a synapse", name_str(x->c->s, of->name)), "States, params and lets of them may be read.");
  return NULL;
}

/* ScopeHook.value */
static MExpr *side_value(void *context, Scope *scope, const Ast *ast, bool *ret_known) {
  (void)scope;
  const Sides *x = context;
  const char *path = ast->kind == AST_MEMBER ? name_str(x->c->s, path_name(x->c, ast)) : "", *rest = NULL;
  int side = side_of(path, &rest);
  if (side < 0) return NULL;
  *ret_known = true;
  x->m->sided = true;
  if (!x->pops) return NULL;
  const MPopulation *pop = x->pops[side];
  MVar *var = component_var(pop->component, name_z(x->c->s, rest));
  if (var && !var->internal) return seen(x, side, var, ast->span);
  diag_unknown_member(x->c->s, ast->span, name_str(x->c->s, pop->base), "a population", rest, NULL, pop->component->span);
  return NULL;
}

static bool none_visible(void *context, Name name) {
  (void)context;
  (void)name;
  return false;
}

static void no_names(void *context, TextList *ret) {
  (void)context;
  (void)ret;
}

void synapse_sides(Comp *k) {
  Sides *x = NEW(k->c->arena, Sides);
  ScopeHook *hook = NEW(k->c->arena, ScopeHook);
  *x = (Sides){k->c, k->m, k->c->sides};
  *hook = (ScopeHook){x, side_value, none_visible, no_names};
  k->scope->hook = hook;
}

MComponent *net_synapse_between(Net *n, const Sent *sent, MPopulation *from, MPopulation *to) {
  const MComponent *of = sent->synapse;
  MPopulation *const pops[] = {from, to};
  MComponent *m = NEW(n->c->arena, MComponent);
  uint32_t errors = n->s->errors;
  n->c->sides = pops;
  check_component_block(n->c, ((Scope *)of->scope)->parent, of->block, m);
  n->c->sides = NULL;
  if (!m->failed) return m;
  if (n->s->errors > errors) diag_note(n->s, n->s->diags.at[n->s->diags.n - 1], sent->ast->head.span, "in this connection");
  return NULL;
}
