/* Sums over many elements on a device, in the order of tree.h: where there are more numbers than a block adds at once, blocks make the sums of
 * pieces first (`sums`, `ahead_sums`), in a launch before the one that adds those. */
#include "runtime/device.h"

static uint32_t chunks_of(uint64_t n) { return (uint32_t)((n + RT_TREE_CHUNK - 1) / RT_TREE_CHUNK); }

uint64_t rt_device_sums_plan(struct rt_device *d, uint64_t n) {
  if (n <= RT_TREE_CHUNK) return 0;
  d->most_trees++;
  d->sums = true;
  return rt_device_reserve(d, DEV_USE_STATES, chunks_of(n) * sizeof(double));
}

void rt_image_sums_begin(struct rt_device *d) {
  d->n_trees = 0;
  if (!d->trees && !(d->trees = rt_alloc(&d->mem, d->most_trees + 1ull, sizeof *d->trees))) d->image.failed = true;
}

const double *rt_image_sum(struct rt_device *d, uint64_t at, struct dev_tree tree) {
  if (!at || !d->trees) return NULL;
  const struct dev_tree *before = d->n_trees ? &d->trees[d->n_trees - 1] : NULL;
  tree.to = (double *)(uintptr_t)(d->block + at);
  tree.n_chunks = chunks_of(tree.n);
  tree.chunk0 = before ? before->chunk0 + before->n_chunks : 0;
  d->trees[d->n_trees++] = tree;
  return tree.to;
}

void rt_image_sums_end(struct rt_device *d, struct dev_args *a) {
  if (!d->n_trees) return;
  const struct dev_tree *last = &d->trees[d->n_trees - 1];
  a->n_chunks = last->chunk0 + last->n_chunks;
  a->trees = (const struct dev_tree *)(uintptr_t)rt_image_put(d, d->trees, d->n_trees * sizeof *d->trees);
}
