/* Where the time of a run goes: laps of the step loop by phase, and what run.json says of time and memory. */
#ifndef NSL_RUNTIME_PHASES_H
#define NSL_RUNTIME_PHASES_H

#include <stdbool.h>
#include <stdint.h>

enum rt_phase { RT_DELIVERY, RT_UPDATE, RT_EXCHANGE, RT_WAIT, RT_OUTPUT, RT_N_PHASES };

struct rt_laps { /* of a shard: its thread runs it */
  bool on;       /* this interval is measured */
  double last, spent[RT_N_PHASES];
};
double rt_clock(void);
double rt_cpu_clock(void); /* of all threads of this process */
/* The time since the last lap was spent on this. Between `rt_laps_on` and `rt_laps_off`; else it costs a test. */
static inline void rt_lap(struct rt_laps *l, enum rt_phase phase) {
  if (!l->on) return;
  double now = rt_clock();
  l->spent[phase] += now - l->last;
  l->last = now;
}
/* The clock runs for this shard from here on. */
static inline void rt_laps_from_here(struct rt_laps *l) {
  if (l->on) l->last = rt_clock();
}

struct rt_sim;
/* Is this interval (by number) measured? */
bool rt_laps_due(uint64_t interval);
/* Seconds of s->simulate_s by phase: the mean over the threads, from the intervals that were measured. */
void rt_phases(const struct rt_sim *s, double ret[RT_N_PHASES]);
extern const char *const rt_phase_names[RT_N_PHASES]; /* as in run.json */

struct rt_costs {
  uint64_t events;          /* synapses that a spike has reached */
  uint64_t bytes;           /* of rows that were read for them */
  uint64_t rested;          /* elements times steps that were passed over, at rest */
  uint64_t synapse_bytes;   /* of rows in memory */
  double limit, peak;       /* bytes of memory: what there is for this process, the most that it had */
};
void rt_costs(const struct rt_sim *s, struct rt_costs *ret);

#endif
