/* The mathematics of NSL programs: elementary functions, keyed random draws, Poisson counts. The same
 * source is compiled three times: by the C compiler (reference evaluator, runtime), by clang to bitcode
 * that is inlined into generated kernels (scalar, 8 doubles, 16 floats), and from that bitcode to PTX. The
 * bits agree in all of them: explicit fma, no contraction, no libm.
 *
 * Rows of functions.def: nslm_<name>_f64, _f32 and, in the bitcode, _f64v, _f32v. Rows of draws.def:
 * nslm_draw_<name>_..., below. */
#ifndef NSL_MATH_MATH_H
#define NSL_MATH_MATH_H
#include <stddef.h>
#include <stdint.h>

#ifdef NSLM_VECTORS /* in the bitcode only: bitcode.c */
typedef double nslm_f64v __attribute__((ext_vector_type(8)));
typedef float nslm_f32v __attribute__((ext_vector_type(16)));
typedef int64_t nslm_i64v __attribute__((ext_vector_type(8)));
typedef uint64_t nslm_u64v __attribute__((ext_vector_type(8)));
typedef double nslm_f64q __attribute__((ext_vector_type(4)));
typedef int64_t nslm_i64q __attribute__((ext_vector_type(4)));
typedef uint64_t nslm_u64q __attribute__((ext_vector_type(4)));
typedef uint32_t nslm_u32q __attribute__((ext_vector_type(8)));
typedef double nslm_f64w __attribute__((ext_vector_type(16))); /* inside the float draws */
typedef int64_t nslm_i64w __attribute__((ext_vector_type(16)));
typedef uint64_t nslm_u64w __attribute__((ext_vector_type(16)));
typedef int32_t nslm_i32v __attribute__((ext_vector_type(16)));
typedef uint32_t nslm_u32v __attribute__((ext_vector_type(16)));
#endif

/* The elementary functions. */
#define NSLM_SIG_1(name, s, R) R nslm_##name##_##s(R x);
#define NSLM_SIG_2(name, s, R) R nslm_##name##_##s(R x, R y);
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  NSLM_SIG_##arity(name, f64, double) NSLM_SIG_##arity(name, f32, float)
#include "math/functions.def"
#undef M
#ifdef NSLM_VECTORS
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  NSLM_SIG_##arity(name, f64v, nslm_f64v) NSLM_SIG_##arity(name, f32v, nslm_f32v)
#include "math/functions.def"
#undef M
nslm_f64q nslm_exp_f64q(nslm_f64q x); /* the exponentials of one element */
#endif

/* Keys. nslm_hash continues h (0 to begin) over n bytes: FNV-1a for each byte, a 64-bit finalizer at the
 * end, so hash(hash(0, "net"), "E") differs from hash(0, "netE"). nslm_key makes the key of a stream from
 * seed and path. */
uint64_t nslm_hash(const char *text, size_t n, uint64_t h);
uint64_t nslm_key(uint64_t seed, uint64_t path_hash);

/* Philox4x32-10: key (low word first), four counter words in, four out. */
typedef struct {
  uint32_t w[4];
} NslmWords;
NslmWords nslm_philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3);
#ifdef NSLM_VECTORS
/* Eight counters at once, a word in the low half of each lane; out words 0 and 1 (high half) in a, 2 and 3
 * in b. */
void nslm_philox_u64v(uint64_t key, const nslm_u64v w[4], nslm_u64v *ret_a, nslm_u64v *ret_b);
#endif

/* Draws are functions of (key, element, step < 2^48, ordinal) and their parameters alone. The float forms
 * compute in double and round once; normals and lognormals are in single precision, from one word
 * (body_quick.h). bits: 64 random bits; index: 0 .. n-1, uniform to n 2^-64; poisson: a count with any mean
 * (where many elements have one mean, nslm_poisson_add_i64 is faster); binomial: how many of n, each with
 * probability p; hypergeometric: how many of the good among n of good + bad (< 2^63). Counts to 2^53. */
#define NSLM_KEYED uint64_t key, uint64_t elem, uint64_t step, uint32_t ordinal
uint64_t nslm_draw_bits_u64(NSLM_KEYED);
uint64_t nslm_draw_index_u64(NSLM_KEYED, uint64_t n);
int64_t nslm_draw_poisson_i64(NSLM_KEYED, double mean);
uint64_t nslm_draw_binomial_u64(NSLM_KEYED, uint64_t n, double p);
uint64_t nslm_draw_hypergeometric_u64(NSLM_KEYED, uint64_t good, uint64_t bad, uint64_t n);

#define NSLM_KEYED_f64 NSLM_KEYED
#define NSLM_KEYED_f32 NSLM_KEYED
#define NSLM_PAR_0(R)
#define NSLM_PAR_1(R) , R a
#define NSLM_PAR_2(R) , R a, R b
#define NSLM_DRAW_0(name, s, R, n) R nslm_draw_##name##_##s(NSLM_KEYED_##s NSLM_PAR_##n(R));
#define NSLM_DRAW_1(name, s, R, n) \
  NSLM_DRAW_0(name, s, R, n) R nslm_draw_##name##_within_##s(NSLM_KEYED_##s NSLM_PAR_##n(R), R lo, R hi);
#define D(name, parameters, within, doc) \
  NSLM_DRAW_##within(name, f64, double, parameters) NSLM_DRAW_##within(name, f32, float, parameters)
#include "math/draws.def"
#undef D
/* One element number a lane; the 16 of the float form come as two vectors, lower lanes first, and follow
 * each other from a multiple of 4. */
#ifdef NSLM_VECTORS
#define NSLM_KEYED_f64v uint64_t key, nslm_u64v elem, uint64_t step, uint32_t ordinal
#define NSLM_KEYED_f32v uint64_t key, nslm_u64v elem, nslm_u64v elem_high, uint64_t step, uint32_t ordinal
#define D(name, parameters, within, doc) \
  NSLM_DRAW_##within(name, f64v, nslm_f64v, parameters) NSLM_DRAW_##within(name, f32v, nslm_f32v, parameters)
#include "math/draws.def"
#undef D
/* Normals and lognormals in single precision are made of one word each: nslm_draw_<name>_of_f32v takes it as the first
 * argument, so that it can be drawn before its turn. */
nslm_u32v nslm_draw_word_f32v(NSLM_KEYED_f32v);
#endif

/* Poisson counts with one mean for all elements, from tables (poisson_table.c): the sum of `parts` counts
 * of a mean that a table can hold. nslm_poisson_room: how many words tables need for any mean up to `most`.
 * nslm_poisson_make: 0, or -1 if the mean is not in [0, 1e9). nslm_poisson_add_i64, _i32 add weight times
 * the count to acc[e] for e in [first, first + n), both multiples of 64. Exact: at least 64 random bits
 * decide, where it matters. nslm_poisson_each_i64 makes out[i] the count of element first + i (a multiple
 * of 16), each with its own mean: as nslm_draw_poisson_i64, but several at a time. */
enum { NSLM_POISSON_CELLS = 32 };
#define NSLM_POISSON_SMALL 9.0 /* the largest mean whose counts, but for a few in 10,000, have a cell each */
typedef struct {
  uint32_t parts, cells; /* parts 0: the mean is 0. cells NSLM_POISSON_CELLS: the small table */
  uint32_t first;        /* count of cell 0; the last cell stands for the rest */
  uint32_t rest_first, rest_n;
  uint16_t limit[NSLM_POISSON_CELLS], other[NSLM_POISSON_CELLS];
  uint64_t *large; /* by cell: other << 32 | limit */
  uint64_t *rest;  /* distribution function of the rest, from rest_first on */
} NslmPoisson;
size_t nslm_poisson_room(double most);
int nslm_poisson_make(double mean, uint64_t *room, NslmPoisson *ret);
void nslm_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const NslmPoisson *table);
void nslm_poisson_add_i32(int32_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const NslmPoisson *table);
void nslm_poisson_each_i64(int64_t *out, int64_t first, int64_t n, uint64_t key, uint64_t step, const double *means);
#endif
