/* A component as table D has it: what it is, its equations, what events do to it, when it fires, its
 * parameters. */
#include <string.h>

#include "describe/inner.h"

static const char *decl_kind(const Describe *d, const Ast *item) {
  return item->kind == AST_DECL ? word(d, AST_AS(Decl, item)->what) : "";
}

static void row(Describe *d, const char *title) { fprintf(d->out, "<tr><th>%s</th><td>", title); }
static void row_end(Describe *d) { put(d, "</td></tr>\n"); }

static const AstItem *item_at(const AstDecl *decl, uint32_t i) { return AST_AS(Item, decl->items.at[i]); }

/* Calls for each declared name of one kind. */
static uint32_t each_item(Describe *d, const AstBlock *b, const char *kind,
                          void (*fn)(Describe *d, const AstItem *item)) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++) {
    if (strcmp(decl_kind(d, b->body.at[i]), kind) != 0) continue;
    const AstDecl *decl = AST_AS(Decl, b->body.at[i]);
    for (uint32_t k = 0; k < decl->items.n; k++, n++)
      if (fn) fn(d, item_at(decl, k));
  }
  return n;
}

/* ---- equations */

static void let_line(Describe *d, const AstItem *item) {
  if (item->value) put_definition(d, item);
  fns_want(d, item->value);
}

static void state_line(Describe *d, const AstItem *item) {
  put(d, "<div>");
  put_name_math(d, item->name, &item->binders);
  if (item->value) {
    put(d, item->draw ? " drawn from " : " starts at ");
    put_math(d, item->value);
  } else if (item->primes) {
    put(d, " (derivative)");
  }
  if (name_str(d->s, item->doc)[0]) put(d, ": "), put_doc_inline(d, item->doc);
  put(d, "</div>\n");
}

static void input_line(Describe *d, const AstItem *item) {
  put(d, "<div>");
  put_name_math(d, item->name, &item->binders);
  if (item->unit && strcmp(name_str(d->s, AST_AS(Unit, item->unit)->text), "1") != 0)
    put(d, " in "), put_quantity_text(d, name_str(d->s, AST_AS(Unit, item->unit)->text));
  if (name_str(d->s, item->doc)[0]) put(d, ": "), put_doc_inline(d, item->doc);
  put(d, "</div>\n");
}

static void index_line(Describe *d, const AstItem *item) {
  put(d, "<div>");
  put_name_math(d, item->name, NULL);
  const Ast *set = item->value ? item->value : item->domain;
  if (set) put(d, " in "), put_math(d, set);
  put(d, "</div>\n");
}

static void part_line(Describe *d, const AstUse *use) {
  put(d, "<div>");
  if (word(d, use->alias)[0]) put(d, "<code>"), put_text(d, word(d, use->alias)), put(d, "</code> = ");
  if (use->component) put_source(d, use->component->span);
  for (uint32_t i = 0; i < use->settings.n; i++) {
    put(d, i ? ", " : " with ");
    if (use->settings.at[i]->kind == AST_ASSIGN) put_assign(d, AST_AS(Assign, use->settings.at[i]), false);
    else put_source(d, use->settings.at[i]->span);
  }
  put(d, "</div>\n");
  component_want(d, use->component);
}

static void put_equations(Describe *d, const AstBlock *b) {
  for (uint32_t i = 0; i < b->body.n; i++) {
    const Ast *item = b->body.at[i];
    if (item->kind == AST_EQUATION) put_equation(d, AST_AS(Equation, item));
    if (item->kind == AST_GATE) put_gate(d, AST_AS(Gate, item));
    if (item->kind == AST_KINETIC) put_kinetic(d, AST_AS(Kinetic, item));
    fns_want(d, item);
  }
}

static bool has(const AstBlock *b, AstKind kind) {
  for (uint32_t i = 0; i < b->body.n; i++)
    if (b->body.at[i]->kind == kind) return true;
  return false;
}

/* ---- events */

static void put_on(Describe *d, const AstOn *on) {
  put(d, "<div>on ");
  for (uint32_t i = 0; i < on->what.n; i++) put_source(d, on->what.at[i]->span);
  if (on->of) put(d, " of "), put_math(d, on->of);
  put(d, ": ");
  put_body(d, &on->body);
  put(d, "</div>\n");
}

static void put_statement(Describe *d, const Ast *st) {
  if (st->kind == AST_EQUATION) {
    put_equation(d, AST_AS(Equation, st));
    return;
  }
  if (st->kind == AST_ON) {
    put_on(d, AST_AS(On, st));
    return;
  }
  put(d, "<div>");
  if (st->kind == AST_ASSIGN) {
    put_assign(d, AST_AS(Assign, st), true);
  } else if (st->kind == AST_HOLD) {
    put_math(d, AST_AS(Hold, st)->target);
    put(d, " keeps its value for ");
    put_math(d, AST_AS(Hold, st)->duration);
  } else if (st->kind == AST_IF_STMT) {
    const AstIfStmt *f = AST_AS(IfStmt, st);
    put(d, "if ");
    put_math(d, f->cond);
    put_body(d, &f->then);
    if (f->other.n) put(d, "otherwise"), put_body(d, &f->other);
  } else {
    put(d, "<code>");
    put_source(d, st->span);
    put(d, "</code>");
  }
  put(d, "</div>");
}

void put_body(Describe *d, const AstList *body) {
  put(d, "<div class=\"body\">");
  for (uint32_t i = 0; i < body->n; i++) put_statement(d, body->at[i]);
  put(d, "</div>\n");
}

static void put_receive(Describe *d, const AstReceive *r) {
  put(d, "<div>event at <code>");
  put_text(d, word(d, r->name));
  put(d, "</code>");
  for (uint32_t i = 0; i < r->args.n; i++)
    if (r->args.at[i]->kind == AST_ITEM) {
      const AstItem *a = AST_AS(Item, r->args.at[i]);
      put(d, i ? ", " : " with ");
      put_name_math(d, a->name, NULL);
      if (a->unit) put(d, " in "), put_quantity_text(d, name_str(d->s, AST_AS(Unit, a->unit)->text));
    } else if (r->args.at[i]->kind == AST_FN_ARG) {
      const AstFnArg *a = AST_AS(FnArg, r->args.at[i]);
      put(d, i ? ", " : " with ");
      put_name_math(d, a->name, NULL);
      if (a->unit) put(d, " in "), put_quantity_text(d, name_str(d->s, AST_AS(Unit, a->unit)->text));
    }
  put(d, ": ");
  put_doc_inline(d, r->doc);
  put_body(d, &r->body);
  put(d, "</div>\n");
}

static void put_spike(Describe *d, const AstSpike *s) {
  put(d, "<div>");
  if (s->form == SPIKE_WHEN) {
    put(d, "when ");
    put_math(d, s->cond);
    put(d, " becomes true");
  } else if (s->form == SPIKE_PEAK) {
    put(d, "at a peak of ");
    put_math(d, s->cond);
    if (s->level) put(d, " above "), put_math(d, s->level);
  } else {
    put(d, "at random with the rate ");
    put_math(d, s->cond);
  }
  if (s->body.n) put(d, ":"), put_body(d, &s->body);
  put(d, "</div>\n");
}

/* ---- parameters */

void put_domain(Describe *d, const Ast *domain) {
  if (domain) put_math(d, domain);
}

static void param_row(Describe *d, const AstItem *p) {
  put(d, "<tr><td>");
  put_name_math(d, p->name, &p->binders);
  put(d, "</td><td class=\"v\">");
  put_text(d, word(d, p->name));
  put(d, "</td><td>");
  if (p->value) put_math(d, p->value);
  put(d, "</td><td>");
  put_domain(d, p->domain);
  put(d, "</td><td>");
  put_doc_inline(d, p->doc);
  put(d, "</td></tr>\n");
}

static void put_params(Describe *d, const AstBlock *b) {
  if (!each_item(d, b, "param", NULL) && !each_item(d, b, "weight", NULL)) return;
  put(d,
      "<table "
      "class=\"inner\"><thead><tr><th></th><th>parameter</th><th>value</th><th>domain</th><th></th></tr></"
      "thead><tbody>\n");
  each_item(d, b, "param", param_row);
  each_item(d, b, "weight", param_row);
  put(d, "</tbody></table>\n");
}

static void put_functions(Describe *d, uint32_t from) {
  if (from >= d->fns.n) return;
  row(d, "Functions");
  for (uint32_t i = from; i < d->fns.n; i++) { /* a function may call others: the list may grow */
    const AstFn *fn = d->fns.at[i];
    put_fn(d, fn);
    for (uint32_t k = 0; k < fn->args.n; k++) {
      const AstFnArg *a = AST_AS(FnArg, fn->args.at[k]);
      if (!a->unit) continue;
      put(d, "<p class=\"unit\">");
      put_name_math(d, a->name, NULL);
      put(d, ": a number of ");
      put_quantity_text(d, name_str(d->s, AST_AS(Unit, a->unit)->text));
      if (fn->unit && k + 1 == fn->args.n)
        put(d, ", the result a number of "),
            put_quantity_text(d, name_str(d->s, AST_AS(Unit, fn->unit)->text));
      put(d, "</p>\n");
    }
    fns_want(d, fn->body);
  }
  row_end(d);
}

void put_component(Describe *d, const AstBlock *b) {
  uint32_t before = d->fns.n;
  fprintf(d->out, "<table class=\"model\" id=\"model-%s\"><tbody>\n", word(d, b->name));
  row(d, "Name");
  put(d, "<b>"), put_text(d, word(d, b->name)), put(d, "</b> ("), put_text(d, word(d, b->what)), put(d, ")");
  row_end(d);
  if (name_str(d->s, b->doc)[0]) row(d, "Type"), put_doc(d, b->doc), row_end(d);
  if (has(b, AST_USE)) {
    row(d, "Parts");
    for (uint32_t i = 0; i < b->body.n; i++)
      if (b->body.at[i]->kind == AST_USE) part_line(d, AST_AS(Use, b->body.at[i]));
    row_end(d);
  }
  if (has(b, AST_EQUATION) || has(b, AST_GATE) || has(b, AST_KINETIC) || each_item(d, b, "let", NULL)) {
    row(d, has(b, AST_EQUATION) || has(b, AST_GATE) ? "Dynamics" : "Equations");
    put_equations(d, b);
    each_item(d, b, "let", let_line);
    row_end(d);
  }
  if (each_item(d, b, "index", NULL)) row(d, "Indices"), each_item(d, b, "index", index_line), row_end(d);
  if (each_item(d, b, "state", NULL)) row(d, "States"), each_item(d, b, "state", state_line), row_end(d);
  if (each_item(d, b, "input", NULL)) row(d, "Inputs"), each_item(d, b, "input", input_line), row_end(d);
  if (has(b, AST_RECEIVE) || has(b, AST_ON) || has(b, AST_STREAM)) {
    row(d, "Events");
    for (uint32_t i = 0; i < b->body.n; i++) {
      if (b->body.at[i]->kind == AST_RECEIVE) put_receive(d, AST_AS(Receive, b->body.at[i]));
      if (b->body.at[i]->kind == AST_ON) put_on(d, AST_AS(On, b->body.at[i]));
      if (b->body.at[i]->kind == AST_STREAM)
        put(d, "<div><code>"), put_source(d, b->body.at[i]->span), put(d, "</code></div>");
    }
    row_end(d);
  }
  if (has(b, AST_SPIKE)) {
    row(d, "Spiking");
    for (uint32_t i = 0; i < b->body.n; i++)
      if (b->body.at[i]->kind == AST_SPIKE) put_spike(d, AST_AS(Spike, b->body.at[i]));
    row_end(d);
  }
  put_functions(d, before);
  if (each_item(d, b, "param", NULL) || each_item(d, b, "weight", NULL))
    row(d, "Parameters"), put_params(d, b), row_end(d);
  put(d, "</tbody></table>\n");
}
