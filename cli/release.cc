// tandem release: which models serve.
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/release_client.h"
#include "cli/release_place.h"
#include "model/threads.h"
#include "server/release_json.h"
#include "server/releases.h"

namespace tandem {
namespace {

using nlohmann::json;

struct ReleaseArguments {
  ReleasePlace place;
  std::string name;
  ReleaseModels models;
  bool promote = false;
  bool as_json = false;
  int threads = 0;
};

std::string time_of(std::int64_t unix_s) {
  if (unix_s == 0) return "-";
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm local{};
  localtime_r(&time, &local);
  char text[32];
  return std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local) > 0 ? text : "-";
}

std::string text_of(const json& release, const char* field) {
  const auto found = release.find(field);
  return found != release.end() && found->is_string()
             ? one_line(found->get_ref<const std::string&>(), 60)
             : "-";
}

void print(const json& releases, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", releases.dump(2, ' ', false, json::error_handler_t::replace));
    return;
  }
  fmt::print("{:<6}{:<12}{:<18}{:<32}{}\n", "", "", "made", "encoder", "generator");
  for (const json& release : releases.value("data", json::array())) {
    fmt::print("{:<6}{:<12}{:<18}{:<32}{}\n", text_of(release, "id"), text_of(release, "status"),
               time_of(release.value("created_at", std::int64_t{0})), text_of(release, "encoder"),
               text_of(release, "generator"));
  }
}

void list(const ReleaseArguments& arguments) {
  if (arguments.place.is_server()) {
    return print(ReleaseClient(arguments.place.server).list(), arguments.as_json);
  }
  print(releases_json(*arguments.place.open(true)), arguments.as_json);
}

void create(const ReleaseArguments& arguments) {
  if (arguments.models.encoder.empty() && arguments.models.generator.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "neither --encoder nor --generator is given",
                "give one or both; the other stays as it is");
  }
  set_compute_threads(arguments.threads);
  const std::string name = make_release(arguments.place, arguments.models, arguments.promote);
  fmt::print("{} is {}\n", name,
             arguments.promote ? "live" : "ready: tandem release promote " + name);
}

void promote(const ReleaseArguments& arguments) {
  if (arguments.place.is_server()) {
    ReleaseClient(arguments.place.server).promote(arguments.name);
  } else {
    set_compute_threads(arguments.threads);
    const auto store = arguments.place.open();
    ProgressLine line;
    promote_release(*store, find_release(*store, arguments.name).number, show_on(line));
  }
  fmt::print("{} is live\n", arguments.name);
}

void rollback(const ReleaseArguments& arguments) {
  if (arguments.place.is_server()) {
    fmt::print("{} is live\n", ReleaseClient(arguments.place.server).rollback());
    return;
  }
  set_compute_threads(arguments.threads);
  const auto store = arguments.place.open();
  const Release previous = find_previous(*store);
  {
    ProgressLine line;
    promote_release(*store, previous.number, show_on(line));
  }
  fmt::print("{} is live\n", release_name(previous.number));
}

void remove(const ReleaseArguments& arguments) {
  if (arguments.place.is_server()) {
    ReleaseClient(arguments.place.server).remove(arguments.name);
  } else {
    const auto store = arguments.place.open();
    store->remove_release(find_release(*store, arguments.name).number);
  }
  fmt::print("{} is deleted\n", arguments.name);
}

}  // namespace

void add_release_command(CLI::App& app) {
  auto arguments = std::make_shared<ReleaseArguments>();
  CLI::App* command = app.add_subcommand(
      "release",
      "Put other models into service. A release is an encoder, the vectors that it made of all "
      "passages, and a generator; a store may hold several, of which one serves. A new one is made "
      "beside it, and a switch interrupts no request.");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, void (*run)(const ReleaseArguments&)) {
    CLI::App* part = command->add_subcommand(name, help);
    add_release_place(*part, arguments->place);
    part->callback([arguments, run] { run(*arguments); });
    return part;
  };
  const auto add_name = [&](CLI::App* part) {
    part->add_option("release", arguments->name, "Its name, such as r2")->required();
  };
  const auto add_threads = [&](CLI::App* part) {
    part->add_option("--threads", arguments->threads,
                     "Threads for the encoder; 0: one per processor")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
  };
  CLI::App* part = add("list", "Show the releases, which one is live and which are ready.", list);
  part->add_flag("--json", arguments->as_json, "As JSON");

  part = add("create",
             "Copy models into the store and embed all passages with the encoder, beside the "
             "vectors of the live release, which goes on serving. Interrupting is safe: run it "
             "again to go on.",
             create);
  part->add_option("--encoder", arguments->models.encoder,
                   "Folder of the encoder; default: that of the live release")
      ->type_name("DIR");
  part->add_option("--generator", arguments->models.generator,
                   "GGUF file of the generator; default: that of the live release")
      ->type_name("FILE");
  part->add_flag("--promote", arguments->promote, "Make it live when it is ready");
  add_threads(part);

  part = add("promote", "Make a release live, after embedding what it lacks.", promote);
  add_name(part);
  add_threads(part);

  part =
      add("rollback", "Make the release live that was so before, after embedding what came since.",
          rollback);
  add_threads(part);

  part = add("delete", "Remove a release that is not live, with its models and vectors.", remove);
  add_name(part);
}

}  // namespace tandem
