/* What the grammar's actions call: a filled node on the stack -> a node of the tree.
 *
 * Every node knows its height, and none grows higher than AST_MAX_EXPR_HEIGHT (expressions) or AST_MAX_HEIGHT
 * (statements): long chains of operators or `else if` are refused here, since no bracket bounds them. */
#include <string.h>

#include "lang/diag.h"
#include "parser/parser.h"

static uint32_t children_height(const Ast *node) {
  const AstKindInfo *info = &ast_kinds[node->kind];
  uint32_t height = 0;
  for (uint32_t i = 0; i < info->n_fields; i++) {
    const char *at = (const char *)node + info->fields[i].offset;
    if (info->fields[i].type == ASTF_KID) {
      const Ast *kid = *(Ast *const *)(const void *)at;
      if (kid && kid->height > height) height = kid->height;
    } else if (info->fields[i].type == ASTF_LIST) {
      const AstList *list = (const void *)at;
      for (uint32_t k = 0; k < list->n; k++)
        if (list->at[k]->height > height) height = list->at[k]->height;
    }
  }
  return height;
}

static Ast *too_high(Parser *p, AstKind kind, Span span) {
  bool expr = kind >= AST_NUMBER;
  if (!p->mute)
    diag_syntax_nesting(p->s, span, expr ? "an expression" : "statements", expr ? AST_MAX_EXPR_HEIGHT : AST_MAX_HEIGHT,
                        expr ? "Give parts of it a name with `let`." : NULL);
  p->mute = true;
  return ast_new(p->s, expr ? AST_NUMBER : AST_LATER, span);
}

/* `fields` is a whole node of its kind, with children that are in the tree already. */
Ast *build_node(Parser *p, const Ast *fields) {
  uint32_t height = 1 + children_height(fields);
  bool expr = fields->kind >= AST_NUMBER;
  if (height > (expr ? AST_MAX_EXPR_HEIGHT : AST_MAX_HEIGHT)) return too_high(p, fields->kind, fields->span);
  Ast *node = arena_alloc(p->s->arena, ast_kinds[fields->kind].size);
  memcpy(node, fields, ast_kinds[fields->kind].size);
  node->height = height;
  return node;
}

/* NULL stands for a statement that could not be read. */
void build_push(Parser *p, AstList *list, Ast *node) {
  if (node) vec_push(p->s->arena, list, node);
}

#define MAKE(KIND, T, ...) build_node(p, &(Ast##T){.head = {.kind = AST_##KIND, .span = span}, __VA_ARGS__}.head)

static const char *assign_text(AssignOp op) {
  switch (op) {
  case ASSIGN_SET: return "=";
  case ASSIGN_ADD: return "+=";
  case ASSIGN_SUB: return "-=";
  case ASSIGN_MUL: return "*=";
  case ASSIGN_DRAW: return "~";
  }
  return "=";
}

/* x' = … is an equation, everything else an assignment or a setting. */
Ast *build_assign(Parser *p, Span span, Ast *target, AssignOp op, Ast *value) {
  const AstPrimed *t = target->kind == AST_PRIMED ? AST_AS(Primed, target) : NULL;
  if (t && !t->base && op == ASSIGN_SET)
    return MAKE(EQUATION, Equation, .name = t->name, .indices = t->indices, .primes = t->primes, .value = value);
  if (target->kind != AST_NAME && target->kind != AST_MEMBER && target->kind != AST_SUBSCRIPT &&
      target->kind != AST_CALL && !t) {
    if (!p->mute) diag_syntax_target(p->s, target->span, assign_text(op));
    return NULL;
  }
  return MAKE(ASSIGN, Assign, .target = target, .op = (int)op, .value = value);
}

/* x' or w[k]' or o.x' */
Ast *build_primed(Parser *p, Span span, Ast *base, int primes) {
  const Ast *name = base->kind == AST_SUBSCRIPT ? AST_AS(Subscript, base)->base : base;
  AstList indices = {0};
  if (base->kind == AST_SUBSCRIPT) indices = AST_AS(Subscript, base)->indices;
  if (name->kind == AST_NAME)
    return MAKE(PRIMED, Primed, .name = AST_AS(NameRef, name)->name, .indices = indices, .primes = primes);
  if (name->kind == AST_MEMBER)
    return MAKE(PRIMED, Primed, .base = AST_AS(Member, name)->base, .name = AST_AS(Member, name)->name,
                .indices = indices, .primes = primes);
  if (!p->mute) diag_syntax_target(p->s, base->span, "'");
  return base;
}

/* link and tail are CONNECT nodes that hold the first and the second part of the statement. */
Ast *build_connect(Parser *p, Span span, AstWord label, const Ast *link, const Ast *tail) {
  AstConnect whole = *(const AstConnect *)tail;
  const AstConnect *l = (const AstConnect *)link;
  whole.head = (Ast){.kind = AST_CONNECT, .span = span};
  whole.label = label;
  whole.source = l->source;
  whole.undirected = l->undirected;
  whole.target = l->target;
  whole.rule = l->rule;
  whole.options = l->options;
  return build_node(p, &whole.head);
}
