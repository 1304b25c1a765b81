/* Expressions as MathML, from the tree of a checked file, so that they look as their author
 * wrote them: functions by name, families by index, products and quotients in the order given.
 *
 * Names are read as people read them: what follows the first `_` is a subscript, names of Greek letters are
 * Greek letters, the name of a part is a subscript of what is in it (na.g). Quotients are fractions; inside
 * of a fraction they stand on the line, so that nothing becomes too small. A form that is not known here is
 * shown as it was written. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "describe/inner.h"

/* ---- names */

static const struct {
  const char *word, *letter;
} greek[] = {{"alpha", "α"},  {"beta", "β"},   {"gamma", "γ"}, {"delta", "δ"},   {"epsilon", "ε"},
             {"zeta", "ζ"},   {"eta", "η"},    {"theta", "θ"}, {"iota", "ι"},    {"kappa", "κ"},
             {"lambda", "λ"}, {"mu", "μ"},     {"nu", "ν"},    {"xi", "ξ"},      {"pi", "π"},
             {"rho", "ρ"},    {"sigma", "σ"},  {"tau", "τ"},   {"upsilon", "υ"}, {"phi", "φ"},
             {"chi", "χ"},    {"psi", "ψ"},    {"omega", "ω"}, {"Gamma", "Γ"},   {"Delta", "Δ"},
             {"Theta", "Θ"},  {"Lambda", "Λ"}, {"Xi", "Ξ"},    {"Pi", "Π"},      {"Sigma", "Σ"},
             {"Phi", "Φ"},    {"Psi", "Ψ"},    {"Omega", "Ω"}, {"inf", "∞"}};

static void identifier(Describe *d, const char *text, size_t n) {
  for (size_t i = 0; i < COUNT_OF(greek); i++)
    if (strlen(greek[i].word) == n && !memcmp(greek[i].word, text, n)) {
      fprintf(d->out, "<mi>%s</mi>", greek[i].letter);
      return;
    }
  bool digits = true;
  for (size_t i = 0; i < n; i++) digits &= isdigit((unsigned char)text[i]) != 0;
  fprintf(d->out, digits ? "<mn>%.*s</mn>" : "<mi>%.*s</mi>", (int)n, text);
}

void math_comma(Describe *d, bool *first) {
  if (!*first) put(d, "<mo separator=\"true\">,</mo>");
  *first = false;
}

/* A subscript's words, divided by commas. */
static void words(Describe *d, const char *text, bool *first) {
  while (*text) {
    size_t n = strcspn(text, "_");
    math_comma(d, first);
    identifier(d, text, n);
    text += n + (text[n] == '_');
  }
}

static bool is_greek(const char *text, size_t n) {
  for (size_t i = 0; i < COUNT_OF(greek); i++)
    if (strlen(greek[i].word) == n && !memcmp(greek[i].word, text, n)) return true;
  return false;
}

/* hh_alpha_m is read as alpha_m_hh: the letter is what is meant, the word before it says whose. */
static const char *letter_first(Describe *d, const char *name) {
  size_t base = strcspn(name, "_");
  if (base < 2 || (unsigned char)name[0] >= 0x80 || is_greek(name, base)) return name;
  for (const char *at = name + base; *at == '_'; at += strcspn(at + 1, "_") + 1) {
    size_t n = strcspn(at + 1, "_");
    if (is_greek(at + 1, n) && strncmp(at + 1, "inf", n) != 0)
      return arena_printf(d->arena, "%s_%.*s", at + 1, (int)(at - name), name);
  }
  return name;
}

/* name, the parts in which it lies ("na", NULL: none), indices: one symbol with one subscript. */
void math_symbol(Describe *d, const char *name, const char *part, const AstList *indices) {
  name = letter_first(d, name);
  size_t base = strcspn(name, "_"), n = base;
  while (n > 1 && isdigit((unsigned char)name[n - 1])) n--;                   /* V1: V with the subscript 1 */
  if (n > 1 && (unsigned char)name[0] < 0x80 && !is_greek(name, n)) n = base; /* but not of words: L23 */
  if (base == 0) base = n = strlen(name);
  bool sub = n < strlen(name) || part || (indices && indices->n);
  if (sub) put(d, "<msub>");
  identifier(d, name, n);
  if (!sub) return;
  put(d, "<mrow>");
  bool first = true;
  if (n < base) {
    fprintf(d->out, "<mn>%.*s</mn>", (int)(base - n), name + n);
    first = false;
  }
  if (name[base]) words(d, name + base + 1, &first);
  if (part) math_comma(d, &first), put(d, "<mtext>"), put_text(d, part), put(d, "</mtext>");
  for (uint32_t i = 0; indices && i < indices->n; i++) math_comma(d, &first), math_node(d, indices->at[i], 0);
  put(d, "</mrow></msub>");
}

/* ---- numbers and units */

static void number(Describe *d, double x) {
  char text[40];
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  char *e = strchr(text, 'e');
  if (isinf(x)) put(d, "<mi>∞</mi>");
  else if (!e) fprintf(d->out, "<mn>%s</mn>", text);
  else if (e == text + 1 && text[0] == '1')
    fprintf(d->out, "<msup><mn>10</mn><mn>%d</mn></msup>", atoi(e + 1));
  else
    fprintf(d->out, "<mn>%.*s</mn><mo>×</mo><msup><mn>10</mn><mn>%d</mn></msup>", (int)(e - text), text,
            atoi(e + 1));
}

void put_quantity_text(Describe *d, const char *unit) {
  static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  bool power = false, start = true;
  for (const char *p = unit; *p; p++) {
    if (*p == '^') {
      power = true;
    } else if (power && *p == '-') {
      put(d, "⁻");
    } else if (power && isdigit((unsigned char)*p)) {
      put(d, raised[*p - '0']);
    } else if (power && *p == '.') {
      put(d, "\xcb\x99");
    } else if (start && *p == 'u' && isalpha((unsigned char)p[1])) {
      put(d, "µ");
    } else if (!strncmp(p, "ohm", 3) || !strncmp(p, "Ohm", 3)) {
      put(d, "Ω");
      p += 2;
    } else if (!strncmp(p, "degC", 4)) {
      put(d, "°C");
      p += 3;
    } else {
      char one[2] = {*p == '*' ? 0 : *p, 0};
      if (*p == '*') put(d, "·");
      put_text(d, one);
    }
    start = *p == '*' || *p == '/';
    power = power && *p != '*' && *p != '/';
  }
}

static void quantity(Describe *d, const AstNumber *n) {
  number(d, n->value);
  if (!n->unit) return;
  const char *unit = name_str(d->s, AST_AS(Unit, n->unit)->text);
  if (!strncmp(unit, "1/", 2)) unit++; /* 4/ms */
  if (unit[0] != '/') put(d, "<mspace width=\"0.2em\"/>");
  put(d, "<mtext>");
  put_quantity_text(d, unit);
  put(d, "</mtext>");
}

/* ---- operators. Levels: 0 anything, 1 or, 2 and, 3 not, 4 comparison, 5 sum, 6 product, 7 sign, 8 power, 9
 * atom */

static const struct {
  const char *sign;
  int level;
} operators[] = {[OP_ADD] = {"<mo>+</mo>", 5},
                 [OP_SUB] = {"<mo>−</mo>", 5},
                 [OP_MUL] = {"<mo>⁢</mo>", 6},
                 [OP_DIV] = {"<mo>/</mo>", 6},
                 [OP_POW] = {"", 8},
                 [OP_LT] = {"<mo>&lt;</mo>", 4},
                 [OP_LE] = {"<mo>≤</mo>", 4},
                 [OP_GT] = {"<mo>&gt;</mo>", 4},
                 [OP_GE] = {"<mo>≥</mo>", 4},
                 [OP_EQ] = {"<mo>=</mo>", 4},
                 [OP_NE] = {"<mo>≠</mo>", 4},
                 [OP_AND] = {"<mtext>\u00a0and\u00a0</mtext>", 2},
                 [OP_OR] = {"<mtext>\u00a0or\u00a0</mtext>", 1},
                 [OP_NOT] = {"<mo>¬</mo>", 3},
                 [OP_NEG] = {"<mo form=\"prefix\">−</mo>", 7}};

static void open_paren(Describe *d, bool needed) {
  if (needed) put(d, "<mrow><mo>(</mo>");
}
static void close_paren(Describe *d, bool needed) {
  if (needed) put(d, "<mo>)</mo></mrow>");
}

static const Ast *leftmost(const Ast *e) {
  while (e && e->kind == AST_BINARY && AST_AS(Binary, e)->op != OP_DIV) e = AST_AS(Binary, e)->left;
  return e;
}

/* -a / b is written as minus the fraction. */
static bool minus_first(Describe *d, const AstBinary *b, int outer) {
  if (!b->left || b->left->kind != AST_UNARY || AST_AS(Unary, b->left)->op != OP_NEG) return false;
  AstBinary positive = *b;
  positive.left = AST_AS(Unary, b->left)->arg;
  open_paren(d, outer > 5);
  put(d, operators[OP_NEG].sign);
  math_node(d, &positive.head, 5);
  close_paren(d, outer > 5);
  return true;
}

static void fraction(Describe *d, const AstBinary *b, int outer) {
  if (minus_first(d, b, outer)) return;
  if (d->fraction >= 1) {
    open_paren(d, outer > 6);
    math_node(d, b->left, 6);
    put(d, operators[OP_DIV].sign);
    math_node(d, b->right, 7);
    close_paren(d, outer > 6);
    return;
  }
  bool paren = outer > 7; /* the base of a power */
  open_paren(d, paren);
  d->fraction++;
  put(d, "<mfrac><mrow>");
  math_node(d, b->left, 0);
  put(d, "</mrow><mrow>");
  math_node(d, b->right, 0);
  put(d, "</mrow></mfrac>");
  d->fraction--;
  close_paren(d, paren);
}

static void binary(Describe *d, const AstBinary *b, int outer) {
  if (b->op == OP_DIV) {
    fraction(d, b, outer);
    return;
  }
  if (b->op == OP_POW) {
    put(d, "<msup><mrow>");
    math_node(d, b->left, 9);
    put(d, "</mrow><mrow>");
    int around = d->fraction;
    d->fraction = 1;
    math_node(d, b->right, 0);
    d->fraction = around;
    put(d, "</mrow></msup>");
    return;
  }
  int level = operators[b->op].level;
  open_paren(d, level < outer);
  bool quotient =
      b->op == OP_MUL && b->left && b->left->kind == AST_BINARY && AST_AS(Binary, b->left)->op == OP_DIV;
  math_node(d, b->left, level + quotient); /* a / b c would be read as a / (b c) */
  const Ast *next =
      b->right && b->right->kind == AST_BINARY && operators[AST_AS(Binary, b->right)->op].level < level
          ? NULL /* a bracket comes first */
          : leftmost(b->right);
  if (b->op == OP_MUL && next && next->kind == AST_NUMBER) put(d, "<mo>·</mo>");
  else if (b->op == OP_MUL) put(d, "<mo>⁢</mo><mspace width=\"0.18em\"/>");
  else put(d, operators[b->op].sign);
  math_node(d, b->right, level + (b->op == OP_SUB || level == 4));
  close_paren(d, level < outer);
}

/* ---- functions */

static const struct {
  const char *name, *open, *close;
} fenced[] = {{"abs", "<mrow><mo>|</mo>", "<mo>|</mo></mrow>"},
              {"floor", "<mrow><mo>⌊</mo>", "<mo>⌋</mo></mrow>"},
              {"sqrt", "<msqrt>", "</msqrt>"},
              {"normal", "<mi mathvariant=\"script\">𝒩</mi><mrow><mo>(</mo>", "<mo>)</mo></mrow>"},
              {"uniform", "<mi>𝒰</mi><mrow><mo>(</mo>", "<mo>)</mo></mrow>"},
              {"heaviside", "<mi>Θ</mi><mrow><mo>(</mo>", "<mo>)</mo></mrow>"}};

static void arguments(Describe *d, const AstList *args) {
  bool first = true;
  for (uint32_t i = 0; i < args->n; i++) math_comma(d, &first), math_node(d, args->at[i], 0);
}

static void call(Describe *d, const AstCall *c) {
  const char *name =
      c->callee && c->callee->kind == AST_NAME ? word(d, AST_AS(NameRef, c->callee)->name) : "";
  int around = d->fraction;
  for (size_t i = 0; i < COUNT_OF(fenced); i++)
    if (!strcmp(name, fenced[i].name)) {
      put(d, fenced[i].open);
      arguments(d, &c->args);
      put(d, fenced[i].close);
      return;
    }
  if (!strcmp(name, "white_noise")) {
    put(d, "<mi>ξ</mi><mrow><mo>(</mo><mi>t</mi><mo>)</mo></mrow>");
    return;
  }
  if (!strcmp(name, "delayed") && c->args.n == 2) {
    math_node(d, c->args.at[0], 9);
    put(d, "<mrow><mo>(</mo><mi>t</mi><mo>−</mo>");
    math_node(d, c->args.at[1], 6);
    put(d, "<mo>)</mo></mrow>");
    return;
  }
  if (!strcmp(name, "pow") && c->args.n == 2) {
    put(d, "<msup><mrow>"), math_node(d, c->args.at[0], 9), put(d, "</mrow><mrow>");
    d->fraction = 1, math_node(d, c->args.at[1], 0), d->fraction = around;
    put(d, "</mrow></msup>");
    return;
  }
  if (c->callee) math_node(d, c->callee, 9);
  put(d, "<mo>⁡</mo><mrow><mo>(</mo>");
  arguments(d, &c->args);
  put(d, "<mo>)</mo></mrow>");
}

static void cases(Describe *d, const AstIfExpr *e) {
  put(d, "<mrow><mo>{</mo><mtable columnalign=\"left left\">");
  for (;;) {
    put(d, "<mtr><mtd>");
    math_node(d, e->then, 0);
    put(d, "</mtd><mtd><mtext>if\u00a0</mtext>");
    math_node(d, e->cond, 0);
    put(d, "</mtd></mtr>");
    if (!e->other || e->other->kind != AST_IF_EXPR) break;
    e = AST_AS(IfExpr, e->other);
  }
  put(d, "<mtr><mtd>");
  if (e->other) math_node(d, e->other, 0);
  put(d, "</mtd><mtd><mtext>otherwise</mtext></mtd></mtr></mtable></mrow>");
}

/* ---- all expressions */

/* na.g: the name of what is last, and the parts before it. */
static bool dotted(Describe *d, const Ast *e, const char **ret_name, const char **ret_part) {
  if (e->kind != AST_MEMBER) return false;
  const AstMember *m = AST_AS(Member, e);
  const char *part = "", *inner = NULL;
  if (!m->base) return false;
  if (m->base->kind == AST_NAME) part = word(d, AST_AS(NameRef, m->base)->name);
  else if (!dotted(d, m->base, &part, &inner)) return false;
  *ret_name = word(d, m->name);
  *ret_part = inner ? arena_printf(d->arena, "%s.%s", inner, part) : part;
  return true;
}

static void subscript(Describe *d, const AstSubscript *e) {
  const char *name, *part = NULL;
  if (e->base && e->base->kind == AST_NAME) {
    math_symbol(d, word(d, AST_AS(NameRef, e->base)->name), NULL, &e->indices);
  } else if (e->base && dotted(d, e->base, &name, &part)) {
    math_symbol(d, name, part, &e->indices);
  } else {
    put(d, "<msub>"), math_node(d, e->base, 9), put(d, "<mrow>");
    arguments(d, &e->indices);
    put(d, "</mrow></msub>");
  }
}

static void as_written(Describe *d, const Ast *e) {
  put(d, "<mtext>");
  put_source(d, e->span);
  put(d, "</mtext>");
}

static void primes(Describe *d, int n) {
  for (int i = 0; i < n; i++) put(d, "<mo>′</mo>");
}

static void list(Describe *d, const AstList *items, const char *open, const char *close) {
  fprintf(d->out, "<mrow><mo>%s</mo>", open);
  arguments(d, items);
  fprintf(d->out, "<mo>%s</mo></mrow>", close);
}

static void interval(Describe *d, const AstInterval *i) {
  fprintf(d->out, "<mrow><mo>%s</mo>", i->open_from ? "(" : "[");
  if (i->from) math_node(d, i->from, 0);
  put(d, "<mo separator=\"true\">,</mo>");
  if (i->to) math_node(d, i->to, 0);
  fprintf(d->out, "<mo>%s</mo></mrow>", i->open_to ? ")" : "]");
}

void math_node(Describe *d, const Ast *e, int outer) {
  const char *name, *part = NULL;
  if (!e) return;
  if (e->kind == AST_NUMBER) quantity(d, AST_AS(Number, e));
  else if (e->kind == AST_NAME) math_symbol(d, word(d, AST_AS(NameRef, e)->name), NULL, NULL);
  else if (dotted(d, e, &name, &part)) math_symbol(d, name, part, NULL);
  else if (e->kind == AST_SUBSCRIPT) subscript(d, AST_AS(Subscript, e));
  else if (e->kind == AST_BINARY) binary(d, AST_AS(Binary, e), outer);
  else if (e->kind == AST_CALL) call(d, AST_AS(Call, e));
  else if (e->kind == AST_IF_EXPR) cases(d, AST_AS(IfExpr, e));
  else if (e->kind == AST_LIST) list(d, &AST_AS(ListExpr, e)->items, "[", "]");
  else if (e->kind == AST_TUPLE) list(d, &AST_AS(Tuple, e)->items, "(", ")");
  else if (e->kind == AST_SET) list(d, &AST_AS(SetExpr, e)->items, "{", "}");
  else if (e->kind == AST_INTERVAL) interval(d, AST_AS(Interval, e));
  else if (e->kind == AST_RANGE) {
    math_node(d, AST_AS(Range, e)->from, 6), put(d, "<mo>…</mo>"), math_node(d, AST_AS(Range, e)->to, 6);
  } else if (e->kind == AST_WITHIN) {
    math_node(d, AST_AS(Within, e)->draw, 9), put(d, "<mtext>\u00a0within\u00a0</mtext>"),
        math_node(d, AST_AS(Within, e)->interval, 9);
  } else if (e->kind == AST_UNARY) {
    const AstUnary *u = AST_AS(Unary, e);
    open_paren(d, outer >= 7);
    put(d, operators[u->op].sign), math_node(d, u->arg, 7);
    close_paren(d, outer >= 7);
  } else if (e->kind == AST_PRIMED && !AST_AS(Primed, e)->base) {
    math_symbol(d, word(d, AST_AS(Primed, e)->name), NULL, &AST_AS(Primed, e)->indices),
        primes(d, AST_AS(Primed, e)->primes);
  } else if (e->kind == AST_NAMED) {
    put(d, "<mtext>"), put_text(d, word(d, AST_AS(Named, e)->name)), put(d, "</mtext><mo>=</mo>"),
        math_node(d, AST_AS(Named, e)->value, 0);
  } else {
    as_written(d, e);
  }
}
