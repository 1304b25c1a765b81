/* The loops over a segment's synapses, for arrays of REAL: included by plastic_lanes.c once for each kind of real. */

static void NAME(gather)(REAL *to, const REAL *from, const uint32_t *lane, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = from[lane[i]];
}

static void NAME(scatter)(REAL *to, const REAL *from, const uint32_t *lane, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[lane[i]] = from[i];
}

static void NAME(fill)(REAL *to, REAL value, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = value;
}

/* What the next spike of each synapse in the list has kept. */
static void NAME(seen)(REAL *to, const REAL *before, const uint32_t *target, const struct rt_lanes *l, uint32_t n, uint32_t ring) {
  for (uint32_t i = 0; i < n; i++) to[i] = before[(uint64_t)target[l->lane[i]] * ring + (l->first[i] & (ring - 1))];
}

/* What third parts have in a row of theirs, 0 where there is none; without a row, whether there is one. */
static void NAME(thirds)(REAL *to, const REAL *row, const uint32_t *third, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = third[i] == NSL_NONE ? 0 : row ? row[third[i]] : 1;
}

/* Times since the row's last event, and since the synapse's own. */
static void NAME(times)(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct rt_lanes *l, uint32_t n, uint64_t last, double dt) {
  uint32_t ring = q->of->ring;
  uint64_t begun = last > q->signalled ? last : q->signalled;
  REAL *since = l->since, *elapsed = l->elapsed;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t t = q->target[g->at + l->lane[i]], k = l->first[i];
    const uint32_t *spikes = q->spikes + (uint64_t)t * ring;
    uint64_t now = (uint64_t)spikes[k & (ring - 1)] + g->dendritic, before = k ? (uint64_t)spikes[(k - 1) & (ring - 1)] + g->dendritic : 0;
    since[i] = (REAL)((double)(now - last) * dt);
    elapsed[i] = (REAL)((double)(now - (before > begun ? before : begun)) * dt);
  }
}

/* For all synapses of a segment at a presynaptic event: the time since the synapse's own last event. */
static void NAME(elapsed)(const struct rt_plastic_shard *q, const struct rt_segment *g, REAL *to, uint64_t last, uint64_t now, double dt) {
  uint32_t ring = q->of->ring;
  uint64_t begun = last > q->signalled ? last : q->signalled;
  for (uint32_t i = 0; i < g->n; i++) {
    uint32_t t = q->target[g->at + i], k = q->n_spiked[t];
    const uint32_t *spikes = q->spikes + (uint64_t)t * ring;
    while (k && (uint64_t)spikes[(k - 1) & (ring - 1)] + g->dendritic > now) k--;
    uint64_t before = k ? (uint64_t)spikes[(k - 1) & (ring - 1)] + g->dendritic : 0;
    to[i] = (REAL)((double)(now - (before > begun ? before : begun)) * dt);
  }
}

/* What is sent, to whole units under way; false: too much, or no number. */
static bool NAME(send)(int64_t *sums, const uint32_t *target, const REAL *sent, uint32_t n, double units, double largest) {
  bool good = true;
  for (uint32_t i = 0; i < n; i++) {
    double x = (double)sent[i];
    good &= fabs(x) <= largest;
    sums[target[i]] += llrint(x * units);
  }
  return good;
}

#undef NAME
#undef REAL
