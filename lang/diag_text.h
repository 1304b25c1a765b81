/* One function for each message of diag.def, with typed arguments. Included by diag.h only. */
#ifndef NSL_LANG_DIAG_TEXT_H
#define NSL_LANG_DIAG_TEXT_H

/* ---- 0xxx for all */
/* A construct of the language that this compiler version does not handle: what = "`kinetic` blocks", … */
void diag_not_supported(Session *s, Span span, const char *what, const char *nearest);

/* ---- 1xxx syntax (diag_syntax.c) */
/* What stands here does not fit. found, expected: in the user's words, quoted where they are text ("`when`", "a name");
 * nearest: the expected word that `found` was probably meant to be, or NULL. */
void diag_syntax_unexpected(Session *s, Span span, const char *found, const char *const *expected, size_t n,
                            const char *nearest);
void diag_syntax_statement(Session *s, Span word_span, const char *word, const char *nearest);
void diag_syntax_reserved(Session *s, Span span, const char *word);
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

/* ---- 2xxx names, 3xxx units and types, 4xxx dynamics and solvers (diag_model.c) */

/* ---- 5xxx network and experiment (diag_network.c) */

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
void diag_file_unwritable(Session *s, const char *path, const char *reason);

#endif
