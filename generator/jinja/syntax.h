// The tree that a template is parsed into.
#ifndef TANDEM_GENERATOR_JINJA_SYNTAX_H_
#define TANDEM_GENERATOR_JINJA_SYNTAX_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "generator/jinja/value.h"

namespace tandem::jinja {

enum class ExprKind {
  kConstant,     // constant
  kName,         // name
  kList,         // children
  kTuple,        // children
  kDict,         // children: key, value, key, value, ...
  kAttribute,    // children[0] . name
  kItem,         // children[0] [ children[1] ]
  kSlice,        // children[0] [ children[1] : children[2] : children[3] ], null where left out
  kCall,         // children[0] ( children[1...], keywords )
  kFilter,       // children[0] | name ( children[1...], keywords )
  kTest,         // children[0] is name ( children[1...], keywords )
  kNegate,       // - children[0]
  kPlus,         // + children[0]
  kNot,          // not children[0]
  kAnd,          // children[0] and children[1]
  kOr,           // children[0] or children[1]
  kConditional,  // children[0] if children[1] else children[2], which may be null
  kConcatenate,  // children[0] ~ children[1] ~ ...
  kArithmetic,   // children[0] operators[0] children[1]
  kCompare,      // children[0] operators[0] children[1] operators[1] children[2] ...
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  int line = 1;
  int height = 1;
  std::string name;
  Value constant;
  std::vector<std::unique_ptr<Expr>> children;
  std::vector<std::string> operators;
  std::vector<std::pair<std::string, std::unique_ptr<Expr>>> keywords;
};

// What a value is assigned to: a name, an attribute of a namespace, or several names.
struct Target {
  std::vector<std::string> names;
  std::string attribute;  // of names[0], if not empty
  bool unpacks = false;   // a, b = ...
};

enum class NodeKind {
  kData,      // text
  kOutput,    // expr
  kIf,        // branches, else_body
  kFor,       // target, expr, test (may be null), body, else_body
  kSet,       // target, expr
  kSetBlock,  // target, body, filters
  kMacro,     // name, parameters, body
  kScope,     // body
  kFilter,    // body, filters
  kBreak,
  kContinue,
};

struct Node {
  using Body = std::vector<std::unique_ptr<Node>>;
  struct Branch {
    std::unique_ptr<Expr> test;
    Body body;
  };
  struct Parameter {
    std::string name;
    std::unique_ptr<Expr> default_value;  // may be null
  };

  NodeKind kind = NodeKind::kData;
  int line = 1;
  std::string name;
  std::string text;
  std::unique_ptr<Expr> expr;
  std::unique_ptr<Expr> test;
  // A chain of filters whose innermost input is the constant at its heart; null if there is none.
  std::unique_ptr<Expr> filters;
  Target target;
  Body body;
  Body else_body;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
};

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_SYNTAX_H_
