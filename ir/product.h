/* Values as number * product of powers of normalized linear forms: what singular.c and exps.c compare.
 * Internal to ir/. */
#ifndef NSL_IR_PRODUCT_H
#define NSL_IR_PRODUCT_H

#include "ir/algebra.h"

enum { MAX_TERMS = 12, MAX_FACTORS = 16 };

/* sum of coef * atom, plus constant; the first coefficient is 1 */
typedef struct {
  uint32_t n;
  IrVal atom[MAX_TERMS];
  double coef[MAX_TERMS], constant;
} Sum;
typedef struct {
  Sum form;
  IrVal rep; /* a value that is scale * form */
  double scale;
  int power;
} Factor;
typedef struct {
  double num;
  uint32_t n;
  bool bad; /* too large for the tables */
  Factor at[MAX_FACTORS];
} Product;

typedef struct {
  const IrKernel *k;
  const bool *opaque; /* by instruction, or NULL: values that count as atoms whatever they are */
} Products;

/* p *= v^power, where power is 1 or -1. depth: of the recursion, 0 to begin with */
void product_add(const Products *f, IrVal v, int power, Product *p, int depth);
/* s += factor * v; *bad becomes true if the tables are too small */
void sum_add(const Products *f, IrVal v, double factor, Sum *s, bool *bad, int depth);
bool sum_near(double a, double b); /* alike but for the rounding of literals: 1e-14 */
bool sum_equal(const Sum *a, const Sum *b);

#endif
