/* The grammar of NSL: tokens (tokens.c) -> syntax tree. One statement grammar serves all blocks; what may
 * stand where is the checker's business, so nothing here looks at names, units or settings.
 *
 * Statements' ends (SEP) and brackets are settled in tokens.c; after an error it leads the parser to the
 * end of the statement, so `error` stands for a whole statement. */
%code requires {
#include "parser/parser.h"
}

%define api.pure full
%define api.prefix {syntax_}
%define api.token.prefix {T_}
%define api.value.type {Value}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%locations
%expect 0
%lex-param {Parser *p}
%parse-param {Parser *p}

%code {
int syntax_lex(Value *value, Span *span, Parser *p);
static void yyerror(Span *span, Parser *p, const char *message);

#define YYLLOC_DEFAULT(at, rhs, n)                                              \
  do {                                                                          \
    (at).from = (n) ? YYRHSLOC(rhs, 1).from : YYRHSLOC(rhs, 0).to;              \
    (at).to = (n) ? YYRHSLOC(rhs, n).to : YYRHSLOC(rhs, 0).to;                  \
  } while (0)

/* A node of the tree with the span of the whole rule: MAKE(HOLD, Hold, .target = $2, .duration = $4) */
#define MAKE(KIND, T, ...) \
  build_node(p, &(Ast##T){.head = {.kind = AST_##KIND, .span = yyloc}, __VA_ARGS__}.head)
/* tokens.c leads to the end of the statement with the error; the next one is judged anew. */
#define FORGIVE            \
  if (p->give_up) YYABORT; \
  yyerrok;                 \
  yyclearin
#define OPERATION(o, a, b) MAKE(BINARY, Binary, .op = (o), .left = (a), .right = (b))
#define NONE ((AstList){0})
#define ONE(list_, node_) ((list_) = NONE, build_push(p, &(list_), (node_)))
#define ADD(to, list_, node_) ((to) = (list_), build_push(p, &(to), (node_)))
#define PART(T, node_) ((const Ast##T *)(node_)) /* of a partly filled node of the same kind */
}

%token END 0 "the end of the file"
%token SEP "the end of the line"
%token <word> NAME "a name" STRING "a string" UNIT "a unit" COLUMN_UNIT "the unit of a column"
%token <number> NUMBER "a number"
%token <flag> PRIMES "'"
%token <word> LATER "a statement of later sections"

%token <word> LANGUAGE "language" IMPORT "import" MODEL "model" FN "fn"
%token <word> NEURON "neuron" CHANNEL "channel" COMPONENT "component" RECEPTOR "receptor" SYNAPSE "synapse"
%token <word> GLIA "glia" MASS "mass" NETWORK "network" EXPERIMENT "experiment"
%token <word> FIT "fit" TASK "task" GENERATIVE "generative" SWEEP "sweep" FEDERATE "federate" CELL "cell"
%token <word> PARAM "param" STATE "state" LET "let" INPUT "input" INDEX "index" WEIGHT "weight" SIGNAL "signal"
%token <word> GATE "gate" KINETIC "kinetic" RECEIVE "receive" SPIKE "spike" ON "on" HOLD "hold" SEND "send"
%token <word> STREAM "stream" USE "use" POPULATION "population" CONNECT "connect" DRIVE "drive" RECORD "record"
%token <word> RUN "run" EXPECT "expect" FREEZE "freeze"
%token <word> DATA "data" FREE "free" STAGE "stage" VALIDATE "validate" MINIMIZE "minimize" MAXIMIZE "maximize" CONSTRAIN "constrain"
%token <word> FIELD "field" FORCE "force" TOWARDS "towards"
%token <word> IF "if" THEN "then" ELSE "else" AND "and" OR "or" NOT "not" IN "in" FOR "for" WITH "with" BY "by"
%token <word> WITHIN "within"
%token <word> WHEN "when" AT "at" PEAK "peak" RATE "rate" OF "of" ABOVE "above" PER "per" AS "as" EVERY "every"
%token <word> STEP "step" TO "to" AFTER "after" DURING "during" NO "no" SELF "self" MULTIPLE "multiple"
%token <word> EVENTS "events" EXCEPT "except" AROUND "around"
%token <word> FROM "from" STARTS "starts" STOCHASTIC "stochastic" STEADY "steady" SHA256 "sha256"

%token LPAREN "(" RPAREN ")" LBRACKET "[" RBRACKET "]" LBRACE "{" RBRACE "}"
%token COMMA "," COLON ":" DOT "." DOTDOT ".."
%token SET "=" DRAW "~" ADD_SET "+=" SUB_SET "-=" MUL_SET "*="
%token ARROW "->" BOTHWAYS "<->" LINE "--"
%token PLUS "+" MINUS "-" STAR "*" SLASH "/" POWER "^"
%token EQ "==" NE "!=" LT "<" LE "<=" GT ">" GE ">="

%precedence ELSE
%precedence WITHIN
%left OR
%left AND
%precedence NOT
%nonassoc EQ NE LT LE GT GE
%left PLUS MINUS
%left STAR SLASH
%precedence NEGATION
%right POWER

%type <word> name block_word decl_word subject_word alias hash per_opt set_of_opt
%type <flag> primes_opt arrow
%type <list> items fn_args fn_arg_list body body_opt statements decl_items signal_items binders_opt binders for_binders
%type <list> with_settings settings on_names place_names names expressions several ranges args arg_list receive_args options
%type <list> receive_arg_list free_items sources labels
%type <node> item fn fn_arg fn_unit statement decl_item decl_tail decl_value signal_item binder for_binder set unit_opt
%type <node> unit assignment reaction if_statement receive receive_arg spike above_opt on use population size_opt
%type <node> place_opt step_opt connect link link_tail tail scope record of_opt every_opt run setting expect after_opt
%type <node> during_opt send to_opt path initial domain interval simple label_expr range expr number postfix base arg
%type <node> except_opt spike_name option column events data free_item domain_opt prior_opt minimize by starts_opt weight_opt

%%

/* ---- file level */
file: %empty { p->file = AST_AS(File, MAKE(FILE, File, .items = NONE)); }
    | items  { p->file = AST_AS(File, MAKE(FILE, File, .items = $1)); }
    ;
items: item           { ONE($$, $1); }
     | items SEP item { ADD($$, $1, $3); }
     ;
item: "language" NUMBER           { $$ = MAKE(LANGUAGE, Language, .version = $2); }
    | "import" STRING alias hash  { $$ = MAKE(IMPORT, Import, .path = $2.name, .alias = $3, .hash = $4.name); }
    | "model" STRING body         { $$ = MAKE(MODEL_INFO, ModelInfo, .title = $2.name, .body = $3); }
    | block_word name body        { $$ = MAKE(BLOCK, Block, .what = $1, .name = $2, .body = $3); }
    | fn
    | LATER                       { $$ = MAKE(LATER, Later, .what = $1); }
    | "let" decl_items            { $$ = MAKE(DECL, Decl, .what = $1, .items = $2); }
    | "index" decl_items          { $$ = MAKE(DECL, Decl, .what = $1, .items = $2); }
    | error                       { FORGIVE; $$ = NULL; }
    ;
block_word: "neuron" | "channel" | "component" | "receptor" | "synapse" | "glia" | "mass" | "network" | "experiment"
          | "fit" | "task" | "generative" | "sweep" | "federate" | "cell"
          ;
alias: %empty    { $$ = (AstWord){0}; }
     | "as" name { $$ = $2; }
     ;
hash: %empty          { $$ = (AstWord){0}; }
    | "sha256" STRING { $$ = $2; }
    ;
fn: "fn" name "(" fn_args ")" fn_unit "=" expr
      { $$ = MAKE(FN, Fn, .name = $2, .args = $4, .unit = $6, .body = $8); }
  ;
fn_args: %empty { $$ = NONE; }
       | fn_arg_list
       ;
fn_arg_list: fn_arg                 { ONE($$, $1); }
           | fn_arg_list "," fn_arg { ADD($$, $1, $3); }
           ;
fn_arg: name           { $$ = MAKE(FN_ARG, FnArg, .name = $1); }
      | name "in" unit { $$ = MAKE(FN_ARG, FnArg, .name = $1, .unit = $3); }
      ;
fn_unit: %empty    { $$ = NULL; }
       | "->" unit { $$ = $2; }
       ;

/* ---- bodies */
body: "{" "}"            { $$ = NONE; }
    | "{" statements "}" { $$ = $2; }
    ;
body_opt: %empty { $$ = NONE; }
        | body
        ;
statements: statement                { ONE($$, $1); }
          | statements SEP statement { ADD($$, $1, $3); }
          ;
statement: decl_word decl_items  { $$ = MAKE(DECL, Decl, .what = $1, .items = $2); }
         | "signal" signal_items { $$ = MAKE(DECL, Decl, .what = $1, .items = $2); }
         | assignment
         | column
         | events
         | reaction
         | if_statement
         | receive
         | spike
         | on
         | "hold" postfix "for" expr    { $$ = MAKE(HOLD, Hold, .target = $2, .duration = $4); }
         | send
         | "stream" expr to_opt         { $$ = MAKE(STREAM, Stream, .value = $2, .to = $3); }
         | use
         | "gate" name body             { $$ = MAKE(GATE, Gate, .name = $2, .body = $3); }
         | "kinetic" body               { $$ = MAKE(KINETIC, Kinetic, .body = $2); }
         | "kinetic" "stochastic" body  { $$ = MAKE(KINETIC, Kinetic, .stochastic = 1, .body = $3); }
         | "kinetic" "steady" body      { $$ = MAKE(KINETIC, Kinetic, .steady = 1, .body = $3); }
         | population
         | connect
         | "drive" postfix "with" expr tail
             { $$ = MAKE(DRIVE, Drive, .target = $2, .source = $4, .binders = PART(Connect, $5)->binders,
                         .cond = PART(Connect, $5)->cond, .settings = PART(Connect, $5)->settings); }
         | "drive" spike_name "with" expr tail
             { $$ = MAKE(DRIVE, Drive, .target = $2, .source = $4, .binders = PART(Connect, $5)->binders,
                         .cond = PART(Connect, $5)->cond, .settings = PART(Connect, $5)->settings); }
         | subject_word path body_opt   { $$ = MAKE(SUBJECT, Subject, .what = $1, .component = $2, .settings = $3); }
         | record
         | run
         | expect
         | "freeze" expr of_opt         { $$ = MAKE(FREEZE, Freeze, .what = $2, .of = $3); }
         | data
         | "free" free_items            { $$ = MAKE(FREE, Free, .items = $2); }
         | "stage" name body            { $$ = MAKE(STAGE, Stage, .name = $2, .body = $3); }
         | minimize
         | "constrain" expr domain_opt weight_opt after_opt during_opt
             { $$ = MAKE(CONSTRAIN, Constrain, .value = $2, .domain = $3, .weight = $4, .after = $5, .during = $6); }
         | "field" name "(" binders ")" "=" postfix
             { $$ = MAKE(FIELD, FieldDecl, .name = $2, .args = $4, .value = $7); }
         | "force" path "towards" expr "at" expr
             { $$ = MAKE(FORCE, Force, .state = $2, .trace = $4, .rate = $6); }
         | by
         | "with" settings              { $$ = MAKE(WITH, With, .settings = $2); }
         | "validate" labels            { $$ = MAKE(VALIDATE, Validate, .sources = $2); }
         | LATER                        { $$ = MAKE(LATER, Later, .what = $1); }
         | error                        { FORGIVE; $$ = NULL; }
         ;

/* ---- declarations */
decl_word: "param" | "state" | "let" | "input" | "index" | "weight"
         ;
decl_items: decl_item                { ONE($$, $1); }
          | decl_items "," decl_item { ADD($$, $1, $3); }
          ;
decl_item: name binders_opt primes_opt unit_opt decl_tail per_opt set_of_opt
             { $$ = MAKE(ITEM, Item, .name = $1, .binders = $2, .primes = $3, .unit = $4, .per = $6, .of = $7,
                         .draw = PART(Item, $5)->draw, .value = PART(Item, $5)->value,
                         .domain = PART(Item, $5)->domain); }
         ;
decl_tail: %empty                 { $$ = MAKE(ITEM, Item, .value = NULL); }
         | "in" domain            { $$ = MAKE(ITEM, Item, .domain = $2); }
         | decl_value
         | decl_value "in" domain { $$ = MAKE(ITEM, Item, .draw = PART(Item, $1)->draw, .value = PART(Item, $1)->value,
                                              .domain = $3); }
         | "in" domain decl_value { $$ = MAKE(ITEM, Item, .draw = PART(Item, $3)->draw, .value = PART(Item, $3)->value,
                                              .domain = $2); }
         ;
decl_value: "=" initial { $$ = MAKE(ITEM, Item, .value = $2); }
          | "~" expr    { $$ = MAKE(ITEM, Item, .draw = 1, .value = $2); }
          ;
initial: range | set
       ;
per_opt: %empty     { $$ = (AstWord){0}; }
       | "per" name { $$ = $2; }
       ;
set_of_opt: %empty    { $$ = (AstWord){0}; }
          | "of" name { $$ = $2; }
          ;
signal_items: signal_item                  { ONE($$, $1); }
            | signal_items "," signal_item { ADD($$, $1, $3); }
            ;
signal_item: name unit_opt decl_tail body_opt
               { $$ = MAKE(ITEM, Item, .name = $1, .unit = $2, .draw = PART(Item, $3)->draw,
                           .value = PART(Item, $3)->value, .domain = PART(Item, $3)->domain, .body = $4); }
           ;
binders_opt: %empty          { $$ = NONE; }
           | "[" binders "]" { $$ = $2; }
           ;
binders: binder             { ONE($$, $1); }
       | binders "," binder { ADD($$, $1, $3); }
       ;
binder: name          { $$ = MAKE(BINDER, Binder, .name = $1); }
      | name ":" path { $$ = MAKE(BINDER, Binder, .name = $1, .set = $3); }
      | for_binder
      ;
for_binders: for_binder                 { ONE($$, $1); }
           | for_binders "," for_binder { ADD($$, $1, $3); }
           ;
for_binder: name "in" domain { $$ = MAKE(BINDER, Binder, .name = $1, .set = $3); }
          ;
primes_opt: %empty { $$ = 0; }
          | PRIMES
          ;
unit_opt: %empty   { $$ = NULL; }
        | ":" unit { $$ = $2; }
        ;
unit: UNIT { $$ = MAKE(UNIT, Unit, .text = $1.name); }
    ;

/* ---- equations, assignments, handlers */
assignment: expr "=" range { $$ = build_assign(p, @$, $1, ASSIGN_SET, $3); }
          | expr "=" postfix "by" postfix { Ast *pick = MAKE(PICK, Pick, .of = $3, .rule = $5);
                                            $$ = build_assign(p, @$, $1, ASSIGN_SET, pick); }
          | expr "~" expr  { $$ = build_assign(p, @$, $1, ASSIGN_DRAW, $3); }
          | expr "+=" expr { $$ = build_assign(p, @$, $1, ASSIGN_ADD, $3); }
          | expr "-=" expr { $$ = build_assign(p, @$, $1, ASSIGN_SUB, $3); }
          | expr "*=" expr { $$ = build_assign(p, @$, $1, ASSIGN_MUL, $3); }
          ;
/* in the braces of what reads a file: a column and its unit */
column: expr ":" unit { $$ = MAKE(COLUMN, Column, .base = $1, .unit = $3); }
      ;
/* … and what stands in it as a list of times, or is found in a column */
events: "events" name ":" unit { $$ = MAKE(EVENTS, Events, .name = $2, .unit = $4); }
      | "events" name "=" expr { $$ = MAKE(EVENTS, Events, .name = $2, .source = $4); }
      ;
reaction: expr "->" expr "at" expressions
            { $$ = MAKE(REACTION, Reaction, .left = $1, .right = $3, .rates = $5); }
        | expr "<->" expr "at" expressions
            { $$ = MAKE(REACTION, Reaction, .left = $1, .right = $3, .reversible = 1, .rates = $5); }
        ;
if_statement: "if" expr body                     { $$ = MAKE(IF_STMT, IfStmt, .cond = $2, .then = $3); }
            | "if" expr body "else" body         { $$ = MAKE(IF_STMT, IfStmt, .cond = $2, .then = $3, .other = $5); }
            | "if" expr body "else" if_statement { AstList other;
                                                   ONE(other, $5);
                                                   $$ = MAKE(IF_STMT, IfStmt, .cond = $2, .then = $3, .other = other); }
            ;
receive: "receive" name receive_args body { $$ = MAKE(RECEIVE, Receive, .name = $2, .args = $3, .body = $4); }
       ;
receive_args: %empty                   { $$ = NONE; }
            | "(" ")"                  { $$ = NONE; }
            | "(" receive_arg_list ")" { $$ = $2; }
            ;
receive_arg_list: receive_arg                      { ONE($$, $1); }
                | receive_arg_list "," receive_arg { ADD($$, $1, $3); }
                ;
receive_arg: name unit_opt { $$ = MAKE(FN_ARG, FnArg, .name = $1, .unit = $2); }
           ;
spike: "spike" "when" expr with_settings body_opt
         { $$ = MAKE(SPIKE, Spike, .form = SPIKE_WHEN, .cond = $3, .settings = $4, .body = $5); }
     | "spike" "at" "peak" "of" expr above_opt with_settings body_opt
         { $$ = MAKE(SPIKE, Spike, .form = SPIKE_PEAK, .cond = $5, .level = $6, .settings = $7, .body = $8); }
     | "spike" "at" "rate" expr with_settings body_opt
         { $$ = MAKE(SPIKE, Spike, .form = SPIKE_RATE, .cond = $4, .settings = $5, .body = $6); }
     ;
above_opt: %empty       { $$ = NULL; }
         | "above" expr { $$ = $2; }
         ;
on: "on" on_names of_opt body { $$ = MAKE(ON, On, .what = $2, .of = $3, .body = $4); }
  ;
on_names: names
        | "spike" { Ast *name = MAKE(NAME, NameRef, .name = $1);
                    ONE($$, name); }
        ;
names: name           { Ast *name = MAKE(NAME, NameRef, .name = $1);
                        ONE($$, name); }
     | names "," name { Ast *name = build_node(p, &(AstNameRef){{AST_NAME, @3, 0}, $3}.head);
                        ADD($$, $1, name); }
     ;
send: "send" expr to_opt after_opt { $$ = MAKE(SEND, Send, .value = $2, .port = $3, .after = $4); }
    ;
to_opt: %empty    { $$ = NULL; }
      | "to" path { $$ = $2; }
      ;
after_opt: %empty       { $$ = NULL; }
         | "after" expr { $$ = $2; }
         ;
use: "use" path body_opt place_names
       { $$ = MAKE(USE, Use, .component = $2, .settings = $3, .on = $4); }
   | "use" name "=" path body_opt place_names
       { $$ = MAKE(USE, Use, .alias = $2, .component = $4, .settings = $5, .on = $6); }
   ;
place_names: %empty     { $$ = NONE; }
           | "on" names { $$ = $2; }
           ;

/* ---- networks */
population: "population" name binders_opt ":" path size_opt place_opt step_opt body_opt
              { $$ = MAKE(POPULATION, Population, .name = $2, .binders = $3, .component = $5, .size = $6,
                          .place = $7, .step = $8, .settings = $9); }
          ;
size_opt: %empty       { $$ = NULL; }
        | "[" expr "]" { $$ = $2; }
        ;
place_opt: %empty       { $$ = NULL; }
         | "at" postfix { $$ = $2; }
         ;
step_opt: %empty      { $$ = NULL; }
        | "step" expr { $$ = $2; }
        ;
connect: "connect" link link_tail          { $$ = build_connect(p, @$, (AstWord){0}, $2, $3); }
       | "connect" name ":" link link_tail { $$ = build_connect(p, @$, $2, $4, $5); }
       ;
link: postfix arrow postfix "by" postfix options
        { $$ = MAKE(CONNECT, Connect, .source = $1, .undirected = $2, .target = $3, .rule = $5, .options = $6); }
    ;
arrow: "->" { $$ = 0; }
     | "--" { $$ = 1; }
     ;
options: %empty             { $$ = NONE; }
       | options "," option { ADD($$, $1, $3); }
       ;
option: "no" "self"     { $$ = MAKE(NAME, NameRef, .name = $2); }
      | "no" "multiple" { $$ = MAKE(NAME, NameRef, .name = $2); }
      ;
/* Braces right behind the synapse's name are its settings, the last ones are the projection's. */
link_tail: tail
         | "with" path                { $$ = MAKE(CONNECT, Connect, .synapse = $2); }
         | "with" path body           { $$ = MAKE(CONNECT, Connect, .synapse = $2, .synapse_settings = $3); }
         | "with" path body body      { $$ = MAKE(CONNECT, Connect, .synapse = $2, .synapse_settings = $3, .settings = $4); }
         | "with" path scope body_opt { $$ = MAKE(CONNECT, Connect, .synapse = $2, .settings = $4,
                                                  .binders = PART(Connect, $3)->binders, .cond = PART(Connect, $3)->cond); }
         | "with" path body scope body_opt
             { $$ = MAKE(CONNECT, Connect, .synapse = $2, .synapse_settings = $3, .settings = $5,
                         .binders = PART(Connect, $4)->binders, .cond = PART(Connect, $4)->cond); }
         ;
tail: body_opt       { $$ = MAKE(CONNECT, Connect, .settings = $1); }
    | scope body_opt { $$ = MAKE(CONNECT, Connect, .binders = PART(Connect, $1)->binders,
                                 .cond = PART(Connect, $1)->cond, .settings = $2); }
    ;
scope: "for" for_binders           { $$ = MAKE(CONNECT, Connect, .binders = $2); }
     | "if" expr                   { $$ = MAKE(CONNECT, Connect, .cond = $2); }
     | "for" for_binders "if" expr { $$ = MAKE(CONNECT, Connect, .binders = $2, .cond = $4); }
     ;

/* ---- experiments */
subject_word: "network" | "neuron" | "mass" | "glia" | "component"
            ;
record: "record" expr of_opt alias every_opt
          { $$ = MAKE(RECORD, Record, .value = $2, .of = $3, .alias = $4, .every = $5); }
      ;
of_opt: %empty    { $$ = NULL; }
      | "of" expr { $$ = $2; }
      ;
every_opt: %empty       { $$ = NULL; }
         | "every" expr { $$ = $2; }
         ;
run: "run" expr alias with_settings body_opt
       { $$ = MAKE(RUN, Run, .duration = $2, .alias = $3, .settings = $4, .body = $5); }
   ;
with_settings: %empty          { $$ = NONE; }
             | "with" settings { $$ = $2; }
             ;
settings: setting              { ONE($$, $1); }
        | settings "," setting { ADD($$, $1, $3); }
        ;
setting: path "=" range { $$ = MAKE(ASSIGN, Assign, .target = $1, .value = $3); }
       ;
expect: "expect" expr after_opt during_opt
          { $$ = MAKE(EXPECT, Expect, .value = $2, .after = $3, .during = $4); }
      | "expect" expr "in" domain after_opt during_opt
          { $$ = MAKE(EXPECT, Expect, .value = $2, .domain = $4, .after = $5, .during = $6); }
      ;
during_opt: %empty         { $$ = NULL; }
          | "during" range { $$ = $2; }
          ;

/* ---- fits */
data: "data" name binders_opt "=" sources body
        { $$ = MAKE(DATA, DataDecl, .name = $2, .binders = $3, .sources = $5, .columns = $6); }
    ;
sources: postfix             { ONE($$, $1); }
       | sources "," postfix { ADD($$, $1, $3); }
       ;
labels: label_expr            { ONE($$, $1); }
      | labels "," label_expr { ADD($$, $1, $3); }
      ;
free_items: free_item                { ONE($$, $1); }
          | free_items "," free_item { ADD($$, $1, $3); }
          ;
free_item: label_expr domain_opt prior_opt per_opt
             { $$ = MAKE(FREE_ITEM, FreeItem, .target = $1, .domain = $2, .prior = $3, .per = $4); }
         | label_expr "of" postfix domain_opt prior_opt per_opt
             { $$ = MAKE(FREE_ITEM, FreeItem, .target = $1, .of = $3, .domain = $4, .prior = $5, .per = $6); }
         ;
prior_opt: %empty   { $$ = NULL; }
         | "~" expr { $$ = $2; }
         ;
domain_opt: %empty      { $$ = NULL; }
          | "in" domain { $$ = $2; }
          ;
minimize: "minimize" expr after_opt during_opt except_opt
            { $$ = MAKE(MINIMIZE, Minimize, .value = $2, .after = $3, .during = $4, .except = PART(Minimize, $5)->except,
                        .around = PART(Minimize, $5)->around); }
        ;
except_opt: %empty                       { $$ = MAKE(MINIMIZE, Minimize, .value = NULL); }
          | "except" range "around" expr { $$ = MAKE(MINIMIZE, Minimize, .except = $2, .around = $4); }
          ;
weight_opt: %empty        { $$ = NULL; }
          | "weight" expr { $$ = $2; }
          ;
by: "by" postfix starts_opt with_settings { $$ = MAKE(BY, By, .method = $2, .starts = $3, .settings = $4); }
  ;
starts_opt: %empty               { $$ = NULL; }
          | "from" expr "starts" { $$ = $2; }
          ;

/* ---- sets and expressions */
path: name          { $$ = MAKE(NAME, NameRef, .name = $1); }
    | path "." name { $$ = MAKE(MEMBER, Member, .base = $1, .name = $3); }
    ;
domain: interval
      | set
      | simple
      | simple ".." expr { $$ = MAKE(RANGE, Range, .from = $1, .to = $3); }
      ;
interval: "(" expr "," expr ")" { $$ = MAKE(INTERVAL, Interval, .from = $2, .to = $4, .open_from = 1, .open_to = 1); }
        | "(" expr "," expr "]" { $$ = MAKE(INTERVAL, Interval, .from = $2, .to = $4, .open_from = 1); }
        | "[" expr "," expr ")" { $$ = MAKE(INTERVAL, Interval, .from = $2, .to = $4, .open_to = 1); }
        | "[" expr "," expr "]" { $$ = MAKE(INTERVAL, Interval, .from = $2, .to = $4); }
        ;
set: "{" ranges "}" { $$ = MAKE(SET, SetExpr, .items = $2); }
   ;
simple: number
      | "-" number { $$ = MAKE(UNARY, Unary, .op = OP_NEG, .arg = $2); }
      | label_expr
      ;
label_expr: name                      { $$ = MAKE(NAME, NameRef, .name = $1); }
          | label_expr "." name       { $$ = MAKE(MEMBER, Member, .base = $1, .name = $3); }
          | label_expr "[" ranges "]" { $$ = MAKE(SUBSCRIPT, Subscript, .base = $1, .indices = $3); }
          | label_expr "(" args ")"   { $$ = MAKE(CALL, Call, .callee = $1, .args = $3); }
          ;
range: expr
     | expr ".." expr { $$ = MAKE(RANGE, Range, .from = $1, .to = $3); }
     ;
ranges: range            { ONE($$, $1); }
      | ranges "," range { ADD($$, $1, $3); }
      ;
expressions: expr                 { ONE($$, $1); }
           | expressions "," expr { ADD($$, $1, $3); }
           ;
several: expr "," expr    { ONE($$, $1); build_push(p, &$$, $3); }
       | several "," expr { ADD($$, $1, $3); }
       ;
expr: postfix
    | number
    | STRING                          { $$ = MAKE(STRING, String, .text = $1.name); }
    | "[" "]"                         { $$ = MAKE(LIST, ListExpr, .items = NONE); }
    | "[" ranges "]"                  { $$ = MAKE(LIST, ListExpr, .items = $2); }
    | expr "+" expr                   { $$ = OPERATION(OP_ADD, $1, $3); }
    | expr "-" expr                   { $$ = OPERATION(OP_SUB, $1, $3); }
    | expr "*" expr                   { $$ = OPERATION(OP_MUL, $1, $3); }
    | expr "/" expr                   { $$ = OPERATION(OP_DIV, $1, $3); }
    | expr "^" expr                   { $$ = OPERATION(OP_POW, $1, $3); }
    | expr "==" expr                  { $$ = OPERATION(OP_EQ, $1, $3); }
    | expr "!=" expr                  { $$ = OPERATION(OP_NE, $1, $3); }
    | expr "<" expr                   { $$ = OPERATION(OP_LT, $1, $3); }
    | expr "<=" expr                  { $$ = OPERATION(OP_LE, $1, $3); }
    | expr ">" expr                   { $$ = OPERATION(OP_GT, $1, $3); }
    | expr ">=" expr                  { $$ = OPERATION(OP_GE, $1, $3); }
    | expr "and" expr                 { $$ = OPERATION(OP_AND, $1, $3); }
    | expr "or" expr                  { $$ = OPERATION(OP_OR, $1, $3); }
    | "not" expr                      { $$ = MAKE(UNARY, Unary, .op = OP_NOT, .arg = $2); }
    | "-" expr %prec NEGATION         { $$ = MAKE(UNARY, Unary, .op = OP_NEG, .arg = $2); }
    | expr "within" interval          { $$ = MAKE(WITHIN, Within, .draw = $1, .interval = $3); }
    | "if" expr "then" expr "else" expr %prec ELSE
                                      { $$ = MAKE(IF_EXPR, IfExpr, .cond = $2, .then = $4, .other = $6); }
    ;
number: NUMBER      { $$ = MAKE(NUMBER, Number, .value = $1); }
      | NUMBER unit { $$ = MAKE(NUMBER, Number, .value = $1, .unit = $2); }
      ;
postfix: base
       | postfix "." name       { $$ = MAKE(MEMBER, Member, .base = $1, .name = $3); }
       | postfix "[" ranges "]" { $$ = MAKE(SUBSCRIPT, Subscript, .base = $1, .indices = $3); }
       | postfix "(" args ")"   { $$ = MAKE(CALL, Call, .callee = $1, .args = $3); }
       | postfix PRIMES         { $$ = build_primed(p, @$, $1, $2); }
       | postfix COLUMN_UNIT    { Ast *unit = build_node(p, &(AstUnit){{AST_UNIT, @2, 0}, $2.name}.head);
                                  $$ = MAKE(COLUMN, Column, .base = $1, .unit = unit); }
       ;
base: name            { $$ = MAKE(NAME, NameRef, .name = $1); }
    | "(" expr ")"    { $$ = $2; }
    | "(" several ")" { $$ = MAKE(TUPLE, Tuple, .items = $2); }
    ;
args: %empty { $$ = NONE; }
    | arg_list
    ;
arg_list: arg              { ONE($$, $1); }
        | arg_list "," arg { ADD($$, $1, $3); }
        ;
arg: range
   | name "=" range { $$ = MAKE(NAMED, Named, .name = $1, .value = $3); }
   | spike_name
   ;
/* the spikes of a neuron, where a fit speaks of them */
spike_name: "spike" { $$ = MAKE(NAME, NameRef, .name = $1); }
          ;

/* Words that mean something only in their place are names elsewhere. */
name: NAME | "cell" | "weight" | "signal" | "on" | "when" | "at" | "peak" | "rate" | "of" | "above" | "per" | "as"
    | "step" | "every" | "to" | "after" | "during" | "no" | "self" | "multiple" | "stochastic" | "steady" | "sha256"
    | "data" | "free" | "stage" | "validate" | "from" | "starts" | "events" | "except" | "around" | "field" | "force" | "towards"
    ;

%%

static void yyerror(Span *span, Parser *p, const char *message) {
  (void)message; /* only "memory exhausted" comes here: too many unfinished rules */
  error_too_deep(p, *span);
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p) {
  yysymbol_kind_t kinds[YYNTOKENS];
  const char *expected[YYNTOKENS];
  int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
  for (int i = 0; i < n; i++) expected[i] = yysymbol_name(kinds[i]);
  error_report(p, *yypcontext_location(context), expected, n > 0 ? (size_t)n : 0);
  return 0;
}
