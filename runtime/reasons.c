/* What was chosen of units, sums and forms of synapses (units.c), with the reasons: the section `layout` of run.json. */
#include "runtime/reasons.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/plastic.h"
#include "runtime/sim.h"

static void add(struct json_object *o, const char *key, struct json_object *v) { json_object_object_add(o, key, v); }
static struct json_object *text_json(const char *text) { return json_object_new_string(text); }

/* A number in the unit of a port. */
static struct json_object *in_unit(const struct nsl_port *def, double v) {
  return json_object_new_double(v / (def->unit_scale ? def->unit_scale : 1));
}

static const struct nsl_port *def_of(const struct rt_sim *s, const struct rt_port *port) {
  return &s->pops[port->pop].class->ports[port->port];
}

static const char *unit_text(const struct nsl_port *def) {
  return def->unit && strcmp(def->unit, "1") != 0 ? def->unit : "";
}

static struct json_object *port_json(const struct rt_sim *s, const struct rt_port *port) {
  const struct nsl_port *def = def_of(s, port);
  struct json_object *o = json_object_new_object();
  char text[400];
  snprintf(text, sizeof text, "%s.%s", s->pops[port->pop].def->path, def->name);
  add(o, "port", text_json(text));
  add(o, "sums", text_json(port->long_sums ? "int64" : "int32"));
  add(o, "unit", in_unit(def, port->unit));
  add(o, "units", text_json(unit_text(def)));
  add(o, "largest_sum", in_unit(def, port->need));
  if (!(port->finest > 0)) return o;
  add(o, "typical_weight", in_unit(def, port->finest));
  add(o, "of", text_json(port->finest_of));
  if (!s->program->f32 || !port->long_sums) return o;
  double scale = def->unit_scale ? def->unit_scale : 1;
  snprintf(text, sizeof text, "int32 holds sums of up to %.4g %s in units of %.4g, too coarse for weights of about %.4g of %s",
           port->need / scale, unit_text(def), rt_unit_narrow(port) / scale, port->finest / scale, port->finest_of);
  add(o, "why", text_json(text));
  return o;
}

/* Why not the next narrower form. */
static void why(const struct rt_sim *s, const struct rt_proj *p, char *text, size_t size) {
  const struct rt_port *port = &s->ports[p->port];
  const struct nsl_port *def = def_of(s, port);
  double scale = def->unit_scale ? def->unit_scale : 1;
  uint32_t narrower = rt_form_narrower(p->form);
  int n = snprintf(text, size, "%s: typically %.4g, at most %.4g %s, in units of %.4g",
                   p->drawn_weight ? "drawn" : "one of many weights of these sources", p->typical / scale, p->largest / scale,
                   unit_text(def), p->grain / scale);
  if (narrower == RT_N_FORMS || n < 0 || (size_t)n >= size) return;
  snprintf(text + n, size - (size_t)n, "; %u bits would need units of %.4g, too coarse for weights of about %.4g of %s",
           rt_forms[narrower].weight_bits, rt_form_unit(narrower, p->largest) / scale, port->finest / scale, port->finest_of);
}

static struct json_object *precision_json(const struct rt_sim *s, bool single) {
  return text_json(s->program->f32 || single ? "float32" : "float64");
}

static struct json_object *proj_json(const struct rt_sim *s, const struct rt_proj *p) {
  struct json_object *o = json_object_new_object();
  char text[600];
  bool apart = p->form == RT_APART;
  add(o, "projection", text_json(p->def->path));
  add(o, "form", text_json(apart ? "apart" : rt_forms[p->form].name));
  add(o, "bytes", json_object_new_int(apart ? 16 : rt_forms[p->form].bytes));
  if (apart) snprintf(text, sizeof text, "its handler does more than add");
  else if (rt_forms[p->form].behind) snprintf(text, sizeof text, "events add one weight to a state");
  else if (!p->each) snprintf(text, sizeof text, "one weight for all");
  else why(s, p, text, sizeof text);
  add(o, "why", text_json(text));
  if (p->drawn_weight) add(o, "weights_drawn", precision_json(s, p->weight_code == &p->def->weight_f32));
  if (p->drawn_delay) add(o, "delays_drawn", precision_json(s, p->delay_code == &p->def->delay_f32));
  if (!apart && p->each) add(o, "unit", in_unit(def_of(s, &s->ports[p->port]), p->grain));
  return o;
}

/* Synapses with memory: their own arrays. */
static struct json_object *memory_json(const struct rt_sim *s, const struct rt_plastic *p) {
  struct json_object *o = json_object_new_object();
  uint32_t n = p->class->n_params;
  for (uint32_t i = 0; i < p->class->n_states; i++) n += p->class->states[i].per == NSL_PER_ELEMENT;
  add(o, "projection", text_json(p->proj->def->path));
  add(o, "form", text_json("memory"));
  add(o, "bytes", json_object_new_int((int)((p->third_pop ? 8 : 4) + n * s->real_size)));
  add(o, "why", text_json(p->class->stepped ? "synapses with memory, advanced in every step" : "synapses with memory, advanced from event to event"));
  return o;
}

struct json_object *rt_layout_json(const struct rt_sim *s) {
  struct json_object *o = json_object_new_object(), *ports = json_object_new_array(), *projs = json_object_new_array();
  uint32_t most = 0;
  for (uint32_t i = 0; i < s->n_shards; i++) most = s->shards[i].n_elements > most ? s->shards[i].n_elements : most;
  add(o, "shards", json_object_new_int64(s->n_shards));
  add(o, "elements_of_shard", json_object_new_int64(most));
  for (uint32_t i = 0; i < s->n_ports; i++)
    if (s->ports[i].used) json_object_array_add(ports, port_json(s, &s->ports[i]));
  for (uint32_t i = 0; i < s->n_projs; i++) json_object_array_add(projs, proj_json(s, &s->projs[i]));
  for (uint32_t i = 0; i < s->n_plastic; i++) json_object_array_add(projs, memory_json(s, &s->plastics[i]));
  add(o, "ports", ports);
  add(o, "projections", projs);
  return o;
}
