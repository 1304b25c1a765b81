/* Doc comments -> the declarations that they document.
 *
 * Comments are kept beside the tree, in order of place. One that follows text on its line belongs to the declaration
 * begun on that line (the outermost, or the one item of a list); one on lines of its own to the next declaration of the
 * same body. Both lists are in order, so one sweep over the declarations suffices. */
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

static void doc_add(Parser *p, Ast *node, Name text) {
  Name *doc = doc_field(node);
  *doc = name_none(*doc) ? text : name_fmt(p->s, "%s\n%s", name_str(p->s, *doc), name_str(p->s, text));
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

void docs_attach(Parser *p, const AstFile *file) {
  if (p->docs.n == 0) return;
  Declarations list = {0};
  ast_each_child(&file->head, collect, &(Collect){p->s->arena, &list});
  uint32_t at = 0;
  for (uint32_t i = 0; i < p->docs.n; i++) {
    const DocComment *doc = &p->docs.at[i];
    if (doc->lost) continue;
    at = seek(&list, at, doc->line_start);
    Ast *node = NULL;
    if (doc->trailing) {
      node = on_line(&list, at, doc->span.from);
      if (node) node = item_on_line(node, doc->line_start, doc->span.from);
    } else {
      uint32_t next = seek(&list, at, doc->span.to);
      if (next < list.n) node = list.at[next];
    }
    if (node) doc_add(p, node, doc->text);
  }
  items_inherit(&list);
}
