/* `by lm(steps = 20) from 32 starts with gradient = forward` -> the optimizer of a stage, its options, its starts. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

enum { MOST_OPTIONS = 16, MOST_STARTS = 1000000 };

static const char *const optimizers[OPTIMIZER_COUNT] = {
#define OPTIMIZER(id, name, squares, doc) [OPTIMIZER_##id] = name,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
};
static const bool wants_squares[OPTIMIZER_COUNT] = {
#define OPTIMIZER(id, name, squares, doc) [OPTIMIZER_##id] = squares,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
};

typedef struct {
  const char *name;
  double least, most;
} OptionRow;

/* In the table an option belongs to the optimizer above it. */
static size_t options_of(MOptimizer by, OptionRow ret[MOST_OPTIONS]) {
  MOptimizer at = OPTIMIZER_COUNT;
  size_t n = 0;
#define OPTIMIZER(id, name, squares, doc) at = OPTIMIZER_##id;
#define OPTION(id, name, least, most, given, doc) \
  if (at == by && n < MOST_OPTIONS) ret[n++] = (OptionRow){name, least, most};
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  return n;
}

/* ---- options */

/* A number that no param can change. Counts (all that begin at 1 or more) are whole. */
static bool option_value(FitContext *f, const AstNamed *arg, const OptionRow *row, double *ret) {
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = arena_printf(f->s->arena, "`%s`", row->name)};
  MExpr *e = check_expr(f->c, f->n->scope, arg->value, &want);
  Known k = known_literal(e);
  if (!e) return false;
  bool whole = row->least >= 1;
  *ret = k.value;
  if (k.known && k.value >= row->least && k.value <= row->most && (!whole || k.value == floor(k.value))) return true;
  diag_option_range(f->s, arg->value->span, row->name, row->least, row->most, whole);
  return false;
}

static void option_read(FitContext *f, const Ast *ast) {
  Session *s = f->s;
  MStage *stage = f->stage;
  OptionRow rows[MOST_OPTIONS];
  const char *words[MOST_OPTIONS], *optimizer = optimizers[stage->by];
  size_t n = options_of(stage->by, rows), at = 0;
  for (size_t i = 0; i < n; i++) words[i] = rows[i].name;
  const AstNamed *arg = ast->kind == AST_NAMED ? AST_AS(Named, ast) : NULL;
  const char *name = arg ? name_str(s, arg->name.name) : NULL;
  while (arg && at < n && strcmp(words[at], name) != 0) at++;
  if (!arg || at == n) {
    diag_unknown_option(s, arg ? arg->name.span : ast->span, optimizer, name, name ? diag_nearest(name, words, n) : NULL, words, n);
    return;
  }
  for (uint32_t i = 0; i < stage->options.n; i++)
    if (name_eq(stage->options.at[i].name, arg->name.name)) {
      diag_setting_twice(s, arg->head.span, name, stage->options.at[i].span);
      return;
    }
  MOption option = {.name = arg->name.name, .span = arg->head.span};
  if (option_value(f, arg, &rows[at], &option.value)) vec_push(s->arena, &stage->options, option);
}

static bool optimizer_read(FitContext *f, const Ast *callee) {
  const char *text = callee->kind == AST_NAME ? name_str(f->s, AST_AS(NameRef, callee)->name.name)
                                              : source_span_text(f->s, callee->span, f->s->arena);
  for (int i = 0; i < OPTIMIZER_COUNT; i++)
    if (strcmp(optimizers[i], text) == 0) {
      f->stage->by = (MOptimizer)i;
      return true;
    }
  diag_unknown_optimizer(f->s, callee->span, text, diag_nearest(text, optimizers, OPTIMIZER_COUNT), optimizers, OPTIMIZER_COUNT);
  return false;
}

/* ---- starts and the way to the gradient */

static void starts_read(FitContext *f, const Ast *ast) {
  MExpr *e = net_count_expr(f->n, f->n->scope, ast, "the number of starts", 1, MOST_STARTS);
  Known k = known_literal(e);
  if (k.known) f->stage->starts = (uint32_t)k.value;
  else if (e) diag_constant_wanted(f->s, ast->span, "the number of starts", true);
}

static void gradient_read(FitContext *f, const AstAssign *assign) {
  static const char *const kinds[] = {[GRADIENT_CHOSEN] = "", [GRADIENT_FORWARD] = "forward", [GRADIENT_REVERSE] = "reverse"};
  Session *s = f->s;
  const char *name = name_str(s, path_name(f->c, assign->target));
  if (f->m->network) {
    fit_network_gradient(f, assign, name);
    return;
  }
  if (strcmp(name, "reset") == 0) {
    fit_reset(f, assign);
    return;
  }
  if (strcmp(name, "gradient") != 0) {
    diag_by_setting(s, assign->target->span, name, diag_nearest(name, (const char *const[]){"gradient", "reset"}, 2));
    return;
  }
  if (fit_spikes(f, assign->value)) return;
  const char *text = assign->value->kind == AST_NAME ? name_str(s, AST_AS(NameRef, assign->value)->name.name) : "";
  int kind = GRADIENT_FORWARD;
  while (kind < (int)COUNT_OF(kinds) && strcmp(kinds[kind], text) != 0) kind++;
  if (kind == (int)COUNT_OF(kinds)) {
    const char *const words[] = {kinds[GRADIENT_FORWARD], kinds[GRADIENT_REVERSE], "exact_events", "surrogate"};
    diag_gradient_kind(s, assign->value->span, diag_nearest(text, words, COUNT_OF(words)));
  } else if (f->m->gradient && (int)f->m->gradient != kind) {
    diag_gradient_differs(s, assign->value->span, kinds[f->m->gradient]);
  } else {
    f->m->gradient = (MGradient)kind;
  }
}

/* What it looks at. */
static void network_options(FitContext *f) {
  for (uint32_t i = 0; f->m->network && i < f->stage->options.n; i++)
    if (strcmp(name_str(f->s, f->stage->options.at[i].name), "dropout") == 0)
      diag_not_supported(f->s, f->stage->options.at[i].span, "`dropout` in a fit of a network", "A network has no observations to leave out.");
}

static void patience_possible(FitContext *f) {
  for (uint32_t i = 0; i < f->stage->options.n; i++)
    if (strcmp(name_str(f->s, f->stage->options.at[i].name), "patience") == 0 && f->m->data.validation.n == 0)
      diag_option_validate(f->s, f->stage->options.at[i].span);
}

void fit_by(FitContext *f, const AstBy *ast) {
  if (!ast->method) return;
  const AstCall *call = ast->method->kind == AST_CALL ? AST_AS(Call, ast->method) : NULL;
  f->stage->by_span = ast->method->span;
  if (!optimizer_read(f, call ? call->callee : ast->method)) return;
  for (uint32_t i = 0; call && i < call->args.n; i++) option_read(f, call->args.at[i]);
  if (ast->starts) starts_read(f, ast->starts);
  patience_possible(f);
  network_options(f);
  for (uint32_t i = 0; i < ast->settings.n; i++)
    if (ast->settings.at[i]->kind == AST_ASSIGN) gradient_read(f, AST_AS(Assign, ast->settings.at[i]));
}

/* ---- a sum of squares? */

/* Does a term stand in it with a factor that is negative for certain? sign: of what is around it. */
static bool term_falls(const MExpr *e, int sign) {
  if (e->kind == MX_GLOBAL) return sign < 0 && e->global->index == UINT32_MAX;
  if (e->kind != MX_CALL) return false;
  Known k;
  switch ((int)e->builtin) {
  case B_ADD: return term_falls(e->args[0], sign) || term_falls(e->args[1], sign);
  case B_SUB: return term_falls(e->args[0], sign) || term_falls(e->args[1], -sign);
  case B_NEG: return term_falls(e->args[0], -sign);
  case B_MUL:
    k = known_literal(e->args[0]);
    if (k.known) return term_falls(e->args[1], k.value < 0 ? -sign : sign);
    k = known_literal(e->args[1]);
    return k.known && term_falls(e->args[0], k.value < 0 ? -sign : sign);
  case B_DIV: k = known_literal(e->args[1]); return k.known && term_falls(e->args[0], k.value < 0 ? -sign : sign);
  }
  return false;
}

void fit_squares(FitContext *f) {
  const MStage *stage = f->stage;
  if (f->m->network) {
    fit_network_derivatives(f, wants_squares[stage->by]);
    return;
  }
  if (!wants_squares[stage->by]) return;
  for (uint32_t i = 0; i < stage->terms.n; i++) {
    const MTerm *term = stage->terms.at[i];
    if (term_is_square(term)) continue;
    diag_not_squares(f->s, term->span, optimizers[stage->by], stage->by_span, false);
    return;
  }
  if (term_falls(stage->objective, 1)) diag_not_squares(f->s, stage->objective->span, optimizers[stage->by], stage->by_span, true);
}
