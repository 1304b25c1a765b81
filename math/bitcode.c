/* All of this folder as one translation unit, for clang to turn into math.bc. */
#define NSLM_VECTORS 1
#include "math/scalar.c"

#undef DEFINE_1
#undef DEFINE_2
#undef ARGS_0
#undef ARGS_1
#undef ARGS_2
#undef DRAW_0
#undef DRAW_1

#include "math/vector.c"

#include "math/poisson.c"
