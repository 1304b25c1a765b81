/* One function for each message of diag.def, with typed arguments. Included by diag.h only. */
#ifndef NSL_LANG_DIAG_TEXT_H
#define NSL_LANG_DIAG_TEXT_H

#include "lang/unit.h"

/* ---- 0xxx for all */
/* A construct of the language that this compiler version does not handle: what = "`kinetic` blocks", … */
void diag_not_supported(Session *s, Span span, const char *what, const char *nearest);

/* ---- 1xxx syntax (diag_syntax.c) */
/* What stands here does not fit. found, expected: in the user's words, quoted where they are text ("`when`", "a name");
 * nearest: the expected word that `found` was probably meant to be, or NULL; hint: another sentence, or NULL; fix: what
 * stands in the place of `found` then, or NULL. */
void diag_syntax_unexpected(Session *s, Span span, const char *found, const char *const *expected, size_t n,
                            const char *nearest, const char *hint, const char *fix);
void diag_syntax_statement(Session *s, Span word_span, const char *word, const char *nearest);
/* A word of another language, or another form: hint, and what replaces what (fix NULL: nothing). */
void diag_syntax_foreign(Session *s, Span word_span, const char *word, const char *hint, Span fix_span, const char *fix);
void diag_syntax_reserved(Session *s, Span span, const char *word, const char *nearest);
/* bracket: its text; where: the place at which it was noticed. */
void diag_syntax_unclosed(Session *s, Span bracket_span, const char *bracket, Span where);
/* found: what the line begins with; gap: from the end of the line before to it. */
void diag_syntax_line_start(Session *s, Span span, const char *found, Span gap);
/* why: "digits must stand on both sides of the dot", …; write: how it should be written, or NULL. */
void diag_syntax_number_form(Session *s, Span span, const char *text, const char *why, const char *write);
void diag_syntax_number_range(Session *s, Span span, const char *text, bool too_large);
void diag_syntax_string(Session *s, Span span, const char *why, const char *hint);
/* hint: what to write instead, a full sentence, or NULL. */
void diag_syntax_character(Session *s, Span span, const char *text, const char *hint);
void diag_syntax_nesting(Session *s, Span span, const char *what, unsigned limit, const char *hint);
void diag_syntax_token_long(Session *s, Span span, const char *what, unsigned limit);
void diag_syntax_language_missing(Session *s, Span span);
void diag_syntax_language_version(Session *s, Span span, double version);
void diag_syntax_target(Session *s, Span span, const char *op);
void diag_syntax_compare(Session *s, Span span);
/* A word of the file level inside a block (inside), or a statement outside of any. */
void diag_syntax_level(Session *s, Span span, const char *word, bool inside);

/* ---- 2xxx names, 4xxx dynamics (diag_model.c), 3xxx units and types (diag_unit.c) */
/* A word alone names what was written; `decl` and `before`: where the thing was declared ({0,0}: by the language). */
void diag_unknown_name(Session *s, Span span, const char *name, const char *nearest, bool is_unit);
void diag_unknown_function(Session *s, Span span, const char *name, const char *nearest);
void diag_unknown_component(Session *s, Span span, const char *name, const char *nearest);
void diag_unknown_member(Session *s, Span span, const char *base, const char *kind, const char *name,
                         const char *nearest, Span decl);
void diag_no_member(Session *s, Span span, const char *name);
void diag_unknown_label(Session *s, Span span, const char *label, const char *set, const char *nearest, Span decl);
void diag_declared_twice(Session *s, Span span, const char *name, Span before);
void diag_cycle(Session *s, Span span, const char *path);
void diag_not_a_value(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_not_a_component(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_not_a_function(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_fn_not_called(Session *s, Span span, const char *name);
void diag_fn_recursive(Session *s, Span span, const char *name, Span decl);
void diag_name_wanted(Session *s, Span span);
void diag_statement_misplaced(Session *s, Span span, const char *what, const char *where);
void diag_setting_target(Session *s, Span span, const char *name, const char *component, const char *kind, Span decl);
void diag_setting_unknown(Session *s, Span span, const char *name, const char *component, const char *nearest, Span decl);
void diag_setting_twice(Session *s, Span span, const char *name, Span before);
void diag_setting_form(Session *s, Span span);
void diag_not_a_set(Session *s, Span span, const char *name);
void diag_set_wanted(Session *s, Span span);
void diag_label_wanted(Session *s, Span span);
void diag_not_in_set(Session *s, Span span, const char *element, const char *set, Span decl);
void diag_range_bad(Session *s, Span span, double from, double to, int limit);
void diag_index_count(Session *s, Span span, const char *name, uint32_t want, uint32_t got, Span decl);
void diag_index_missing(Session *s, Span span, const char *name, uint32_t want, Span decl);
void diag_chain_too_long(Session *s, Span span, const char *name, int limit);
void diag_list_length(Session *s, Span span, uint32_t want, uint32_t got, const char *set, Span decl);
void diag_input_written(Session *s, Span span, const char *input, const char *bound, Span decl);
void diag_component_too_large(Session *s, Span span, uint32_t got, int limit);
void diag_part_spikes(Session *s, Span span, const char *part, Span spike);
void diag_not_indexed(Session *s, Span span, const char *name, Span decl);

/* who: what asks, as it begins the sentence: "V'", "the weight". The Diag: for notes. */
Diag *diag_unit_wanted(Session *s, Span span, const char *who, Dim want, Dim got);
Diag *diag_unit_mismatch(Session *s, Span span, const char *op, Dim left, Dim right);
void diag_hint_add_unit(Session *s, Diag *d, Span span, const char *digits, const char *unit);
void diag_unit_unknown(Session *s, Span span, const char *unit, const char *nearest);
void diag_unit_caret(Session *s, Span span, const char *written, const char *meant);
void diag_unit_malformed(Session *s, Span span, const char *unit);
void diag_unit_power(Session *s, Span span, const char *unit);
void diag_unit_celsius(Session *s, Span span);
void diag_unit_clash(Session *s, Span span, const char *unit, const char *name, Span decl);
void diag_number_range(Session *s, Span span);
void diag_plain_number_wanted(Session *s, Span span, const char *fn, Dim got);
void diag_exponent_unit(Session *s, Span span, Dim got);
void diag_exponent_constant(Session *s, Span span, Dim base);
void diag_exponent_broken(Session *s, Span span, Dim base, double power);
void diag_condition_wanted(Session *s, Span span, const char *who);
void diag_condition_misplaced(Session *s, Span span, const char *who);
void diag_label_misplaced(Session *s, Span span);
void diag_label_of_wanted(Session *s, Span span, const char *labels, Span domain);
void diag_labels_compared(Session *s, Span span, bool different_sets);
void diag_not_a_number(Session *s, Span span, const char *what);
void diag_argument_count(Session *s, Span span, const char *fn, uint32_t want, uint32_t got, Span decl);
void diag_named_argument(Session *s, Span span);
void diag_constant_wanted(Session *s, Span span, const char *who, bool whole);
void diag_changes(Session *s, Span span, const char *name, const char *who, Span decl);
void diag_time_misplaced(Session *s, Span span, const char *name);
void diag_noise_misplaced(Session *s, Span span);
/* op: of the IR, on the way from a free parameter to the objective. */
void diag_no_gradient(Session *s, Span span, const char *op, const char *why);
void diag_draw_misplaced(Session *s, Span span, const char *dist);
void diag_draw_arguments(Session *s, Span span, const char *dist);
void diag_choice_outside(Session *s, Span span, Span interval);
void diag_draw_missing(Session *s, Span span);
void diag_within_wants_draw(Session *s, Span span);
void diag_interval_empty(Session *s, Span span);
void diag_domain_wanted(Session *s, Span span);
void diag_outside_domain(Session *s, Span span, const char *name, const char *value, const char *domain, Span decl);
void diag_expr_too_large(Session *s, Span span);

void diag_equation_twice(Session *s, Span span, const char *name, Span before);
void diag_equation_not_state(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_equation_order(Session *s, Span span, const char *name, int primes, const char *why, Span decl);
void diag_primed_not_state(Session *s, Span span, const char *name, int primes);
void diag_assign_target(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_hold_target(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_gate_entry(Session *s, Span span, const char *gate, const char *entry);
void diag_gate_form(Session *s, Span span, const char *gate);
void diag_input_unbound(Session *s, Span span, const char *input, const char *alias, const char *part, Span decl);
void diag_spike_twice(Session *s, Span span, Span before);
void diag_value_missing(Session *s, Span span, const char *kind, const char *name);
void diag_input_value(Session *s, Span span, const char *name);
void diag_start_cycle(Session *s, Span span, const char *path);
void diag_receive_arguments(Session *s, Span span, const char *port);
void diag_binder_needed(Session *s, Span span, const char *name);

/* ---- 49xx choice of integrator (diag_solver.c) */
void diag_no_derivative(Session *s, Span span, const char *op, const char *why, const char *method);
void diag_tolerance(Session *s, Span span, bool known, double value);
void diag_tolerance_unused(Session *s, Span span, const char *experiment);
void diag_method_impossible(Session *s, Span span, const char *method, const char *state, const char *component, const char *why);

/* ---- 5xxx network and experiment (diag_network.c) */
/* Words alone name what was written; decl, before: where that was declared; numbers that are times are in ms. */
void diag_net_misplaced(Session *s, Span span, const char *what, const char *where, const char *hint);
void diag_network_too_large(Session *s, Span span, double count, int limit);
void diag_too_many_axes(Session *s, Span span, int limit);
void diag_net_value_form(Session *s, Span span, const char *what);
void diag_let_domain(Session *s, Span span, const char *name);
void diag_table_depth(Session *s, Span span, const char *name, uint32_t want, uint32_t got);
void diag_table_length(Session *s, Span span, const char *name, const char *set, uint32_t want, uint32_t got,
                       const char *missing, Span decl);
void diag_table_of_scalar(Session *s, Span span, const char *name, Span decl);
void diag_unknown_override(Session *s, Span span, const char *name, const char *network, const char *nearest);
void diag_override_of_let(Session *s, Span span, const char *name, Span decl);
void diag_setting_operator(Session *s, Span span, const char *name);
void diag_not_a_neuron(Session *s, Span span, const char *name, const char *what, Span decl);
void diag_population_size_missing(Session *s, Span span, const char *name, const char *component);
void diag_not_a_count(Session *s, Span span, const char *who, double value, double least, double most);
void diag_unknown_population(Session *s, Span span, const char *name, const char *nearest, const char *kind, Span decl);
void diag_population_expected(Session *s, Span span);
void diag_slice_form(Session *s, Span span);
void diag_slice_empty(Session *s, Span span, double from, double to);
void diag_group_twice(Session *s, Span span, const char *name);
void diag_population_as_network(Session *s, Span span, const char *name, Span network);
void diag_slice_outside(Session *s, Span span, const char *name, double size, double at, Span decl);
void diag_unknown_rule(Session *s, Span span, const char *name, const char *nearest);
void diag_rule_arguments(Session *s, Span span, const char *rule, const char *arg);
void diag_unknown_link_setting(Session *s, Span span, const char *name, const char *of, const char *nearest);
void diag_weight_missing(Session *s, Span span, const char *port, const char *unit, Span decl);
void diag_weight_not_taken(Session *s, Span span, const char *port, Span decl);
void diag_delay_missing(Session *s, Span span);
void diag_delay_not_positive(Session *s, Span span, double ms);
void diag_delay_below_step(Session *s, Span span, double ms, double dt, Span run);
void diag_port_missing(Session *s, Span span, const char *population, const char *const *ports, size_t n);
void diag_unknown_port(Session *s, Span span, const char *name, const char *component, const char *nearest,
                       const char *const *ports, size_t n, Span decl);
void diag_input_not_port(Session *s, Span span, const char *name, const char *component, const char *const *ports, size_t n,
                         Span decl);
void diag_source_never_spikes(Session *s, Span span, const char *name, const char *component, Span decl);
void diag_one_to_one_self(Session *s, Span span, const char *source, bool undirected);
void diag_one_to_one_sizes(Session *s, Span span, const char *source, double n_source, const char *target, double n_target);
void diag_too_many_connections(Session *s, Span span, double count, const char *source, const char *target,
                               double pairs);
void diag_third_form(Session *s, Span span, const char *what, const char *hint);
void diag_third_missing(Session *s, Span span, const char *synapse, const char *part, Span use);
void diag_pool_rule(Session *s, Span span);
void diag_pool_too_large(Session *s, Span span, double count, const char *population, double size);
void diag_too_many_partners(Session *s, Span span, double count, const char *pool, double available);
void diag_node_value(Session *s, Span span, const char *name);
void diag_mask_misplaced(Session *s, Span span, const char *rule);
void diag_places_missing(Session *s, Span span, const char *population, Span decl);
void diag_acts_on_host(Session *s, Span span, const char *name, const char *input, Span decl);
void diag_subject_kind(Session *s, Span span, const char *name, const char *what, Span decl);
void diag_own_step(Session *s, Span span, int most_parts, int most_steps);
void diag_own_step_with(Session *s, Span span, const char *population, const char *what);
void diag_places(Session *s, Span span, const char *what, const char *hint);
/* `entry` where the rule gives none; with: the rule that does. */
void diag_pair_value(Session *s, Span span, const char *name, const char *with);
void diag_not_a_probability(Session *s, Span span, double value);
void diag_source_argument(Session *s, Span span, const char *source, const char *name, const char *nearest,
                          const char *form);
void diag_time_weights(Session *s, Span span, uint32_t weights, uint32_t times);
void diag_times_delay(Session *s, Span span);
void diag_source_lists(Session *s, Span span, uint32_t values, uint32_t times);
void diag_pulse_width(Session *s, Span span, double width, double every);
void diag_rate_noise(Session *s, Span span);
void diag_data_outside(Session *s, Span span, const char *path);
void diag_sample_columns(Session *s, Span span, uint32_t n);
void diag_sample_time(Session *s, Span span, const char *name, const char *dim);
void diag_sample_unit(Session *s, Span span);
void diag_events_alone(Session *s, Span span, const char *source);
void diag_unknown_phase(Session *s, Span span, const char *name, const char *nearest);
void diag_columns_unused(Session *s, Span span, const char *source);
void diag_unknown_drive(Session *s, Span span, const char *name, const char *nearest);
void diag_drive_arguments(Session *s, Span span, const char *name, const char *form);
void diag_input_missing(Session *s, Span span, const char *population, const char *const *inputs, size_t n);
void diag_unknown_input(Session *s, Span span, const char *name, const char *component, const char *nearest,
                        const char *const *inputs, size_t n, Span decl);
void diag_port_not_input(Session *s, Span span, const char *name, const char *component, const char *const *inputs, size_t n,
                         Span decl);
void diag_current_settings(Session *s, Span span, const char *source);
void diag_negative(Session *s, Span span, const char *who, double value, const char *unit);
void diag_not_positive(Session *s, Span span, const char *who, double ms);
void diag_times_order(Session *s, Span span, double ms, double before);
void diag_step_order(Session *s, Span span, double from, double to);
void diag_subject_missing(Session *s, Span span, const char *name);
void diag_subject_twice(Session *s, Span span, Span before);
void diag_unknown_network(Session *s, Span span, const char *name, const char *nearest);
void diag_not_a_network(Session *s, Span span, const char *name, const char *kind, Span decl, bool is_neuron);
void diag_run_missing(Session *s, Span span, const char *name);
void diag_dt_missing(Session *s, Span span);
/* fit: behind `with` of a fit. */
void diag_unknown_run_setting(Session *s, Span span, const char *name, const char *nearest, bool fit);
void diag_draws_alike(Session *s, Span span, const char *path, const char *other, Span before);
void diag_seeds_form(Session *s, Span span);
void diag_seeds_many(Session *s, Span span, double n, double most);
void diag_connectivity_form(Session *s, Span span, const char *text, const char *nearest);
void diag_unknown_method(Session *s, Span span, const char *name, const char *nearest, const char *const *methods, size_t n);
void diag_record_of_missing(Session *s, Span span, const char *text);
void diag_record_spikes_form(Session *s, Span span);
void diag_spikes_twice(Session *s, Span span, const char *name, Span before);
void diag_record_total_form(Session *s, Span span, const char *name);
/* first: the population that the sum or mean (name) goes over. */
void diag_total_populations(Session *s, Span span, const char *name, const char *first);
void diag_total_of_network(Session *s, Span span, const char *name, const char *value, Span decl);
void diag_record_list(Session *s, Span span, const char *first);
void diag_record_name_missing(Session *s, Span span);
void diag_record_name_twice(Session *s, Span span, const char *name, Span before);
/* population: the name is one's (its place; else an empty span). */
void diag_unknown_connections(Session *s, Span span, const char *name, const char *nearest, Span population);
/* port: NULL, nothing is connected; else it takes no weight. */
void diag_no_weights(Session *s, Span span, const char *name, const char *port, bool streams, Span decl);
void diag_no_states(Session *s, Span span, const char *path, const char *name, const char *nearest, bool weight, Span decl);
void diag_label_twice(Session *s, Span span, const char *path);
void diag_weights_fixed(Session *s, Span span, const char *path, Span decl);
void diag_every_off_grid(Session *s, Span span, double ms, double dt, Span run);
void diag_expect_form(Session *s, Span span, bool joined);
void diag_unknown_measure(Session *s, Span span, const char *name, const char *nearest);
void diag_measure_arguments(Session *s, Span span, const char *name, bool values, const char *argument);
void diag_during_form(Session *s, Span span);
void diag_window_empty(Session *s, Span span, double from, double to);
void diag_window_beyond(Session *s, Span span, double to, double end);
void diag_import_outside(Session *s, Span span, const char *path);
void diag_import_cycle(Session *s, Span span, const char *path);
void diag_import_depth(Session *s, Span span, int limit);
void diag_import_hash(Session *s, Span span, const char *path, const char *found, bool well_formed);

/* ---- fits (diag_fit.c) */
/* what: "no neuron", "nothing free"; hint: what to write. */
void diag_fit_missing(Session *s, Span span, const char *name, const char *what, const char *hint);
void diag_fit_twice(Session *s, Span span, const char *what, Span before);
/* `minimize` or `by` beside stages. */
void diag_fit_outside_stage(Session *s, Span span, const char *word);
/* what: "is drawn", "has noise". */
void diag_fit_random(Session *s, Span span, const char *name, Span decl);
void diag_data_form(Session *s, Span span, const char *nearest);
void diag_data_file(Session *s, Span span, const char *form);
void diag_sweep_form(Session *s, Span span, bool nwb);
void diag_sweep_number(Session *s, Span span, double most);
void diag_data_index(Session *s, Span span, const char *name);
void diag_validate_form(Session *s, Span span, const char *form, const char *data, Span decl);
void diag_data_column(Session *s, Span span);
void diag_data_times(Session *s, Span span, Span before);
/* values: there are some, and what is missing are the times. */
void diag_data_columns(Session *s, Span span, bool values);
void diag_recording_column_unused(Session *s, Span span, const char *data, const char *column);
void diag_events_form(Session *s, Span span, const char *nearest);
void diag_events_unit(Session *s, Span span, const char *name, Dim dim);
/* nearest, first: columns, or NULL. */
void diag_events_column(Session *s, Span span, const char *nearest, const char *first);
/* who: "`given` of `loglik`"; only: the only list, or NULL; any: there are some. */
void diag_events_wanted(Session *s, Span span, const char *who, const char *data, const char *only, bool any);
void diag_no_spikes(Session *s, Span span, const char *component, Span decl);
void diag_spikes_differ(Session *s, Span span, const char *events, Span before);
void diag_fit_random_spikes(Session *s, Span span, const char *component, const char *data, Span decl);
void diag_loglik_threshold(Session *s, Span span, const char *component, Span decl);
void diag_except_form(Session *s, Span span, const char *data);
void diag_fit_drive(Session *s, Span span, const char *data);
void diag_fit_driven_twice(Session *s, Span span, const char *input, Span before);
void diag_free_kind(Session *s, Span span, const char *name, const char *kind, bool state, Span decl);
/* kind: "a param", of what is no state; NULL: of a state at another time. */
void diag_free_start_of(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_free_twice(Session *s, Span span, const char *path, Span before);
void diag_searched_twice(Session *s, Span span, const char *path);
void diag_searched_not_free(Session *s, Span span, const char *path);
void diag_searched_bounds(Session *s, Span span, const char *path, Span decl);
void diag_searched_never(Session *s, Span span, const char *path);
void diag_free_prior(Session *s, Span span, const char *path);
void diag_free_prior_idle(Session *s, Span span, const char *path);
void diag_free_interval(Session *s, Span span, const char *path);
/* bound: an end of the param's own domain that is an expression over others. */
void diag_free_bounds(Session *s, Span span, const char *path, const char *bound, Span decl);
void diag_free_outside(Session *s, Span span, const char *path, const char *domain, Span decl);
void diag_free_start(Session *s, Span span, const char *path, double value, const char *unit, const char *bounds, Span decl);
/* index: of the recordings; empty: they have none. */
void diag_free_per(Session *s, Span span, const char *word, const char *data, const char *index, Span decl);
void diag_free_idle(Session *s, Span span, const char *path, bool start);
void diag_unknown_term(Session *s, Span span, const char *name, const char *nearest);
void diag_term_arguments(Session *s, Span span, const char *name);
/* state: it is one, without an equation. */
void diag_residual_state(Session *s, Span span, const char *name, const char *kind, bool state, Span decl);
void diag_residual_given(Session *s, Span span, const char *data, const char *state);
void diag_residual_over(Session *s, Span span, double over, double dt, Span step);
/* instead: "<=" for "<"; NULL: it has another form. */
void diag_constrain_form(Session *s, Span span, const char *instead);
void diag_constrain_bound(Session *s, Span span, const char *value, const char *bound);
void diag_constrain_weight(Session *s, Span span);
void diag_constrain_idle(Session *s, Span span);
void diag_force_state(Session *s, Span span, const char *name, const char *kind, Span decl);
void diag_force_towards(Session *s, Span span, const char *data, const char *state);
void diag_force_rate(Session *s, Span span);
void diag_force_idle(Session *s, Span span);
void diag_field_form(Session *s, Span span, const char *arg);
void diag_field_argument(Session *s, Span span, const char *name);
void diag_field_interval(Session *s, Span span, const char *name);
void diag_field_network(Session *s, Span span, unsigned layers, unsigned width);
void diag_field_weights(Session *s, Span span, unsigned wanted, unsigned given);
void diag_objective_step(Session *s, Span span, const char *text);
void diag_objective_constant(Session *s, Span span);
void diag_objective_dimension(Session *s, Span span, Dim dim);
void diag_unknown_optimizer(Session *s, Span span, const char *name, const char *nearest, const char *const *words, size_t n);
/* name: NULL, an argument without one. */
void diag_unknown_option(Session *s, Span span, const char *optimizer, const char *name, const char *nearest,
                         const char *const *words, size_t n);
void diag_data_cells(Session *s, Span span, const char *name);
void diag_validate_cells(Session *s, Span span, uint32_t cells, uint32_t found, Span data);
void diag_option_validate(Session *s, Span span);
void diag_option_range(Session *s, Span span, const char *name, double least, double most, bool whole);
void diag_by_setting(Session *s, Span span, const char *name, const char *nearest);
void diag_gradient_kind(Session *s, Span span, const char *nearest);
/* Of networks. */
void diag_network_surrogate_range(Session *s, Span span, const char *name, double most);
void diag_network_surrogate(Session *s, Span span, const char *form);
void diag_network_surrogate_missing(Session *s, Span span, const char *form);
void diag_gradient_differs(Session *s, Span span, const char *before);
void diag_spikes_none(Session *s, Span span, const char *what, const char *neuron);
void diag_spikes_form(Session *s, Span span, const char *what, Span cond);
void diag_feature_arguments(Session *s, Span span, const char *name, const char *form, bool spikes);
void diag_feature_given(Session *s, Span span, const char *name, const char *data);
void diag_feature_jumps(Session *s, Span span, const char *name, const char *neuron, Span spike);
void diag_feature_positive(Session *s, Span span, const char *argument, const char *name);
void diag_feature_gradient(Session *s, Span span, const char *name, bool asked, bool moves, bool counts);
void diag_spike_gradient_differs(Session *s, Span span, Span before);
void diag_spikes_given(Session *s, Span span, Span given);
void diag_surrogate_form(Session *s, Span span);
void diag_surrogate_shape(Session *s, Span span, const char *nearest, const char *const *words, size_t n);
void diag_surrogate_width(Session *s, Span span);
void diag_reset_form(Session *s, Span span, const char *nearest);
void diag_reset_idle(Session *s, Span span);
/* negative: a term has a factor below 0; else one is no mean of a square. */
void diag_not_squares_of_measures(Session *s, Span span, Span by); /* in a fit of a network */
void diag_not_squares(Session *s, Span span, const char *optimizer, Span by, bool negative);

/* ---- warnings (diag_warn.c) */
void diag_unused(Session *s, Span span, const char *kind, const char *name);
void diag_state_unused(Session *s, Span span, const char *name);
void diag_potential_large(Session *s, Span span, double mv);
void diag_step_large(Session *s, Span span, double dt, const char *state, const char *component, const char *method, double tau,
                     double limit, Span equation);
void diag_population_idle(Session *s, Span span, const char *name, Span experiment);
/* level: what it never passes; both in `unit` */
void diag_threshold_unreached(Session *s, Span span, const char *name, double level, double threshold, const char *unit, Span spike);
void diag_population_apart(Session *s, Span span, const char *name);
void diag_weight_zero(Session *s, Span span, const char *what);

/* ---- 6xxx-8xxx target, files, command line (diag_target.c) */
void diag_file_missing(Session *s, Span span, const char *path);
void diag_file_not_a_file(Session *s, Span span, const char *path);
void diag_file_unreadable(Session *s, Span span, const char *path, const char *reason);
void diag_file_too_large(Session *s, Span span, const char *path, unsigned limit_mib);
void diag_file_not_utf8(Session *s, Span span, const char *path, unsigned byte, size_t offset);
void diag_file_nul(Session *s, Span span, const char *path, size_t offset);

void diag_cpu_unknown(Session *s, const char *cpu, const char *nearest);
void diag_cpu_too_old(Session *s, const char *cpu);
void diag_link_failed(Session *s, const char *path, const char *linker, const char *said);
void diag_linker_missing(Session *s, const char *path);
void diag_mpi_missing(Session *s, const char *path, const char *compiler);
void diag_file_unwritable(Session *s, const char *path, const char *reason);

/* ---- equations, expressions and settings (diag_equations.c) */
/* `param x'` (not_state), or more primes than `most`. */
void diag_derivative_declared(Session *s, Span span, const char *name, bool not_state, int most);
/* White noise inside of a function of the equation of `state`. */
void diag_noise_not_linear(Session *s, Span span, const char *state);
void diag_delayed_misplaced(Session *s, Span span);
/* What is delayed does not change (constant), or the delay is no time above 0. */
void diag_delayed_form(Session *s, Span span, bool constant);
void diag_delay_parts(Session *s, Span span);
/* A synapse that sends twice (first) or never ({0,0}). */
void diag_synapse_sends(Session *s, Span span, const char *name, Span first);
/* A state per pre or per post whose value follows from something else; what: "the postsynaptic cell". */
void diag_synapse_scope(Session *s, Span span, const char *name, bool pre, const char *what, Span decl);
void diag_synapse_changes(Session *s, Span span, const char *name, bool pre, Span decl); /* by the other side's handler */
void diag_unknown_synapse(Session *s, Span span, const char *name, const char *nearest);
/* twice: two `stream`s; else `stream` and `send` */
void diag_synapse_streams(Session *s, Span span, const char *name, bool twice);
void diag_stream_delay(Session *s, Span span, const char *name, Span stream);
void diag_coupling_form(Session *s, Span span, const char *text, const char *nearest);
void diag_coupling_unused(Session *s, Span span, const char *experiment);
void diag_stream_mixed(Session *s, Span span, const char *text, const char *why);
void diag_undirected(Session *s, Span span);
void diag_synapse_input(Session *s, Span span, const char *synapse, const char *input, Span decl);
void diag_synapse_wanted(Session *s, Span span, const char *name, const char *what, Span decl);
void diag_signal_form(Session *s, Span span, const char *why);
void diag_signal_driven(Session *s, Span span, const char *input, Span bound);
/* hint: NULL or what to write. */
void diag_table_file(Session *s, Span span, const char *why, const char *hint);
void diag_unknown_column(Session *s, Span span, const char *column, const char *file, const char *nearest);
/* sum or mean (name) of what has no free index (bound: one that stands for one element there, or NULL), or of too
 * many elements. */
void diag_total_over(Session *s, Span span, const char *name, const char *bound, bool nothing, double count);
/* A name that two imports bring (import: at the second), or an import and the file itself (at the declaration). */
void diag_two_candidates(Session *s, Span span, const char *name, Span first, Span second, bool import);
/* `x(0) = …` where x is no state (kind: "a param"), or another time than 0 (kind NULL). */
void diag_start_of(Session *s, Span span, const char *name, const char *kind, Span decl);

/* ---- reactions (diag_kinetic.c) */

typedef enum { REACTION_SIDE, REACTION_FACTOR, REACTION_RATES_ONE, REACTION_RATES_TWO, REACTION_NOTHING, REACTION_ORDER, REACTION_STATEMENT,
               REACTION_STEADY_ORDER, REACTION_STEADY_REACH, REACTION_STEADY_ELSEWHERE, REACTION_STEADY_DRAWN, REACTION_STEADY_SET, REACTION_STEADY_MANY } ReactionFault;
void diag_reaction_form(Session *s, Span span, ReactionFault fault);
/* held: in a part, its input is bound to what does not react. */
void diag_reaction_state(Session *s, Span span, const char *name, const char *kind, bool held, Span decl);
void diag_reaction_equation(Session *s, Span span, const char *name, Span equation);
void diag_reaction_units(Session *s, Span span, const char *name, Dim dim, const char *other, Dim of_other);
typedef enum { COUNT_UNIT, COUNT_WHOLE, COUNT_MIXED } CountFault;
void diag_reaction_count(Session *s, Span span, const char *name, CountFault fault, double value, Span decl);
void diag_reaction_jumps(Session *s, Span span, const char *where, Span reaction);
void diag_reaction_loop(Session *s, Span span, const char *what, Span decl);
void diag_jumps_form(Session *s, Span span, const char *text, const char *nearest);

#endif
