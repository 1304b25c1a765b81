/* One function for each message of diag.def, with typed arguments. Included by diag.h only. */
#ifndef NSL_LANG_DIAG_TEXT_H
#define NSL_LANG_DIAG_TEXT_H

/* ---- 0xxx for all */
/* A construct of the language that this compiler version does not handle: what = "`kinetic` blocks", … */
void diag_not_supported(Session *s, Span span, const char *what, const char *nearest);

/* ---- 1xxx syntax (diag_syntax.c) */

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
