/* What drives a network over time: the rows of drives.def, and what an expression of a drive needs around it. */
#ifndef NSL_LANG_SIGNAL_H
#define NSL_LANG_SIGNAL_H

#include "lang/check.h"

typedef enum {
#define SOURCE(id, text, what, form, doc) SOURCE_##id,
#define ARG(id, name, kind, given, doc)
#include "lang/drives.def"
#undef SOURCE
#undef ARG
  SOURCE_COUNT
} SourceId;
typedef enum { SOURCE_SIGNAL, SOURCE_EVENTS } SourceWhat;
typedef struct {
  const char *name;
  SourceWhat what;
  const char *form, *doc;
} SourceRow;
extern const SourceRow source_rows[SOURCE_COUNT];

enum { SOURCE_ARGS = 8 };
/* The arguments of one source, by their place among its ARGs. NULL: left out, or no expression. */
typedef struct {
  MExpr *value[SOURCE_ARGS];
  const Ast *ast[SOURCE_ARGS];
} SourceArgs;

/* A drive that is being checked. */
struct SignalContext {
  const struct Net *net;
  const AstList *columns; /* `t : ms`, `I : pA` of its braces */
  MDataList *files;       /* what `samples` reads goes here */
  bool used;              /* the columns are */
  /* The last `step(value, from, to)`, and its parts: alone, it needs no kernel. */
  const MExpr *step;
  MExpr *step_value, *step_from, *step_to;
};

/* The row of that name; NULL: none. */
const SourceRow *source_named(const char *name);
/* Reads and checks the arguments; dim: of what is driven, for VALUE. false after a message. */
bool source_args(Checker *c, Scope *scope, const AstCall *call, const SourceRow *row, const Want *want, SourceArgs *ret);
/* A path as it stands in a file argument, inside of the model's folder; false after a message. */
bool source_file(Checker *c, const Ast *ast, MData *ret);
/* `value` on (from, to], else 0; from, to: NULL for always. */
MExpr *signal_window(Checker *c, MExpr *value, MExpr *from, MExpr *to);

#endif
