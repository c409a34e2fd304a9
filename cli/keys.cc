// tandem keys: API keys of a store, for servers that others can reach.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "server/access/api_keys.h"

namespace tandem {
namespace {

constexpr std::int64_t kSecondsPerDay = std::int64_t{24} * 60 * 60;
constexpr std::int64_t kMaxDays = 36'500;

struct KeysArguments {
  std::filesystem::path store;
  std::string name;
  ApiKey key;
  std::int64_t days = 0;
  bool json = false;
};

// What is redirected to a file or into a variable is the key alone.
void show_secret(const std::string& secret) {
  fmt::print(stderr, "This is shown once; what the store keeps cannot be turned back into it:\n");
  fmt::print("{}\n", secret);
}

void add(KeysArguments& arguments) {
  ApiKey key = arguments.key;
  key.name = arguments.name;
  if (arguments.days > 0) {
    key.expires_at_unix_s = std::time(nullptr) + arguments.days * kSecondsPerDay;
  }
  show_secret(add_api_key(arguments.store, key));
}

std::string day(std::int64_t unix_s) {
  return unix_s == 0 ? "never" : fmt::format("{:%Y-%m-%d}", fmt::gmtime(unix_s));
}

std::string limit(std::uint32_t value) {
  return value == 0 ? "-" : std::to_string(value);
}

std::string reach(const ApiKey& key) {
  std::string text =
      key.collections.empty() ? "all" : fmt::format("{}", fmt::join(key.collections, " "));
  if (key.who) text += fmt::format(", as {}", fmt::join(*key.who, ", "));
  return terminal_safe(text);
}

void print_table(const std::vector<ApiKey>& keys) {
  if (keys.empty()) {
    fmt::print("The store has no API key.\n");
    return;
  }
  std::size_t width = 4;
  for (const ApiKey& key : keys) width = std::max(width, terminal_safe(key.name).size());
  fmt::print("{:<{}}  {:<6}{:>12}{:>12}{:>9}{:>9}  {}\n", "name", width, "scope", "made", "expires",
             "a minute", "at once", "collections");
  for (const ApiKey& key : keys) {
    fmt::print("{:<{}}  {:<6}{:>12}{:>12}{:>9}{:>9}  {}\n", terminal_safe(key.name), width,
               name_of(key.scope), day(key.created_at_unix_s), day(key.expires_at_unix_s),
               limit(key.requests_per_minute), limit(key.max_concurrent), reach(key));
  }
}

// Without the digests: they say nothing to people.
void print_json(const std::vector<ApiKey>& keys) {
  auto out = nlohmann::ordered_json::array();
  for (const ApiKey& key : keys) {
    out.push_back({{"id", key.id},
                   {"name", key.name},
                   {"scope", name_of(key.scope)},
                   {"collections", key.collections},
                   {"who", key.who ? nlohmann::ordered_json(*key.who) : nlohmann::ordered_json()},
                   {"created_at", key.created_at_unix_s},
                   {"expires_at", key.expires_at_unix_s},
                   {"requests_per_minute", key.requests_per_minute},
                   {"max_concurrent", key.max_concurrent}});
  }
  fmt::print("{}\n", out.dump(2));
}

void list(const KeysArguments& arguments) {
  const std::vector<ApiKey> keys = read_api_keys(arguments.store);
  arguments.json ? print_json(keys) : print_table(keys);
}

CLI::App* add_subcommand(CLI::App& keys, KeysArguments& arguments, const std::string& name,
                         const std::string& help) {
  CLI::App* command = keys.add_subcommand(name, help);
  add_store_option(*command, arguments.store);
  return command;
}

void add_name_option(CLI::App& command, KeysArguments& arguments, const std::string& help) {
  command.add_option("name", arguments.name, help)->required();
}

}  // namespace

void add_keys_command(CLI::App& app) {
  auto arguments = std::make_shared<KeysArguments>();
  CLI::App* keys = app.add_subcommand(
      "keys",
      "Make, list and remove the API keys of a store. A server that runs meanwhile takes note with "
      "its next request. As soon as there is a key, requests without one are refused.");
  keys->require_subcommand(1);

  CLI::App* command = add_subcommand(*keys, *arguments, "add", "Make a key and print it, once.");
  add_name_option(*command, *arguments, "What the key is called, such as who uses it");
  ApiKey& key = arguments->key;
  add_choice<Scope>(*command, "--scope", key.scope,
                    {{"read", Scope::kRead}, {"write", Scope::kWrite}, {"admin", Scope::kAdmin}},
                    "'read' (ask and search), 'write' (also change documents and files) or 'admin' "
                    "(also train and change models)")
      ->type_name("SCOPE")
      ->default_str("read");
  command->add_option("-c,--collection", key.collections,
                      "A collection that the key may use; repeat it for more. Without: all");
  command->add_option("--who", key.who,
                      "Who the key stands for, of those that documents are for (tandem index "
                      "--reader), such as group:hr; repeat it for more. Without: it may see all");
  command
      ->add_option("--requests-per-minute", key.requests_per_minute,
                   "How many requests the key may send in a minute; 0: any number")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--max-concurrent", key.max_concurrent,
                   "How many of its requests may be going on at once; 0: any number")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  command->add_option("--expires-in-days", arguments->days, "When the key ends to be one; 0: never")
      ->check(CLI::Range(std::int64_t{0}, kMaxDays))
      ->capture_default_str();
  command->callback([arguments] { add(*arguments); });

  command = add_subcommand(*keys, *arguments, "list", "List the keys; what they are is not shown.");
  command->add_flag("--json", arguments->json, "Print JSON instead of a table");
  command->callback([arguments] { list(*arguments); });

  command =
      add_subcommand(*keys, *arguments, "rotate",
                     "Replace a key by a new one that may do the same and owns what it owned; "
                     "the former ends at once.");
  add_name_option(*command, *arguments, "Name or id of the key");
  command->callback(
      [arguments] { show_secret(rotate_api_key(arguments->store, arguments->name)); });

  command = add_subcommand(*keys, *arguments, "remove", "Remove a key: it ends at once.");
  add_name_option(*command, *arguments, "Name or id of the key");
  command->callback([arguments] { remove_api_key(arguments->store, arguments->name); });
}

}  // namespace tandem
