/* What stands on its own as MathML: formulas in a line and on lines of their own, equations, definitions,
 * functions, gates. math.c writes the expressions in them. */
#include <string.h>

#include "describe/inner.h"

static void begin(Describe *d, bool display) {
  put(d, display ? "<div class=\"eq\"><math displaystyle=\"true\"><mrow>" : "<math><mrow>");
  d->display = display;
  d->fraction = !display;
}
static void end(Describe *d) {
  put(d, d->display ? "</mrow></math></div>\n" : "</mrow></math>");
  d->fraction = 0;
}

void put_math(Describe *d, const Ast *e) {
  begin(d, false);
  math_node(d, e, 0);
  end(d);
}

void put_formula(Describe *d, const Ast *e) {
  begin(d, true);
  math_node(d, e, 0);
  end(d);
}

/* dV/dt, d²x/dt² */
static void derivative(Describe *d, const char *name, const AstList *indices, int order) {
  put(d, "<mfrac><mrow>");
  if (order > 1) fprintf(d->out, "<msup><mi>d</mi><mn>%d</mn></msup>", order);
  else put(d, "<mi>d</mi>");
  math_symbol(d, name, NULL, indices);
  put(d, "</mrow><mrow><mi>d</mi>");
  if (order > 1) fprintf(d->out, "<msup><mi>t</mi><mn>%d</mn></msup>", order);
  else put(d, "<mi>t</mi>");
  put(d, "</mrow></mfrac>");
}

void put_equation(Describe *d, const AstEquation *e) {
  begin(d, true);
  if (e->primes) derivative(d, word(d, e->name), &e->indices, e->primes);
  else math_symbol(d, word(d, e->name), NULL, &e->indices);
  put(d, "<mo>=</mo>");
  math_node(d, e->value, 0);
  end(d);
}

/* `I += w` in a handler is I ← I + w; a setting is an equation. */
void put_assign(Describe *d, const AstAssign *a, bool in_handler) {
  static const AstOp of[] = {[ASSIGN_ADD] = OP_ADD, [ASSIGN_SUB] = OP_SUB, [ASSIGN_MUL] = OP_MUL};
  begin(d, false);
  math_node(d, a->target, 0);
  put(d, a->op == ASSIGN_DRAW ? "<mo>∼</mo>" : in_handler ? "<mo>←</mo>" : "<mo>=</mo>");
  if (a->op == ASSIGN_SET || a->op == ASSIGN_DRAW) {
    math_node(d, a->value, 0);
  } else {
    AstBinary both = {.head.kind = AST_BINARY, .op = (int)of[a->op], .left = a->target, .right = a->value};
    math_node(d, &both.head, 0);
  }
  end(d);
}

/* The binders of a family as the indices of its members. */
static AstList indices_of(Describe *d, const AstList *binders) {
  AstList indices = {0};
  for (uint32_t i = 0; i < binders->n; i++) {
    AstNameRef *index = NEW(d->arena, AstNameRef);
    *index = (AstNameRef){.head.kind = AST_NAME, .name = AST_AS(Binder, binders->at[i])->name};
    vec_push(d->arena, &indices, &index->head);
  }
  return indices;
}

void put_name_math(Describe *d, AstWord name, const AstList *binders) {
  AstList indices = binders ? indices_of(d, binders) : (AstList){0};
  begin(d, false);
  math_symbol(d, word(d, name), NULL, &indices);
  end(d);
}

void put_definition(Describe *d, const AstItem *item) {
  AstList indices = indices_of(d, &item->binders);
  begin(d, true);
  math_symbol(d, word(d, item->name), NULL, &indices);
  put(d, item->draw ? "<mo>∼</mo>" : "<mo>=</mo>");
  math_node(d, item->value, 0);
  end(d);
}

void put_fn(Describe *d, const AstFn *fn) {
  bool first = true;
  begin(d, true);
  math_symbol(d, word(d, fn->name), NULL, NULL);
  put(d, "<mo>⁡</mo><mrow><mo>(</mo>");
  for (uint32_t i = 0; i < fn->args.n; i++)
    math_comma(d, &first), math_symbol(d, word(d, AST_AS(FnArg, fn->args.at[i])->name), NULL, NULL);
  put(d, "<mo>)</mo></mrow><mo>=</mo>");
  math_node(d, fn->body, 0);
  end(d);
}

/* ---- gates: dm/dt = α (1 − m) − β m, or (m∞ − m) / τ; and what these are */

static const Ast *gate_value(const Describe *d, const AstGate *g, const char *name) {
  for (uint32_t i = 0; i < g->body.n; i++)
    if (g->body.at[i]->kind == AST_ASSIGN) {
      const AstAssign *a = AST_AS(Assign, g->body.at[i]);
      if (a->target->kind == AST_NAME && !strcmp(word(d, AST_AS(NameRef, a->target)->name), name))
        return a->value;
    }
  return NULL;
}

static void gate_part(Describe *d, const char *gate, const char *letter, const Ast *value) {
  begin(d, true);
  fprintf(d->out, "<msub><mi>%s</mi>", letter);
  math_symbol(d, gate, NULL, NULL);
  put(d, "</msub><mo>=</mo>");
  math_node(d, value, 0);
  end(d);
}

void put_gate(Describe *d, const AstGate *g) {
  const char *m = word(d, g->name);
  const Ast *alpha = gate_value(d, g, "alpha"), *beta = gate_value(d, g, "beta"),
            *steady = gate_value(d, g, "steady"), *tau = gate_value(d, g, "tau");
  begin(d, true);
  derivative(d, m, NULL, 1);
  put(d, "<mo>=</mo>");
  if (alpha && beta) {
    put(d, "<msub><mi>α</mi>"), math_symbol(d, m, NULL, NULL),
        put(d, "</msub><mspace width=\"0.18em\"/><mrow><mo>(</mo><mn>1</mn><mo>−</mo>");
    math_symbol(d, m, NULL, NULL), put(d, "<mo>)</mo></mrow><mo>−</mo><msub><mi>β</mi>");
    math_symbol(d, m, NULL, NULL), put(d, "</msub><mspace width=\"0.18em\"/>"), math_symbol(d, m, NULL, NULL);
  } else {
    put(d, "<mfrac><mrow><msub>"), math_symbol(d, m, NULL, NULL), put(d, "<mi>∞</mi></msub><mo>−</mo>"),
        math_symbol(d, m, NULL, NULL);
    put(d, "</mrow><msub><mi>τ</mi>"), math_symbol(d, m, NULL, NULL), put(d, "</msub></mfrac>");
  }
  end(d);
  if (alpha && beta) gate_part(d, m, "α", alpha), gate_part(d, m, "β", beta);
  if (tau) gate_part(d, m, "τ", tau);
  if (steady) {
    begin(d, true);
    put(d, "<msub>"), math_symbol(d, m, NULL, NULL), put(d, "<mi>∞</mi></msub><mo>=</mo>");
    math_node(d, steady, 0);
    end(d);
  }
}

/* ---- reactions, with their rates at the arrow */

static void reaction_side(Describe *d, const Ast *side) {
  bool nothing = side->kind == AST_NUMBER && AST_AS(Number, side)->value == 0;
  put(d, "<mrow>");
  if (nothing) put(d, "<mi>∅</mi>");
  else math_node(d, side, 0);
  put(d, "</mrow>");
}

static void put_reaction(Describe *d, const AstReaction *r) {
  if (!r->left || !r->right || r->rates.n != (r->reversible ? 2 : 1)) return;
  begin(d, true);
  reaction_side(d, r->left);
  put(d, r->reversible ? "<munderover><mo stretchy=\"true\">⇌</mo><mrow>" : "<mover><mo stretchy=\"true\">→</mo><mrow>");
  if (r->reversible) math_node(d, r->rates.at[1], 0), put(d, "</mrow><mrow>");
  math_node(d, r->rates.at[0], 0);
  put(d, r->reversible ? "</mrow></munderover>" : "</mrow></mover>");
  reaction_side(d, r->right);
  end(d);
}

void put_kinetic(Describe *d, const AstKinetic *kinetic) {
  if (kinetic->steady) put(d, "<div>Reactions, at whose steady state the states begin:</div>\n");
  if (kinetic->stochastic) put(d, "<div>Reactions of whole numbers, each at random:</div>\n");
  for (uint32_t i = 0; i < kinetic->body.n; i++)
    if (kinetic->body.at[i]->kind == AST_REACTION) put_reaction(d, AST_AS(Reaction, kinetic->body.at[i]));
}
