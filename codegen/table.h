/* Inside codegen/: IrModule -> struct nsl_program, in three files: table.c has networks and experiments,
 * table_class.c classes, table_fit.c fits. */
#ifndef NSL_CODEGEN_TABLE_H
#define NSL_CODEGEN_TABLE_H

#include "codegen/unit.h"

typedef struct {
  Session *s;
  Arena *a;
  bool f32;
} Table;

/* An array of n structs for the table: ret_n and pointer at once. */
#define FILL(t, n_field, field, T, count) \
  struct nsl_##T *field = NEW_ARRAY((t)->a, struct nsl_##T, (count) ? (count) : 1); \
  (n_field) = (uint32_t)(count)

/* One array of an experiment: count and structs, each by its function. */
#define EACH(t, out, field, T, list, of)                                    \
  do {                                                                      \
    FILL(t, (out)->n_##field, all_##field, T, (list).n);                    \
    for (uint32_t i_ = 0; i_ < (list).n; i_++) all_##field[i_] = of(t, &(list).at[i_]); \
    (out)->field = all_##field;                                             \
  } while (0)

/* table.c; of names that are none, of places that are nowhere: NULL */
const char *table_text(Table *t, Name n);
const char *table_place(Table *t, Span span);
struct nsl_code table_code(Table *t, const IrKernel *k);
const uint32_t *table_numbers(Table *t, const uint32_t *at, uint32_t n);
const char *table_dim(Table *t, Dim dim);
const char *const *table_texts(Table *t, const Name *names, uint32_t n);
struct nsl_experiment table_experiment(Table *t, const IrExperiment *x);

/* table_class.c */
struct nsl_class table_class(Table *t, const IrClass *c);
bool table_draws(const IrKernel *k);

/* table_fit.c */
struct nsl_fit table_fit(Table *t, IrFit *const *p);

#endif
