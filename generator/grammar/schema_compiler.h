// The steps of compile_schema (schema.h), each in the file that its comment names.
#ifndef TANDEM_GENERATOR_GRAMMAR_SCHEMA_COMPILER_H_
#define TANDEM_GENERATOR_GRAMMAR_SCHEMA_COMPILER_H_

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/grammar/characters.h"
#include "generator/grammar/json_text.h"
#include "generator/grammar/program_builder.h"

namespace tandem::grammar {

// Throws kInvalidArgument: the schema at `path` does what `what` says.
[[noreturn]] void refuse_schema(const std::string& path, std::string_view what,
                                std::string advice = "correct the schema");

// The first characters of a name or path that comes from a schema, for messages.
std::string shortened(const std::string& name);

bool has_type(const Json& value, std::string_view type);

// Used by one thread, for one schema. In the functions below, `path` is where the schema stands,
// for messages; `next` is where the text goes on; `depth` counts schemas inside each other.
class SchemaCompiler {
 public:
  explicit SchemaCompiler(const Json& root) : root_(root) {}

  Program run();
  Program run_any_object();

 private:
  struct Rule {
    std::string path;
    const Json* schema = nullptr;  // none: any value
  };

  // schema.cc
  Program finish(Address start);
  Address nothing(const std::string& path, std::string_view why);
  Address value(const Json& schema, const std::string& path, Address next, int depth);
  Address reference(const Json& schema, const std::string& path, Address next);
  std::uint32_t rule_of(std::string path, const Json* schema);
  const Json& resolve(const std::string& reference, const std::string& path) const;
  Json flatten(const Json& schema, const std::string& path, int depth);
  Json merge(const Json& a, const Json& b, const std::string& path);
  Address alternatives(const Json& schema, const char* keyword, const std::string& path,
                       Address next, int depth);
  Address enumeration(const Json& schema, const std::string& path, Address next);
  Address typed(const Json& schema, const std::string& path, Address next, int depth);
  Address any_value(Address next) { return builder_.call(rule_of("any value", nullptr), next); }
  Address any_value_body();

  // schema_objects.cc
  struct Property {
    std::string name;
    const Json* schema = nullptr;
    bool required = false;
  };
  Address object(const Json& schema, const std::string& path, Address next, int depth);
  Address array(const Json& schema, const std::string& path, Address next, int depth);

  // schema_scalars.cc
  Address text(const Json& schema, const std::string& path, Address next);
  Address number(const Json& schema, std::string_view type, const std::string& path, Address next);
  std::pair<std::uint32_t, std::uint32_t> counts(const Json& schema, const char* min,
                                                 const char* max, const std::string& path);
  const CharacterAutomaton& automaton(const std::string& pattern);

  const Json& root_;
  ProgramBuilder builder_;
  std::deque<Rule> rules_;  // by number
  std::map<std::string, std::uint32_t> rule_ids_;
  std::map<std::string, CharacterAutomaton> automata_;
  std::string unsatisfiable_;  // the first reason met
  std::size_t merge_work_ = 0;
};

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_SCHEMA_COMPILER_H_
