/* The session's table of names; the functions that use it stand in session.h. */
#ifndef NSL_LANG_NAME_H
#define NSL_LANG_NAME_H

#include "lang/session.h"

typedef struct NameTable NameTable;
NameTable *name_table_new(Arena *arena);

#endif
