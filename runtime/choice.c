/* Whether synapses are stored or made anew at each spike: as the user says, else stored if that fits in memory; and whether stored ones
 * lie by shard or by source, which is a matter of speed alone. What
 * fits neither way is refused, before anything large is allocated, with the estimate and what would fit. */
#include "runtime/procedural.h"

#include <math.h>
#include <stdio.h>

#include "runtime/data.h"
#include "runtime/error.h"

static double synapses_expected(const struct rt_sim *s) {
  double n = 0;
  for (uint32_t i = 0; i < s->n_projs; i++) n += s->projs[i].expected;
  return n;
}

enum { SHARDS = 8, PIECE = 160, DELAYS = 32 }; /* DELAYS: roughly, where they are drawn */

/* A piece of a row, in one shard and of one delay, lies where memory has not been read, and takes as long to reach as 100 to 200
 * synapses take to be added. Through queues each synapse is moved once more, in order. With few shards rows are long,
 * and what they are added to is near. (Measured with one delay, with drawn weights, and with drawn delays: tests/README.md.) */
int rt_rows_choose(struct rt_sim *s) {
  double pieces = 0, synapses = synapses_expected(s);
  char why[240];
  if (s->rows_why) return 0;
  for (uint32_t i = 0; i < s->n_projs; i++)
    pieces += fmin(s->projs[i].expected, (double)s->projs[i].sn * s->n_shards * (s->projs[i].drawn_delay ? DELAYS : 1));
  double mean = pieces > 0 ? synapses / pieces : 0;
  bool asked = s->rows != RT_ROWS_CHOSEN, many = s->n_shards >= SHARDS && mean < PIECE;
  if (!asked) s->rows = many ? RT_ROWS_BY_SOURCE : RT_ROWS_BY_SHARD;
  if (asked) snprintf(why, sizeof why, "asked for");
  else
    snprintf(why, sizeof why, "%u shards: a source would have about %.3g synapses in each for one delay, %s", s->n_shards, mean,
             many ? "too few to be reached one shard after the other" : "enough to be reached one shard after the other");
  s->rows_why = rt_text(&s->mem, why);
  return s->rows_why ? 0 : NSL_EMEMORY;
}

static int refuse(const struct rt_sim *s, const struct rt_need *need, double anew, double left) {
  const struct rt_proj *p = need->worst;
  double least = anew < need->stored ? anew : need->stored;
  char fit[200];
  if (s->connectivity == NSL_STORED && anew <= left)
    snprintf(fit, sizeof fit, "with --connectivity procedural they are made anew at each spike, in about %.3g GB", anew / 1e9);
  else if (s->connectivity == NSL_PROCEDURAL && need->stored <= left)
    snprintf(fit, sizeof fit, "stored they would fit");
  else
    snprintf(fit, sizeof fit, "about %.2g synapses would fit", synapses_expected(s) * left / least);
  if (!p) return rt_fail(NSL_EMEMORY, "the synapses do not fit in memory");
  return rt_fail_at(NSL_EMEMORY, p->def->place,
                    "the synapses need about %.3g GB of memory stored, of which %s with its %.3g synapses %.3g GB, and "
                    "%.3g GB made anew at each spike; %.3g GB are free on this machine: %s",
                    need->stored / 1e9, p->def->path, p->expected, need->most / 1e9, anew / 1e9, left / 1e9, fit);
}

int rt_connectivity_choose(struct rt_sim *s, const struct rt_need *need) {
  double left = (double)rt_memory_left() - s->plastic_bytes, anew = rt_procedural_bytes(s);
  bool asked = s->connectivity != NSL_CONNECTIVITY_CHOSEN;
  if (!asked) s->connectivity = need->stored <= left || anew > left ? NSL_STORED : NSL_PROCEDURAL;
  if ((s->connectivity == NSL_PROCEDURAL ? anew : need->stored) > left) return refuse(s, need, anew, left);
  char why[240];
  if (s->connectivity_why) return 0; /* rows are made again: all is decided */
  if (asked) snprintf(why, sizeof why, "asked for");
  else if (s->connectivity == NSL_STORED)
    snprintf(why, sizeof why, "stored synapses fit: about %.3g GB of the %.3g GB that are free", need->stored / 1e9, left / 1e9);
  else
    snprintf(why, sizeof why, "stored synapses do not fit: about %.3g GB, and %.3g GB are free", need->stored / 1e9, left / 1e9);
  s->connectivity_why = rt_text(&s->mem, why);
  if (!s->connectivity_why) return NSL_EMEMORY;
  if (!asked && s->connectivity == NSL_PROCEDURAL)
    rt_warn(s, "%s; they are made anew at each spike, in about %.3g GB: slower, with the same results", why, anew / 1e9);
  return 0;
}
