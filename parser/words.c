/* The words of the language (lang/keywords.def) as tokens: name -> keyword, token -> role.
 *
 * All words are interned before the text is read, so that looking one up is an index by the name's id. */
#include <string.h>

#include "parser/grammar.h"

const Keyword keywords[] = {
#define HARD(token, text, role, doc) {text, T_##token, ROLE_##role, true},
#define SOFT(token, text, role, doc) {text, T_##token, ROLE_##role, false},
#include "lang/keywords.def"
#undef HARD
#undef SOFT
};
const size_t n_keywords = COUNT_OF(keywords);
_Static_assert(COUNT_OF(keywords) < 255, "a keyword's index + 1 fits in a byte");

void words_init(Parser *p) {
  Name names[COUNT_OF(keywords)];
  for (size_t i = 0; i < n_keywords; i++) {
    names[i] = name_z(p->s, keywords[i].text);
    if (names[i].id >= p->n_keyword_of) p->n_keyword_of = names[i].id + 1;
    if (keywords[i].token != T_NAME) p->word_of_token[keywords[i].token] = &keywords[i];
  }
  p->keyword_of = NEW_ARRAY(p->s->arena, uint8_t, p->n_keyword_of);
  for (size_t i = 0; i < n_keywords; i++) p->keyword_of[names[i].id] = (uint8_t)(i + 1);
  p->csv = name_z(p->s, "csv");
}

const Keyword *word_keyword(const Parser *p, Name name) {
  uint8_t k = name.id < p->n_keyword_of ? p->keyword_of[name.id] : 0;
  return k ? &keywords[k - 1] : NULL;
}

WordRole token_role(const Parser *p, int code) {
  if (code < 0 || code >= MAX_TOKEN_CODES || !p->word_of_token[code]) return ROLE_NONE;
  return p->word_of_token[code]->role;
}
