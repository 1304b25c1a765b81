/* Numbers with units on the command line and in what is printed. */
#ifndef NSL_RUNTIME_QUANTITY_H
#define NSL_RUNTIME_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

enum { RT_DIM_BASES = 6, RT_DIM_ONE = 12 };
struct rt_dim { /* exponents over ms, mV, pA, um, mM, K in twelfths */
  int e[RT_DIM_BASES];
};
struct rt_quantity {
  double value; /* in coherent units */
  bool has_unit;
  struct rt_dim dim;
};
/* "12ms", "-65 mV", "4/ms", "120 mS/cm^2", "5", "inf". NULL, or what is wrong. */
const char *rt_quantity_read(const char *text, struct rt_quantity *ret);
struct rt_dim rt_dim_read(const char *exponents); /* "0 12 0 0 0 0" */
bool rt_dim_equal(struct rt_dim a, struct rt_dim b);
bool rt_dim_none(struct rt_dim a);
/* The shortest digits that read back as the same double; with the unit, if any. */
void rt_number_text(double v, char *text, size_t size);
void rt_quantity_text(double v, const char *unit, char *text, size_t size);

#endif
