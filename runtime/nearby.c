/* Parts of space: boxes of equal size with about EACH cells, the empty ones left out; ACROSS of them along each axis are a block. Which cells are in a part is a property of the
 * model; bounds are wider than roundings. */
#include "runtime/nearby.h"

#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"

enum { EACH = 16, ACROSS = 4, IN_BLOCK = ACROSS * ACROSS * ACROSS, MOST = 1 << 26, PADDING = 64 };

struct bins {
  double low[3], width[3];
  uint32_t n[3], blocks[3];
};

static void bins_choose(const struct rt_proj *p, struct bins *ret, double *ret_slack) {
  double high[3], volume = 1, largest = 0;
  uint32_t axes = 0;
  for (int a = 0; a < 3; a++) {
    ret->low[a] = INFINITY, high[a] = -INFINITY;
    for (uint32_t i = p->t0; i < p->t0 + p->tn; i++) {
      ret->low[a] = fmin(ret->low[a], p->target->places->at[a][i]);
      high[a] = fmax(high[a], p->target->places->at[a][i]);
    }
    largest = fmax(largest, fmax(fabs(ret->low[a]), fabs(high[a])));
    if (high[a] > ret->low[a]) axes++, volume *= high[a] - ret->low[a];
  }
  double parts = fmax(1, (double)p->tn / EACH), side = axes ? nslm_pow_f64(volume / parts, 1.0 / axes) : 1;
  for (int a = 0; a < 3; a++) {
    double length = high[a] - ret->low[a], n = length > 0 ? fmin(fmax(1, ceil(length / side)), parts) : 1;
    ret->n[a] = (uint32_t)n;
    ret->width[a] = length > 0 ? length / n : 1;
  }
  *ret_slack = 1e-10 * (largest + 1);
}

static uint32_t bin_at(const struct rt_proj *p, const struct bins *bins, int axis, uint32_t i) {
  double k = floor((p->target->places->at[axis][i] - bins->low[axis]) / bins->width[axis]);
  return k < 0 ? 0 : k >= bins->n[axis] ? bins->n[axis] - 1 : (uint32_t)k;
}

/* Bins of a block follow each other. */
static uint64_t bin_of(const struct rt_proj *p, const struct bins *bins, uint32_t i) {
  uint64_t block = 0, inside = 0;
  for (int a = 2; a >= 0; a--) {
    uint32_t k = bin_at(p, bins, a, i);
    block = block * bins->blocks[a] + k / ACROSS;
    inside = inside * ACROSS + k % ACROSS;
  }
  return block * IN_BLOCK + inside;
}

/* Elements in the order of bins, and where each bin begins. */
static int elements_sort(struct rt_sim *s, const struct rt_proj *p, const struct bins *bins, uint64_t n_bins, uint32_t *begin, uint32_t *element) {
  uint32_t *next = rt_alloc(&s->build_mem, n_bins + 1, sizeof *next);
  if (!next) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->tn; i++) begin[bin_of(p, bins, p->t0 + i) + 1]++;
  for (uint64_t k = 0; k < n_bins; k++) next[k + 1] = begin[k + 1] += begin[k];
  for (uint32_t i = 0; i < p->tn; i++) element[next[bin_of(p, bins, p->t0 + i)]++] = p->t0 + i;
  return 0;
}

static int boxes_alloc(struct rt_sim *s, struct rt_boxes *ret, uint64_t n) {
  ret->size = rt_alloc(&s->mem, n + PADDING, sizeof *ret->size);
  for (int a = 0; a < 3; a++) {
    ret->lo[a] = rt_alloc(&s->mem, n + PADDING, sizeof **ret->lo);
    ret->hi[a] = rt_alloc(&s->mem, n + PADDING, sizeof **ret->hi);
    if (!ret->lo[a] || !ret->hi[a]) return NSL_EMEMORY;
  }
  return ret->size ? 0 : NSL_EMEMORY;
}

/* One more box, around elements from..to. */
static void box_add(const struct rt_proj *p, const uint32_t *element, uint32_t from, uint32_t to, struct rt_boxes *ret) {
  uint32_t k = ret->n++;
  ret->size[k] = to - from;
  for (int a = 0; a < 3; a++) {
    double lo = INFINITY, hi = -INFINITY;
    for (uint32_t i = from; i < to; i++) {
      lo = fmin(lo, p->target->places->at[a][element[i]]);
      hi = fmax(hi, p->target->places->at[a][element[i]]);
    }
    ret->lo[a][k] = lo;
    ret->hi[a][k] = hi;
  }
}

/* Empty bins and blocks are left out. */
static void boxes_find(const struct rt_proj *p, uint64_t n_bins, const uint32_t *bin, struct rt_nearby *ret) {
  for (uint64_t b = 0; b < n_bins; b += IN_BLOCK) {
    if (bin[b] == bin[b + IN_BLOCK]) continue;
    ret->first[ret->blocks.n] = ret->parts.n;
    box_add(p, ret->element, bin[b], bin[b + IN_BLOCK], &ret->blocks);
    for (uint64_t k = b; k < b + IN_BLOCK; k++) {
      if (bin[k] == bin[k + 1]) continue;
      ret->begin[ret->parts.n] = bin[k];
      box_add(p, ret->element, bin[k], bin[k + 1], &ret->parts);
    }
  }
  ret->first[ret->blocks.n] = ret->parts.n;
  ret->begin[ret->parts.n] = p->tn;
}

int rt_nearby_make(struct rt_sim *s, const struct rt_proj *p, struct rt_nearby *ret) {
  struct bins bins;
  bins_choose(p, &bins, &ret->slack);
  double all = 1;
  for (int a = 0; a < 3; a++) bins.blocks[a] = (bins.n[a] + ACROSS - 1) / ACROSS, all *= bins.blocks[a];
  if (all * IN_BLOCK > MOST) return rt_fail_at(NSL_EMODEL, p->def->place, "%s: %g parts of space are too many", p->def->path, all * IN_BLOCK);
  uint64_t n_bins = (uint64_t)all * IN_BLOCK, most = n_bins < p->tn ? n_bins : p->tn;
  uint32_t *bin = rt_alloc(&s->build_mem, n_bins + 1, sizeof *bin);
  ret->first = rt_alloc(&s->mem, most + 1, sizeof *ret->first);
  ret->begin = rt_alloc(&s->mem, most + 1, sizeof *ret->begin);
  ret->element = rt_alloc(&s->mem, p->tn, sizeof *ret->element);
  if (!bin || !ret->first || !ret->begin || !ret->element) return NSL_EMEMORY;
  if (boxes_alloc(s, &ret->blocks, most) || boxes_alloc(s, &ret->parts, most) || elements_sort(s, p, &bins, n_bins, bin, ret->element))
    return NSL_EMEMORY;
  boxes_find(p, n_bins, bin, ret);
  return 0;
}
