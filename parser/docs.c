/* Doc comments -> the declarations that they document.
 *
 * Comments are kept beside the tree, in order of place. One that follows text on its line belongs to the
 * declaration begun on that line (the outermost, or the one item of a list); one on lines of its own to
 * the next declaration of the same body. Both lists are in order, so one sweep over the declarations
 * suffices. */
#include <string.h>

#include "parser/parser.h"

typedef VEC(Ast *) Declarations;
typedef struct {
  Arena *arena;
  Declarations *list;
} Collect;

static Name *doc_field(Ast *node) {
  const AstKindInfo *info = &ast_kinds[node->kind];
  for (uint32_t i = 0; i < info->n_fields; i++)
    if (info->fields[i].type == ASTF_TEXT && strcmp(info->fields[i].name, "doc") == 0)
      return (Name *)(void *)((char *)node + info->fields[i].offset);
  return NULL;
}

static void collect(Ast *node, void *ctx) {
  Collect *c = ctx;
  if (node->kind >= AST_NUMBER) return;
  if (doc_field(node)) vec_push(c->arena, c->list, node);
  ast_each_child(node, collect, ctx);
}

/* Gives the text of comments [from, to) to a declaration, a line each. */
static void doc_set(Parser *p, Ast *node, uint32_t from, uint32_t to) {
  Name *doc = doc_field(node);
  Name only = p->docs.at[from].text;
  if (to - from == 1 && name_none(*doc)) {
    *doc = only;
    return;
  }
  size_t len = name_none(*doc) ? 0 : strlen(name_str(p->s, *doc)) + 1;
  for (uint32_t i = from; i < to; i++) len += strlen(name_str(p->s, p->docs.at[i].text)) + 1;
  char *text = arena_alloc(p->s->arena, len + 1), *at = text;
  if (!name_none(*doc)) at = stpcpy(at, name_str(p->s, *doc)), *at++ = '\n';
  for (uint32_t i = from; i < to; i++) at = stpcpy(at, name_str(p->s, p->docs.at[i].text)), *at++ = '\n';
  *doc = name_of(p->s, text, len - 1);
}

/* The first declaration at or behind `offset`, from `i` on. */
static uint32_t seek(const Declarations *list, uint32_t i, uint32_t offset) {
  while (i < list->n && list->at[i]->span.from < offset) i++;
  return i;
}

/* Among the declarations begun on the line: the last one that lies in no other. */
static Ast *on_line(const Declarations *list, uint32_t i, uint32_t to) {
  Ast *found = NULL;
  for (; i < list->n && list->at[i]->span.from < to; i++)
    if (!found || list->at[i]->span.from >= found->span.to) found = list->at[i];
  return found;
}

/* Of a list with several items, the one begun on the line, if it is alone there. */
static Ast *item_on_line(Ast *node, uint32_t from, uint32_t to) {
  if (node->kind != AST_DECL) return node;
  const AstList *items = &AST_AS(Decl, node)->items;
  Ast *found = NULL;
  if (items->n < 2) return node;
  for (uint32_t i = 0; i < items->n; i++) {
    uint32_t at = items->at[i]->span.from;
    if (at < from || at >= to) continue;
    if (found) return node;
    found = items->at[i];
  }
  return found ? found : node;
}

/* Items carry the most specific comment: their own, else the declaration's. */
static void items_inherit(const Declarations *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    if (list->at[i]->kind != AST_DECL) continue;
    AstDecl *d = AST_AS(Decl, list->at[i]);
    for (uint32_t k = 0; k < d->items.n; k++) {
      AstItem *item = AST_AS(Item, d->items.at[k]);
      if (name_none(item->doc)) item->doc = d->doc;
    }
    if (name_none(d->doc) && d->items.n == 1) d->doc = AST_AS(Item, d->items.at[0])->doc;
  }
}

static Ast *documented(Parser *p, const Declarations *list, const DocComment *doc, uint32_t at) {
  if (!doc->trailing) {
    uint32_t next = seek(list, at, doc->span.to);
    return next < list->n ? list->at[next] : NULL;
  }
  Ast *node = on_line(list, at, doc->span.from);
  return node ? item_on_line(node, doc->line_start, doc->span.from) : NULL;
}

void docs_attach(Parser *p, const AstFile *file) {
  if (p->docs.n == 0) return;
  Declarations list = {0};
  ast_each_child(&file->head, collect, &(Collect){p->s->arena, &list});
  uint32_t at = 0, to;
  for (uint32_t i = 0; i < p->docs.n; i = to) {
    const DocComment *doc = &p->docs.at[i];
    at = seek(&list, at, doc->line_start);
    Ast *node = doc->lost ? NULL : documented(p, &list, doc, at);
    to = i + 1; /* comments on lines of their own with nothing between them belong together */
    while (to < p->docs.n && !doc->trailing && p->docs.at[to].token == doc->token && !p->docs.at[to].trailing) to++;
    if (node) doc_set(p, node, i, to);
  }
  items_inherit(&list);
}
