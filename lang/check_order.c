/* The order in which a component is computed: lets after what they read, initial values after what they need.
 *
 * Depth-first, so each variable comes after all that it reads; a variable met again while it is open closes a
 * circle, which is reported with all its names. Also the checks that need the whole: noise where none can be,
 * defaults outside of their domains. */
#include "lang/component.h"

typedef enum { MARK_NEW, MARK_OPEN, MARK_DONE } Mark;

typedef struct {
  Comp *comp;
  Mark *marks; /* by var->index */
  bool start;  /* initial values: states are entered too */
  VEC(MVar *) open;
  bool circle;
} Walk;

static void visit(Walk *w, MVar *var);

static void visit_expr(Walk *w, const MExpr *e) {
  if (!e || w->circle) return;
  if (e->kind == MX_VAR) visit(w, e->var);
  for (uint32_t i = 0; i < e->n_args; i++) visit_expr(w, e->args[i]);
}

static void report(Walk *w, MVar *var) {
  Comp *k = w->comp;
  uint32_t from = w->open.n;
  while (from > 0 && w->open.at[from - 1] != var) from--;
  char *path = arena_text(k->c->arena, "", 0);
  for (uint32_t i = from ? from - 1 : 0; i < w->open.n; i++)
    if (!w->open.at[i]->internal) path = arena_printf(k->c->arena, "%s%s -> ", path, name_str(k->s, w->open.at[i]->name));
  path = arena_printf(k->c->arena, "%s%s", path, name_str(k->s, var->name));
  w->circle = true;
  if (w->start)
    diag_start_cycle(k->s, var->span, path);
  else
    diag_cycle(k->s, var->span, path);
}

static void visit(Walk *w, MVar *var) {
  if (w->circle || var->kind == VAR_INPUT || (!w->start && var->kind != VAR_LET)) return;
  if (w->marks[var->index] == MARK_DONE) return;
  if (w->marks[var->index] == MARK_OPEN) {
    report(w, var);
    return;
  }
  w->marks[var->index] = MARK_OPEN;
  vec_push(w->comp->c->arena, &w->open, var);
  visit_expr(w, var->value);
  w->open.n--;
  w->marks[var->index] = MARK_DONE;
  MComponent *m = w->comp->m;
  if (w->start)
    vec_push(w->comp->c->arena, &m->init_order, var);
  else
    vec_push(w->comp->c->arena, &m->let_order, var);
}

static Walk walk_new(Comp *k, bool start) {
  return (Walk){.comp = k, .marks = NEW_ARRAY(k->c->arena, Mark, k->m->vars.n), .start = start};
}

static void order_lets(Comp *k) {
  Walk w = walk_new(k, false);
  for (uint32_t i = 0; i < k->m->vars.n; i++)
    if (k->m->vars.at[i]->kind == VAR_LET) visit(&w, k->m->vars.at[i]);
}

static void order_start(Comp *k) {
  Walk w = walk_new(k, true);
  for (int pass = 0; pass < 3; pass++)
    for (uint32_t i = 0; i < k->m->vars.n; i++) {
      MVar *var = k->m->vars.at[i];
      bool now = pass == 0 ? var->kind == VAR_PARAM : var->kind == VAR_STATE && var->gate == (pass == 2);
      if (now) visit(&w, var);
    }
}

/* ---- noise only in equations */

static void refuse_noise(Comp *k, const MExpr *e) {
  if (expr_noisy(e)) diag_noise_misplaced(k->s, e->span);
}

static void refuse_noise_in(Comp *k, const MStmtList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    refuse_noise(k, st->value);
    refuse_noise_in(k, &st->then);
    refuse_noise_in(k, &st->other);
  }
}

static void check_noise(Comp *k) {
  for (uint32_t i = 0; i < k->m->vars.n; i++)
    if (k->m->vars.at[i]->kind != VAR_LET) refuse_noise(k, k->m->vars.at[i]->value);
  for (uint32_t i = 0; i < k->m->ports.n; i++) refuse_noise_in(k, &k->m->ports.at[i]->body);
  for (uint32_t i = 0; i < k->m->spikes.n; i++) {
    refuse_noise(k, k->m->spikes.at[i]->cond);
    refuse_noise(k, k->m->spikes.at[i]->level);
    refuse_noise_in(k, &k->m->spikes.at[i]->body);
  }
}

static void check_defaults(Comp *k) {
  for (uint32_t i = 0; i < k->m->vars.n; i++) {
    const MVar *var = k->m->vars.at[i];
    if (!var->draw) check_in_domain(k->c, &var->domain, var->name, var->value);
    k->m->columns |= expr_has(var->value, MX_COLUMN);
  }
}

void comp_order(Comp *k) {
  comp_link_derivatives(k);
  order_lets(k);
  order_start(k);
  check_noise(k);
  check_defaults(k);
}
