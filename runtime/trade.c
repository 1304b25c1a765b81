/* Spikes between ranks: each sends those of its shards in an interval to all others, packed, and puts those of
 * others into the lists of their shards, so that all that reads the lists sees one process.
 *
 * Every neuron of a network with some thousand synapses has targets on every rank, since a shard has a part of every
 * population; so all get all. One message of fixed length is enough: its length follows what the last intervals needed,
 * by rules that all ranks apply to the same numbers. Only where a message does not fit is there a second round.
 *
 * A message: header, then for each own shard and step a mask of the slices that have spikes, and their lists. */
#include "runtime/trade.h"

#include <string.h>

#include "runtime/error.h"
#include "runtime/pack.h"

enum { FIRST_BLOCK = 512, GRAIN = 64, CALM = 4096 };

struct head {
  uint64_t bad; /* the first step at which a state or drive of these shards went wrong */
  uint32_t bytes, stop;
};

int rt_trade_make(struct rt_sim *s) {
  if (!s->ranks) return 0;
  struct rt_trade *t = s->trade = rt_alloc(&s->mem, 1, sizeof *t);
  if (!t) return NSL_EMEMORY;
  t->ranks = s->ranks;
  t->block = FIRST_BLOCK;
  return 0;
}

void rt_trade_drop(struct rt_sim *s) {
  if (!s->trade) return;
  rt_drop(&s->trade->own);
  rt_drop(&s->trade->all);
}

/* The others wait for what will not come: the run ends for all. */
static int cannot(struct rt_trade *t, const char *why) {
  t->ranks->lost = true;
  return rt_fail(NSL_EIO, "%s (rank %u of %u)", why, t->ranks->rank, t->ranks->n);
}

/* ---- to the others */

static uint64_t list_from(const struct rt_shard *h, const struct rt_spikes *in, uint32_t in_batch) {
  return in_batch && h->n_slices ? in->ends[(size_t)in_batch * h->n_slices - 1] : 0;
}

static uint8_t *shard_pack(const struct rt_shard *h, uint8_t *to, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  const struct rt_spikes *in = &h->spikes[parity];
  const uint64_t *ends = in->ends + (size_t)in_batch * h->n_slices;
  uint64_t begin = list_from(h, in, in_batch);
  for (uint32_t j = 0; j < n_steps; j++, ends += h->n_slices) {
    uint8_t *mask = to;
    to += (h->n_slices + 7) / 8;
    memset(mask, 0, (size_t)(to - mask));
    for (uint32_t i = 0; i < h->n_slices; i++) {
      if (ends[i] == begin) continue;
      mask[i / 8] |= (uint8_t)(1 << i % 8);
      const struct rt_slice *c = &h->slices[i];
      if (c->pop->within > 1) to = rt_pack_list(to, in->ids + begin, ends[i] - begin);
      else to = rt_pack_ids(to, in->ids + begin, ends[i] - begin, c->first, c->count);
      begin = ends[i];
    }
  }
  return to;
}

/* Bytes that an interval's message can take at most. */
static uint64_t room(const struct rt_sim *s, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  uint64_t bytes = sizeof(struct head);
  for (uint32_t k = s->own0; k < s->own1; k++) {
    const struct rt_shard *h = &s->shards[k];
    const struct rt_spikes *in = &h->spikes[parity];
    uint64_t spikes = list_from(h, in, in_batch + n_steps) - list_from(h, in, in_batch);
    bytes += n_steps * (uint64_t)((h->n_slices + 7) / 8) + 2 * RT_PACK_MOST * spikes;
  }
  return bytes;
}

int rt_trade_begin(struct rt_sim *s, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  struct rt_trade *t = s->trade;
  struct head head = {.bad = RT_NO_STEP, .stop = t->stop};
  uint64_t most = room(s, in_batch, n_steps, parity);
  if (most < t->block) most = t->block;
  if (most > INT32_MAX || rt_grow(&t->own, &t->own_cap, most, 1) ||
      rt_grow(&t->all, &t->all_cap, (uint64_t)t->block * t->ranks->n, 1))
    return cannot(t, "there is no room for a message of the spikes");
  uint8_t *end = t->own + sizeof head;
  for (uint32_t k = s->own0; k < s->own1; k++) {
    end = shard_pack(&s->shards[k], end, in_batch, n_steps, parity);
    if (s->shards[k].bad.step < head.bad) head.bad = s->shards[k].bad.step;
  }
  head.bytes = t->n = (uint32_t)(end - t->own);
  memcpy(t->own, &head, sizeof head);
  t->stop = false;
  t->began = rt_clock();
  t->intervals++;
  t->bytes += t->n;
  t->most = t->n > t->most ? t->n : t->most;
  return t->ranks->wire->start_share(t->own, t->all, t->block) ? cannot(t, "another rank is lost") : 0;
}

/* ---- from the others */

/* What is in a message of another rank into the lists of one of its shards. */
static const uint8_t *shard_unpack(const struct rt_shard *h, const uint8_t *from, uint32_t in_batch, uint32_t n_steps,
                                   uint32_t parity) {
  const struct rt_spikes *out = &h->spikes[parity];
  uint64_t *ends = out->ends + (size_t)in_batch * h->n_slices, end = list_from(h, out, in_batch), n;
  for (uint32_t j = 0; j < n_steps; j++, ends += h->n_slices) {
    const uint8_t *mask = from;
    from += (h->n_slices + 7) / 8;
    for (uint32_t i = 0; i < h->n_slices; i++) {
      if (mask[i / 8] >> i % 8 & 1) {
        const struct rt_slice *c = &h->slices[i];
        if (c->pop->within > 1) from = rt_unpack_list(from, out->ids + end, &n);
        else from = rt_unpack_ids(from, out->ids + end, c->first, c->count, &n);
        end += n;
      }
      ends[i] = end;
    }
  }
  return from;
}

static int message_take(struct rt_sim *s, uint32_t rank, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  const struct rt_trade *t = s->trade;
  const uint8_t *message = t->all + (size_t)rank * t->block, *from = message + sizeof(struct head);
  uint32_t k0 = rt_ranks_shard(s->ranks, s->n_shards, rank), k1 = rt_ranks_shard(s->ranks, s->n_shards, rank + 1);
  struct head head;
  memcpy(&head, message, sizeof head);
  for (uint32_t k = k0; k < k1; k++) from = shard_unpack(&s->shards[k], from, in_batch, n_steps, parity);
  if (k0 < k1) s->shards[k0].bad.step = head.bad;
  return from == message + head.bytes ? 0 : cannot(s->trade, "a message of spikes is damaged");
}

static uint32_t longest(const struct rt_trade *t, bool *ret_stop) {
  uint32_t most = 0;
  *ret_stop = false;
  for (uint32_t r = 0; r < t->ranks->n; r++) {
    struct head head;
    memcpy(&head, t->all + (size_t)r * t->block, sizeof head);
    *ret_stop |= head.stop != 0;
    most = head.bytes > most ? head.bytes : most;
  }
  return most;
}

/* The second round, if there must be one; blocks that are long enough for what comes next, and not much longer. */
static int block_fit(struct rt_trade *t, uint32_t most) {
  if (most > t->block) {
    t->block = (most + most / 2 + GRAIN) / GRAIN * GRAIN;
    t->quiet = 0;
    if (rt_grow(&t->own, &t->own_cap, t->block, 1) || rt_grow(&t->all, &t->all_cap, (uint64_t)t->block * t->ranks->n, 1))
      return cannot(t, "there is no room for a message of the spikes");
    return rt_ranks_share(t->ranks, t->own, t->all, t->block);
  }
  return 0;
}

static void block_calm(struct rt_trade *t, uint32_t most) {
  t->quiet = most > t->block / 2 ? 0 : t->quiet + 1;
  if (t->quiet < CALM || t->block <= FIRST_BLOCK) return;
  t->block = t->block / 2 < FIRST_BLOCK ? FIRST_BLOCK : t->block / 2 / GRAIN * GRAIN;
  t->quiet = 0;
}

int rt_trade_end(struct rt_sim *s, uint32_t in_batch, uint32_t n_steps, uint32_t parity, bool *ret_stop) {
  struct rt_trade *t = s->trade;
  double asked = rt_clock();
  int e = rt_ranks_wait(t->ranks);
  if (e) return e;
  uint32_t most = longest(t, ret_stop);
  e = block_fit(t, most);
  t->wait_s += rt_clock() - asked;
  for (uint32_t r = 0; !e && r < t->ranks->n; r++)
    if (r != t->ranks->rank) e = message_take(s, r, in_batch, n_steps, parity);
  block_calm(t, most);
  return e;
}
